"""The shopping assistant's face: the widget for any shop's page, product pictures, and a demo shop that shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import APIRouter


def routers() -> list[APIRouter]:
    """The routes of the widget's files and of the demo shop."""
    from channels.assistant import files, shop

    return [files.router(), shop.routes]
