"""Reads a folder in the form of the Complete Journey, and parts its campaigns into earlier and later ones."""

from pathlib import Path

import pandas as pd

from data.errors import DataError
from eval.propensities import read_csv
from models.campaign_response import Journey

LATER = 0.3
"""The share of households written to that the later campaigns make up, at least."""

_NEEDED: dict[str, tuple[str, ...]] = {
    "campaign_descriptions": ("campaign_id", "campaign_type", "start_date", "end_date"),
    "campaigns": ("campaign_id", "household_id"),
    "coupon_redemptions": ("household_id", "campaign_id", "redemption_date"),
}
_USEFUL: dict[str, tuple[str, ...]] = {
    "coupons": ("coupon_upc", "product_id", "campaign_id"),
    "demographics": ("household_id",),
    "products": ("product_id", "product_type", "brand"),
    "transactions_sample": (
        "household_id",
        "basket_id",
        "product_id",
        "sales_value",
        "retail_disc",
        "coupon_disc",
        "transaction_timestamp",
    ),
}
_IDS = ("campaign_id", "household_id", "product_id", "basket_id", "coupon_upc")


def read_journey(folder: Path) -> tuple[Journey, list[Path]]:
    """The tables of a folder and the files they came from; of coupons, people and purchases there may be none.

    Raises `DataError` for a folder without campaigns, or a table without its columns.
    """
    files: list[Path] = []
    tables = {name: _table(folder, name, columns, files) for name, columns in (_NEEDED | _USEFUL).items()}
    described = tables["campaign_descriptions"].drop_duplicates("campaign_id").set_index("campaign_id")
    for name in ("start_date", "end_date"):
        described[name] = _times(described[name], folder, name)
    answers = tables["coupon_redemptions"]
    answers["redemption_date"] = _times(answers["redemption_date"], folder, "redemption_date")
    lines = tables["transactions_sample"].merge(
        tables["products"].drop_duplicates("product_id")[["product_id", "product_type", "brand"]],
        on="product_id",
        how="left",
    )
    lines["at"] = _times(lines["transaction_timestamp"], folder, "transaction_timestamp")
    people = tables["demographics"].drop_duplicates("household_id").set_index("household_id")
    sent = tables["campaigns"].drop_duplicates(["campaign_id", "household_id"])
    order = described.sort_values("start_date", kind="stable")
    return Journey(sent, order, answers, tables["coupons"], people, lines), files


def parted(journey: Journey, folder: Path) -> tuple[list[str], list[str]]:
    """Earlier and later campaigns, by their start.

    The later ones are as many of the last as hold `LATER` of all households written to. Those that began after the
    last one with a redemption are left out: of them the file knows no outcome. Raises `DataError` where nothing is
    left to learn from.
    """
    redeemed = journey.campaigns.index.isin(journey.answers["campaign_id"])
    if not redeemed.any():
        raise DataError(f"{folder} holds no redemption of a campaign that is described: nothing to learn from")
    last = journey.campaigns.loc[redeemed, "start_date"].max()
    known = journey.campaigns.index[journey.campaigns["start_date"] <= last]
    sizes = journey.sent["campaign_id"].value_counts().reindex(known).fillna(0)
    known = known[sizes.to_numpy() > 0]
    after = sizes[known][::-1].cumsum()[::-1]  # households written to by each campaign and those after it
    begin = journey.campaigns.loc[known[(after >= LATER * sizes.sum()).to_numpy()][-1], "start_date"]
    earlier = [str(c) for c in known if journey.campaigns.loc[c, "start_date"] < begin]
    later = [str(c) for c in known if journey.campaigns.loc[c, "start_date"] >= begin]
    if not earlier:
        raise DataError(f"{folder} holds no campaigns that began before the later ones: nothing to learn from")
    return earlier, later


def _table(folder: Path, name: str, columns: tuple[str, ...], files: list[Path]) -> pd.DataFrame:
    paths = [path for path in (folder / f"{name}.csv", folder / f"{name}.csv.gz") if path.exists()]
    if not paths:
        if name in _NEEDED:
            raise DataError(f"{folder} holds no {name}.csv or {name}.csv.gz")
        return pd.DataFrame({column: pd.Series(dtype=object) for column in columns})
    files.append(paths[0])
    table = read_csv(paths[0], columns)
    return table.assign(**{column: _ids(table[column]) for column in _IDS if column in table})


def _ids(values: pd.Series) -> pd.Series:
    return values.astype(str).str.replace(r"\.0$", "", regex=True)


def _times(values: pd.Series, folder: Path, name: str) -> pd.Series:
    times = pd.to_datetime(values, errors="coerce", format="mixed")
    if times.isna().any():
        raise DataError(f"{folder}: {name} holds {values[times.isna()].iloc[0]!r}, which is no time")
    return times
