"""Who answers a campaign: what a customer's record says about it, in two public forms.

`customer_features` reads one row a customer with spending by kind of goods and answers to earlier campaigns (the iFood
form); `household_features` what was known of each household on the day on which a coupon campaign began (the form of
dunnhumby's Complete Journey).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.calibration import Array
from models.propensity import Propensity

SPENT = ("MntWines", "MntFruits", "MntMeatProducts", "MntFishProducts", "MntSweetProducts", "MntGoldProds")
BOUGHT = ("NumWebPurchases", "NumCatalogPurchases", "NumStorePurchases")
ACCEPTED = tuple(f"AcceptedCmp{number}" for number in range(1, 6))
AMOUNTS = (
    "Year_Birth",
    "Income",
    "Kidhome",
    "Teenhome",
    "Recency",
    *SPENT,
    "NumDealsPurchases",
    *BOUGHT,
    "NumWebVisitsMonth",
    *ACCEPTED,
    "Complain",
)
WORDS = ("Education", "Marital_Status")
JOINED = "Dt_Customer"

_DAY = pd.Timedelta(days=1)
_MONTH = 30.0
_PRIOR = 2.0  # campaigns that the usual rate weighs in a household's own


def customer_features(customers: pd.DataFrame) -> pd.DataFrame:
    """One row a customer, same index: the columns, sums and shares of spending and buying, and the day of joining."""
    found = customers[list(AMOUNTS)].apply(pd.to_numeric, errors="coerce").astype("float64")
    spend, bought = found[list(SPENT)].sum(axis=1), found[list(BOUGHT)].sum(axis=1)
    joined = pd.to_datetime(customers[JOINED], errors="coerce", format="mixed")
    extra = {
        "joined": (joined - pd.Timestamp(0)) / _DAY,
        "spend": spend,
        "purchases": bought,
        "spend a purchase": spend / np.maximum(bought, 1),
        "spend of income": spend / np.maximum(found["Income"], 1),
        "accepted": found[list(ACCEPTED)].sum(axis=1),
        "children": found["Kidhome"] + found["Teenhome"],
        "share at reduced prices": found["NumDealsPurchases"] / np.maximum(bought, 1),
        "share by catalogue": found["NumCatalogPurchases"] / np.maximum(bought, 1),
        "web purchases a visit": found["NumWebPurchases"] / np.maximum(found["NumWebVisitsMonth"], 1),
        **{f"share {name}": found[name] / np.maximum(spend, 1) for name in SPENT},
    }
    partner = customers["Marital_Status"].astype(str).isin(["Married", "Together"])
    words = {name: customers[name].astype(str) for name in WORDS}
    return found.assign(**extra, partner=partner.astype("float64"), **words)


def customer_model() -> Propensity:
    """The model of `customer_features`."""
    return Propensity(monotone={"accepted": 1} | dict.fromkeys(ACCEPTED, 1), penalty=10.0)


@dataclass(frozen=True)
class Journey:
    """Coupon campaigns and who answered: the tables of the Complete Journey, times parsed, ids as text.

    `sent` campaign_id, household_id · `campaigns` index campaign_id: campaign_type, start_date, end_date, in order of
    their start · `answers` household_id, campaign_id, redemption_date · `coupons` campaign_id, product_id, coupon_upc ·
    `people` index household_id · `lines` household_id, product_id, basket_id, quantity, sales_value, retail_disc,
    coupon_disc, product_type, brand, at.
    """

    sent: pd.DataFrame
    campaigns: pd.DataFrame
    answers: pd.DataFrame
    coupons: pd.DataFrame
    people: pd.DataFrame
    lines: pd.DataFrame


def household_features(journey: Journey, campaign: str) -> pd.DataFrame:
    """Index household_id of those who got `campaign`; float64 columns, known on the day on which it began.

    Answers and purchases of that day or later change nothing; demographics are constant.
    """
    told = cast("pd.Series[Any]", journey.campaigns.loc[campaign])
    now = pd.Timestamp(told["start_date"])
    homes = pd.Index(sorted(set(journey.sent.loc[journey.sent["campaign_id"] == campaign, "household_id"])))
    offered = journey.coupons[journey.coupons["campaign_id"] == campaign]
    parts = [
        pd.DataFrame({f"type {told.campaign_type}": 1.0}, index=homes),
        pd.DataFrame({"coupons": float(offered["coupon_upc"].nunique()), "households": float(len(homes))}, index=homes),
        _answered(journey, told, homes),
        _shopping(journey.lines[journey.lines["at"] < now], now, offered, homes),
        _people(journey.people, homes),
    ]
    return pd.concat(parts, axis=1).astype("float64")


def answered(journey: Journey, campaign: str, homes: pd.Index, *, before: pd.Timestamp | None = None) -> pd.Series:
    """1 for each of `homes` that redeemed a coupon of `campaign` (before that moment), else 0."""
    rows = journey.answers[journey.answers["campaign_id"] == campaign]
    if before is not None:
        rows = rows[rows["redemption_date"] < before]
    return pd.Series(homes.isin(rows["household_id"]).astype("float64"), index=homes)


def household_model() -> Propensity:
    """The model of `household_features`: with a few hundred answers to learn from, trees only add noise."""
    return Propensity(members=("logistic",), penalty=30.0)


def _answered(journey: Journey, told: pd.Series, homes: pd.Index) -> pd.DataFrame:
    """Campaigns got and answered before this one began, in all and of its type."""
    before = journey.campaigns[journey.campaigns["start_date"] < told.start_date]
    sent = journey.sent[journey.sent["campaign_id"].isin(before.index)]
    answers = journey.answers[journey.answers["redemption_date"] < told.start_date]
    pairs = answers.drop_duplicates(["household_id", "campaign_id"])
    usual = len(pairs) / max(len(sent), 1)
    alike = before.index[before["campaign_type"] == told.campaign_type]
    found = pd.DataFrame(index=homes)
    for end, some in (("", before.index), (", same type", alike)):
        got, took = (_count(rows[rows["campaign_id"].isin(some)], homes) for rows in (sent, pairs))
        found[f"campaigns{end}"], found[f"answered{end}"] = got, took
        found[f"answer rate{end}"] = (took + _PRIOR * usual) / (got + _PRIOR)
    found["coupons redeemed"] = _count(answers, homes)
    latest = answers.groupby("household_id")["redemption_date"].max().reindex(homes)
    found["days since an answer"] = (told.start_date - latest) / _DAY
    return found


def _shopping(lines: pd.DataFrame, now: pd.Timestamp, offered: pd.DataFrame, homes: pd.Index) -> pd.DataFrame:
    """What the household bought so far, and how much of it is on offer now."""
    months = max((now - lines["at"].min()) / _DAY, 7.0) / _MONTH if len(lines) else 1.0
    kinds = lines.loc[lines["product_id"].isin(offered["product_id"]), "product_type"].dropna().unique()
    grouped = lines.groupby("household_id")
    sales = grouped["sales_value"].sum().reindex(homes, fill_value=0.0)
    count = _count(lines, homes)
    fitting = _count(lines[lines["product_id"].isin(offered["product_id"])], homes)
    return pd.DataFrame(
        {
            "lines a month": count / months,
            "sales a month": sales / months,
            "baskets": grouped["basket_id"].nunique().reindex(homes, fill_value=0),
            "lines of 8 weeks": _count(lines[lines["at"] >= now - 56 * _DAY], homes),
            "coupon lines": _count(lines[lines["coupon_disc"] > 0], homes),
            "share of discounts": grouped["retail_disc"].sum().reindex(homes) / np.maximum(sales, 0.1),
            "share of own brands": (lines["brand"] == "Private").groupby(lines["household_id"]).mean().reindex(homes),
            "lines on offer a month": fitting / months,
            "lines of kinds on offer a month": _count(lines[lines["product_type"].isin(kinds)], homes) / months,
            "share on offer": fitting / np.maximum(count, 1),
        },
        index=homes,
    )


def _people(people: pd.DataFrame, homes: pd.Index) -> pd.DataFrame:
    """Demographics as numbers: the first number in a bracket such as "35-49K"; NaN where nothing is known."""
    known = people.reindex(homes)
    found = pd.DataFrame({"is described": homes.isin(people.index).astype("float64")}, index=homes)
    for name in ("age", "income", "household_size", "kids_count"):
        if name in known:
            digits = known[name].astype("string").str.extract(r"(\d+)")[0]
            found[name] = pd.to_numeric(digits, errors="coerce").astype("float64")
    for name, value in (("home_ownership", "Homeowner"), ("marital_status", "Married")):
        if name in known:
            found[value] = (known[name] == value).astype("float64")
    return found


def _count(rows: pd.DataFrame, homes: pd.Index) -> pd.Series:
    return rows.groupby("household_id").size().reindex(homes, fill_value=0).astype("float64")


def worth_writing_to(chances: Array, *, cost: float, revenue: float) -> NDArray[np.bool_]:
    """Whom to contact: those whose expected revenue passes what a contact costs (Elkan 2001); needs calibrated chances.

    >>> worth_writing_to(np.array([0.2, 0.3]), cost=3.0, revenue=11.0)
    array([False,  True])
    """
    chosen: NDArray[np.bool_] = chances * revenue > cost
    return chosen
