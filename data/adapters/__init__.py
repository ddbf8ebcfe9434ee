"""The formats that can be ingested: one file and one line of this registry each."""

from data.adapters import events, ga4, online_retail, segment, shopify
from data.adapters.base import Adapter, Extract

ADAPTERS: dict[str, Adapter] = {
    "online-retail": online_retail.extract,
    "events": events.extract,
    "shopify": shopify.extract,
    "segment": segment.extract,
    "ga4": ga4.extract,
}

__all__ = ["ADAPTERS", "Adapter", "Extract"]
