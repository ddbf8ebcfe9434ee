"""The demo shop's pages under /shop/: a storefront of the generated shop, with the assistant on every page."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Depends, Form, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader
from pydantic import BaseModel

from channels.access import VISIT_HOURS, Visit
from channels.api.security import state_of
from channels.assistant import storefront
from channels.assistant.storefront import Front, Product, front

_VISIT, _BASKET = "shop_visit", "shop_basket"
_A_PAGE = 24
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_ASSETS = {"shop.css": "text/css", "shop.js": "text/javascript", "icon.svg": "image/svg+xml"}
_SORTS = {"popular": "most bought", "cheap": "price, lowest first", "dear": "price, highest first"}


class Tile(BaseModel):
    """A recommended product for the page's own script."""

    product_id: str
    title: str
    price: str
    stock: str
    why: str | None


def _generated(request: Request) -> None:
    if not state_of(request).serving.now.shop.snapshot.meta.get("generated"):
        raise HTTPException(404, "the demo shop is shown for generated stores only: `shopkeeper demo` makes one")


def _own(request: Request) -> None:
    """A write must come from one of these pages: browsers say so, and a form elsewhere can't pretend it."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin", "")
    if site not in (None, "same-origin") or (site is None and urlsplit(origin).netloc != request.headers.get("host")):
        raise HTTPException(403, "this request came from another site")


Own = Depends(_own)
routes = APIRouter(prefix="/shop", include_in_schema=False, dependencies=[Depends(_generated)])


@routes.get("/")
def home(request: Request) -> HTMLResponse:
    """Categories, what suits the visit, and what sells."""
    shelves = _shelves(request)
    visit = _visit(request)
    return _page(
        request,
        visit,
        "home.html.j2",
        suited=storefront.for_you(state_of(request), visit, limit=4),
        popular=[one for one in shelves.products.values() if one.stock is None or one.stock > 0][:8],
        faces={name: ones[0] for name, ones in shelves.categories.items()},
    )


@routes.get("/c/{category}")
def shelf(
    request: Request,
    category: str,
    sort: Literal["popular", "cheap", "dear"] = "popular",
    page: Annotated[int, Query(ge=1, le=1000)] = 1,
) -> HTMLResponse:
    """One category."""
    found = list(_shelves(request).categories.get(category, []))
    if sort != "popular":
        found.sort(key=lambda one: one.price, reverse=sort == "dear")
    last = max(1, -(-len(found) // _A_PAGE))
    shown = found[(page - 1) * _A_PAGE : page * _A_PAGE]
    values = {"title": category, "category": category, "sort": sort, "sorts": _SORTS, "page": page, "last": last}
    return _page(
        request, _visit(request), "shelf.html.j2", found=shown, total=len(found), status=200 if found else 404, **values
    )


@routes.get("/search")
def search(request: Request, q: Annotated[str, Query(max_length=400)] = "") -> HTMLResponse:
    """What the visitor's words find."""
    found = storefront.search(state_of(request), q) if q.strip() else []
    title = f"Found for “{q.strip()}”" if q.strip() else "Search"
    return _page(request, _visit(request), "shelf.html.j2", title=title, q=q, found=found, total=len(found), last=1)


@routes.get("/p/{product_id}")
def product(request: Request, product_id: str) -> HTMLResponse:
    """One product, and what goes with it."""
    one, visit = _shelves(request).products.get(product_id), _visit(request)
    if one is None:
        return _page(request, visit, "missing.html.j2", status=404)
    suited = storefront.for_you(state_of(request), visit, beside=product_id, limit=4)
    return _page(request, visit, "product.html.j2", one=one, suited=suited)


@routes.get("/basket")
def basket(request: Request) -> HTMLResponse:
    """What is in the basket."""
    shelves = _shelves(request)
    lines = [(shelves.products[key], number) for key, number in _basket(request, shelves).items()]
    total = shelves.money(sum(one.price * number for one, number in lines))
    return _page(request, _visit(request), "basket.html.j2", lines=lines, total=total)


@routes.get("/orders")
def orders(request: Request) -> Response:
    """The signed-in customer's orders."""
    visit = _visit(request)
    if visit.customer_id is None:
        return RedirectResponse("/shop/", 303)
    found = storefront.orders_of(state_of(request).serving.now.shop.snapshot, visit.customer_id)
    return _page(request, visit, "orders.html.j2", orders=found)


@routes.get("/for-you")
def for_you(request: Request, beside: Annotated[str | None, Query(max_length=100)] = None) -> list[Tile]:
    """What suits the visit now; `beside` is the product that is open."""
    found = storefront.for_you(state_of(request), _visit(request), beside=beside, limit=4)
    return [
        Tile(product_id=one.product_id, title=one.title, price=one.shown_price, stock=one.standing, why=one.reason)
        for one in found
    ]


@routes.post("/basket", dependencies=[Own])
def put(
    request: Request,
    product_id: Annotated[str, Form(max_length=100)],
    quantity: Annotated[int, Form(ge=0, le=storefront.MOST_PIECES)] = 1,
    change: Annotated[Literal["add", "set"], Form()] = "add",
) -> Response:
    """Adds pieces to the basket, or sets how many there are; no more than the shop has."""
    shelves = _shelves(request)
    one, there = shelves.products.get(product_id), _basket(request, shelves)
    if one is None:
        raise HTTPException(404, "no such product")
    wanted = quantity + (there.get(product_id, 0) if change == "add" else 0)
    there[product_id] = min(wanted, storefront.MOST_PIECES if one.stock is None else max(0, one.stock))
    there = {key: number for key, number in there.items() if number > 0}
    asks_json = "application/json" in request.headers.get("accept", "")
    answer: Response = (
        JSONResponse({"count": sum(there.values()), "pieces": there.get(product_id, 0)})
        if asks_json
        else RedirectResponse("/shop/basket", 303)
    )
    _keep(request, answer, _BASKET, storefront.written_basket(there))
    return answer


@routes.post("/sign-in", dependencies=[Own])
def sign_in(request: Request, customer_id: Annotated[str, Form(max_length=100)]) -> Response:
    """Signs in as one of the demo customers: the shop's server signs the token, as a real shop's would."""
    state = state_of(request)
    if customer_id not in {one.customer_id for one in _shelves(request).people}:
        raise HTTPException(403, "the demo shop knows only the customers it lists")
    answer = RedirectResponse("/shop/", 303)
    _keep(request, answer, _VISIT, state.visits.sign(Visit(state.visits.new().session_id, customer_id)))
    return answer


@routes.post("/sign-out", dependencies=[Own])
def sign_out() -> Response:
    """Begins a visit of someone unknown, with an empty basket."""
    answer = RedirectResponse("/shop/", 303)
    answer.delete_cookie(_VISIT, path="/shop")
    answer.delete_cookie(_BASKET, path="/shop")
    return answer


@routes.get("/{name}")
def asset(name: str) -> Response:
    """The pages' style, script and icon."""
    if name not in _ASSETS:
        raise HTTPException(404, "no such page")
    content = (Path(__file__).parent / "pages" / name).read_bytes()
    return Response(content, media_type=_ASSETS[name], headers={"cache-control": "public, max-age=300"})


def _shelves(request: Request) -> Front:
    return front(state_of(request).serving.now.shop.snapshot)


def _visit(request: Request) -> Visit:
    """The visit of the page's cookie, or a new one."""
    state = state_of(request)
    held = state.visits.read(request.cookies.get(_VISIT, ""))
    if held is None:
        state.pace.spend("begin", request.client.host if request.client else "unknown")
        return state.visits.new()
    state.pace.spend("visit", held.session_id)
    return held


def _basket(request: Request, shelves: Front) -> dict[str, int]:
    return storefront.read_basket(request.cookies.get(_BASKET, ""), shelves.products)


def _page(request: Request, visit: Visit, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    state, shelves = state_of(request), _shelves(request)
    token = state.visits.sign(visit)
    html = (
        _templates()
        .get_template(template)
        .render(
            shop=state.serving.now.shop.snapshot.name,
            categories=list(shelves.categories),
            count=sum(_basket(request, shelves).values()),
            people=shelves.people,
            signed_in=next((one for one in shelves.people if one.customer_id == visit.customer_id), None),
            token=token,
            **{"category": None, "q": ""} | values,
        )
    )
    answer = HTMLResponse(html, status, headers={"content-security-policy": _POLICY, "cache-control": "no-store"})
    _keep(request, answer, _VISIT, token)
    return answer


def _keep(request: Request, answer: Response, name: str, value: str) -> None:
    answer.set_cookie(
        name,
        value,
        max_age=VISIT_HOURS * 3600,
        path="/shop",
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )


@functools.cache
def _templates() -> Environment:
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "pages"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    made.filters["part"] = lambda text: quote(text, safe="")
    made.globals["picture"] = _picture
    return made


def _picture(one: Product) -> str:
    return f"/assistant/pictures/{quote(one.product_id, safe='')}.svg"
