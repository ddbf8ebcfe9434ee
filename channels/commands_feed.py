"""`shopkeeper feed`: the catalogue for Google Merchant or as JSON-LD."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

from channels.options import DebugOption, StoreOption, store_at


class Feed(StrEnum):
    """The forms of a feed."""

    MERCHANT = "merchant"
    JSONLD = "jsonld"


def feed(
    *,
    form: Annotated[Feed, typer.Argument(help="merchant (TSV) or jsonld (schema.org).", show_default=False)],
    url: Annotated[
        str | None,
        typer.Option(
            "--url", metavar="URL", help="A product's page, {id} for its id; mail.yaml's product_url otherwise."
        ),
    ] = None,
    store: StoreOption = None,
    _debug: DebugOption = False,
) -> None:
    """Writes the products that are for sale to standard output.

    Examples:

    - `shopkeeper feed merchant --url "https://shop.example.com/products/{id}" > products.tsv`
    - `shopkeeper feed jsonld > products.jsonld`
    """
    from urllib.parse import quote

    from channels import feeds
    from channels.mail import settings
    from data.errors import SettingError

    place = store_at(store)
    snapshot = place.snapshot()
    shop = settings.read(place.root) if url is None else None
    if url is None and shop is None:
        raise SettingError("where are the products' pages? Add --url https://shop.example.com/products/{id}")
    if url is not None and "{id}" not in url:
        raise SettingError(f"the address {url} has no place for the product's id: write {{id}} there")
    write = feeds.merchant if form is Feed.MERCHANT else feeds.json_ld

    def address(product_id: str) -> str:
        if url is not None:
            return url.replace("{id}", quote(product_id, safe=""))
        assert shop is not None
        return shop.product_page(product_id)

    sys.stdout.write(write(snapshot, address))
