"""The formats that can be ingested: one file and one line of this registry each."""

from data.adapters import events, online_retail
from data.adapters.base import Adapter, Extract

ADAPTERS: dict[str, Adapter] = {
    "online-retail": online_retail.extract,
    "events": events.extract,
}

__all__ = ["ADAPTERS", "Adapter", "Extract"]
