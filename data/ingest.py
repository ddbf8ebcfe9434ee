"""Ingestion: a source file joins the store as a new snapshot, all or nothing; the same file twice changes nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from data.adapters import ADAPTERS, Extract
from data.adapters.base import UNKNOWN_CURRENCY
from data.derive import derive, product_days
from data.errors import DataError, SettingError
from data.quality import QualityReport, assess
from data.schema import TABLES, conform
from data.store import Snapshot, Store

Progress = Callable[[str], None]

_KEYS = {"customers": "customer_id", "products": "product_id", "orders": "order_id"}


@dataclass(frozen=True)
class IngestReport:
    """What one ingestion did: rows read, events new and already known, rows rejected by reason."""

    snapshot_id: str
    changed: bool
    source: str
    rows: int
    new_events: int
    known_events: int
    rejected: Mapping[str, int]
    replaced_demo: bool
    quality: QualityReport
    quality_path: Path

    @property
    def summary(self) -> str:
        """The outcome in a sentence or two."""
        if not self.changed:
            return f"{self.source} is already in the store: nothing changed (snapshot {self.snapshot_id})."
        turned_away = sum(self.rejected.values())
        said = f"{self.source}: {self.rows:,} rows read, {self.new_events:,} new events"
        said += f", {self.known_events:,} already known" if self.known_events else ""
        said += (
            f", {turned_away:,} {'row' if turned_away == 1 else 'rows'} kept apart with the reason"
            if turned_away
            else ""
        )
        return f"{said} (snapshot {self.snapshot_id})."


def ingest(
    store: Store,
    source: Path,
    *,
    format: str,
    map_file: Path | None = None,
    assume_consent: str | None = None,
    progress: Progress | None = None,
) -> IngestReport:
    """Adds the file `source` of `format` (a key of `ADAPTERS`) to `store` and makes the result its snapshot.

    `assume_consent` is the reason why this file's customers of unknown consent may be written to; it is recorded as
    their consent's source. A generated demo shop in the store is replaced, not mixed with a real one. Raises
    `DataError` or `SettingError`; then, as after Ctrl-C, the store is as it was.
    """
    say = progress or _silent
    if format not in ADAPTERS:
        raise SettingError(f"there is no format {format!r}: choose one of {', '.join(ADAPTERS)}")
    if assume_consent is not None and not assume_consent.strip():
        raise SettingError("--assume-consent needs a reason, for example 'newsletter sign-up at the till'")
    with store.writing():
        say("reading")
        extract = ADAPTERS[format](source, map_file)
        part = _typed(extract)
        before = store.snapshot() if store.has_snapshot else None
        base = None if before is None or before.meta.get("generated") else before
        _check_currency(base, extract, source)
        say("merging")
        tables, new_events = _merge(base, part, extract)
        if assume_consent is not None:
            tables["customers"] = _assume_consent(tables["customers"], part["customers"], assume_consent.strip())
        say("writing")
        snapshot = store.write(
            tables,
            name=base.name if base else extract.name,
            currency=extract.currency if base is None or base.currency == UNKNOWN_CURRENCY else base.currency,
            source=_sources(base, source.name),
            rejects=_merge_rejects(base, extract.rejects),
        )
        say("checking quality")
        quality = assess(snapshot)
        quality_path = store.write_quality(quality.to_html())
    return IngestReport(
        snapshot_id=snapshot.id,
        changed=before is None or before.id != snapshot.id,
        source=source.name,
        rows=extract.rows,
        new_events=new_events,
        known_events=len(part["events"]) - new_events,
        rejected={str(reason): int(n) for reason, n in extract.rejects["reason"].value_counts().items()},
        replaced_demo=before is not None and base is None,
        quality=quality,
        quality_path=quality_path,
    )


def _silent(message: str) -> None:
    """Reports progress to nobody."""


def _typed(extract: Extract) -> dict[str, pd.DataFrame]:
    """The extract's tables in canonical form; `DataError` when there is nothing in them."""
    if not any(len(extract.tables.get(name, ())) for name in ("events", "products", "customers")):
        reasons = extract.rejects["reason"].value_counts()
        why = f" (most often: {reasons.index[0]})" if len(reasons) else ""
        raise DataError(f"none of the {extract.rows:,} rows can be used{why}: check the format and its map")
    tables = dict(extract.tables)
    products = tables["products"]
    if "active" not in products:
        tables["products"] = products.assign(active=True)
    return {name: conform(name, frame) for name, frame in tables.items()}


def _assume_consent(customers: pd.DataFrame, among: pd.DataFrame, reason: str) -> pd.DataFrame:
    """Unknown consent of the customers in `among` becomes given, with `reason` as its source; a refusal stays."""
    chosen = customers["customer_id"].isin(among["customer_id"])
    email, sms = chosen & customers["consent_email"].isna(), chosen & customers["consent_sms"].isna()
    return customers.assign(
        consent_email=customers["consent_email"].mask(email, True),
        consent_sms=customers["consent_sms"].mask(sms, True),
        consent_source=customers["consent_source"].mask((email | sms) & customers["consent_source"].isna(), reason),
    )


def _check_currency(base: Snapshot | None, extract: Extract, source: Path) -> None:
    if base is None or UNKNOWN_CURRENCY in (base.currency, extract.currency) or base.currency == extract.currency:
        return
    raise DataError(
        f"{source.name} counts in {extract.currency}, but the store holds {base.name} in {base.currency}: "
        "give it a store of its own with --store"
    )


def _merge(
    base: Snapshot | None, part: Mapping[str, pd.DataFrame], extract: Extract
) -> tuple[dict[str, pd.DataFrame], int]:
    """The tables of `base` with `part` added, and how many of its events are new.

    Where both know a customer, product or order, the one with the later events stands and the other fills its gaps;
    a part without a new event changes nothing that is known, unless it has no events at all.
    """
    merged = dict(part)
    new_events = len(part["events"])
    if base is not None:
        known = base.frame("events")
        fresh = part["events"][~part["events"]["event_id"].isin(known["event_id"])]
        new_events = len(fresh)
        catalogue_alone = part["events"].empty  # says how things stand now
        part_is_newer = catalogue_alone or (new_events > 0 and part["events"]["at"].max() >= base.as_of)
        merged = {name: base.frame(name) for name in TABLES}
        merged["events"] = pd.concat([known, fresh], ignore_index=True)
        for name, key in _KEYS.items():
            frames = [part[name], merged[name]] if part_is_newer else [merged[name], part[name]]
            merged[name] = _coalesce([_given(frame) for frame in frames] if name == "products" else frames, key)
        merged["products"]["title"] = merged["products"]["title"].fillna(_stand_in(merged["products"]))
        merged["customers"] = _earliest_joined(merged["customers"], part["customers"], base.frame("customers"))
    merged["products"] = derive(merged["products"], merged["events"], extract.derive | _derived(base))
    if "product_days" in extract.derive:
        derived = product_days(merged["events"])
        given = merged.get("product_days", derived)
        given = given[~given["product_id"].isin(derived["product_id"])]
        merged["product_days"] = pd.concat([given, derived], ignore_index=True) if len(given) else derived
    return merged, new_events


def _given(products: pd.DataFrame) -> pd.DataFrame:
    """`products` without what no source gave: made-up titles, derived prices and categories, which are derived anew."""
    known = products.assign(title=products["title"].mask(products["title"] == _stand_in(products)))
    for column in ("price", "category"):
        derived = known[f"{column}_derived"].fillna(False).astype(bool)
        known[column], known[f"{column}_derived"] = (
            known[column].mask(derived),
            known[f"{column}_derived"].mask(derived),
        )
    return known


def _stand_in(products: pd.DataFrame) -> pd.Series:
    """What a product without a title is called."""
    return "Product " + products["product_id"]


def _derived(base: Snapshot | None) -> set[str]:
    """What must be derived whatever this source says: prices that are missing, and what was derived before."""
    before = base is not None and bool(base.frame("products")["category_derived"].fillna(False).any())
    return {"price", "category"} if before else {"price"}


def _coalesce(frames: list[pd.DataFrame], key: str) -> pd.DataFrame:
    """One row for each key: the first frame's values, with its nulls filled from the next."""
    filled = [frame for frame in frames if len(frame)]
    if len(filled) < 2:
        return filled[0] if filled else frames[0]
    return pd.concat(filled, ignore_index=True).groupby(key, as_index=False).first()


def _earliest_joined(merged: pd.DataFrame, *frames: pd.DataFrame) -> pd.DataFrame:
    first = (
        pd.concat([frame[["customer_id", "joined_at"]] for frame in frames]).groupby("customer_id")["joined_at"].min()
    )
    return merged.assign(joined_at=merged["customer_id"].map(first))


def _merge_rejects(base: Snapshot | None, rejects: pd.DataFrame) -> pd.DataFrame:
    if base is None or base.rejects().empty:
        return rejects
    everything = pd.concat([base.rejects(), rejects], ignore_index=True)
    return everything.drop_duplicates(["row", "column", "reason", "record"])  # the same file under another name


def _sources(base: Snapshot | None, name: str) -> str:
    known = str(base.meta["source"]).split(", ") if base else []
    return ", ".join([*known, name] if name not in known else known)
