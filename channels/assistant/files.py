"""Routes of the widget's files and of drawn product pictures; any shop's page may load them."""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pandas as pd
from fastapi import APIRouter, HTTPException, Request, Response
from fastapi import Path as InPath

from channels.api.security import state_of
from channels.assistant.build import HOW, place
from channels.assistant.pictures import picture

_SCRIPT = re.compile(r"widget\.js|chat-[0-9A-Za-z]{8,16}\.js")
_ANYWHERE = {"cross-origin-resource-policy": "cross-origin", "access-control-allow-origin": "*"}
_FIVE_MINUTES, _DAY, _FOR_EVER = "public, max-age=300", "public, max-age=86400", "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class _File:
    """A built script as it goes over the wire."""

    plain: bytes
    packed: bytes
    tag: str
    stamp: int


def router(folder: Path | None = None) -> APIRouter:
    """The routes over the widget built in `folder` (where `shopkeeper build-widget` puts it)."""
    built = folder or place()
    routes = APIRouter(prefix="/assistant", include_in_schema=False)
    held: dict[str, _File] = {}

    @routes.get("/pictures/{product_id}.svg")
    def drawn(request: Request, product_id: Annotated[str, InPath(min_length=1, max_length=200)]) -> Response:
        """A product's drawn picture, for where it has no photo."""
        products = state_of(request).serving.now.shop.snapshot.frame("products")
        found = products[products["product_id"] == product_id]
        if found.empty:
            raise HTTPException(404, "no such product")
        one = found.iloc[0]
        svg = picture(str(one["title"]), None if pd.isna(one["category"]) else str(one["category"]))
        return Response(svg, media_type="image/svg+xml", headers=_ANYWHERE | {"cache-control": _DAY})

    @routes.get("/{name}.js")
    def script(request: Request, name: str) -> Response:
        """`widget.js`, kept by browsers for five minutes, and the chat, whose name changes with its content."""
        file = f"{name}.js"
        path = built / file
        if not _SCRIPT.fullmatch(file):
            raise HTTPException(404, "no such script")
        if not path.exists():
            raise HTTPException(404 if (built / "widget.js").exists() else 503, HOW)
        found = held.get(file)
        if found is None or found.stamp != path.stat().st_mtime_ns:
            found = held[file] = _read(path)
        headers = _ANYWHERE | {
            "cache-control": _FIVE_MINUTES if file == "widget.js" else _FOR_EVER,
            "etag": found.tag,
            "vary": "accept-encoding",
        }
        if request.headers.get("if-none-match") == found.tag:
            return Response(status_code=304, headers=headers)
        packs = "gzip" in request.headers.get("accept-encoding", "")
        content = found.packed if packs else found.plain
        return Response(
            content, media_type="text/javascript", headers=headers | ({"content-encoding": "gzip"} if packs else {})
        )

    return routes


def _read(path: Path) -> _File:
    plain = path.read_bytes()
    tag = f'"{hashlib.sha256(plain).hexdigest()[:16]}"'
    return _File(plain, gzip.compress(plain, 9, mtime=0), tag, path.stat().st_mtime_ns)
