"""Model cards (Mitchell et al. 2019) of a shop's trained models: Markdown, with figures that were measured there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from models.base import Model
from models.drift import moved
from models.registry import MODELS, ModelSet

if TYPE_CHECKING:
    from data.store import Snapshot


@dataclass(frozen=True)
class Measure:
    """A line of the table: what is measured, its key among the model's metrics, and the floors' names by their keys."""

    words: str
    key: str
    floors: Mapping[str, str]


@dataclass(frozen=True)
class Text:
    """What a card says of every shop's model: what it does, how it is measured, what it knows, and its limits."""

    does: str
    split: str
    knows: str
    limits: str
    measures: tuple[Measure, ...]


def card(model: Model, snapshot: Snapshot) -> str:
    """The card of one model as it was trained on `snapshot`; the same model, the same text."""
    text = TEXTS[model.name]
    rows = {table: int(count) for table, count in snapshot.meta["rows"].items()}
    data = ", ".join(f"{rows[t]:,} {t}" for t in ("customers", "products", "orders", "events") if t in rows)
    parts = [
        f"# Model card: {model.name} of {snapshot.name}",
        f"**What it does.** {text.does}",
        f"**Data.** Snapshot {snapshot.id} up to {snapshot.as_of:%d %b %Y}: {data}. Version {model.version}.",
        f"**What it knows.** {text.knows}",
        f"**How it was measured.** {text.split}",
        _table(model.metrics, text.measures),
        *moved(model.metrics),
        f"**Limits.** {text.limits}",
        "Written by `shopkeeper status --cards`; the figures are those of the training of this version.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def write(models: ModelSet, snapshot: Snapshot, folder: Path) -> list[Path]:
    """Writes each trained model's card as `folder`/NAME.md (made if need be) and gives the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for name in MODELS:
        path = folder / f"{name}.md"
        path.write_text(card(models[name], snapshot), encoding="utf-8")
        found.append(path)
    return found


def _table(metrics: Mapping[str, float], measures: tuple[Measure, ...]) -> str:
    shown = [measure for measure in measures if measure.key in metrics]
    if not shown:
        return "Too little history to measure: nothing is claimed of how good it is."
    lines = ["| measure | this model | floors |", "| --- | --- | --- |"]
    for one in shown:
        floors = ", ".join(f"{words} {metrics[key]:.3f}" for words, key in one.floors.items() if key in metrics)
        lines.append(f"| {one.words} | **{metrics[one.key]:.3f}** | {floors} |")
    return "\n".join(lines)


def _demand(level: str) -> Measure:
    floors = {"last week": f"wape_{level}_last_value", "8-week mean": f"wape_{level}_8_week_mean"}
    return Measure(f"WAPE of 4 weeks, {level}", f"wape_{level}", floors)


def _ranked(words: str, key: str) -> Measure:
    return Measure(words, key, {"best sellers": f"{key}_popular", "views of taste alone": f"{key}_views"})


TEXTS: dict[str, Text] = {
    "behaviour": Text(
        does="Gives each customer a calibrated chance of buying within 30 days, the expected spend, the chance "
        "of still being a customer, and reasons. LightGBM with monotone features or a logistic "
        "regression, whichever ranked better; spend by the chance or by the rhythm of buying (BG/NBD and "
        "Gamma-Gamma, mixed with how earlier customers went on).",
        split="Cut-offs every 30 days; fitted on the earlier ones, measured on the last, whose 30 days end with "
        "the data. Then it is fitted again with them. Calibration rests on customers held out at all cut-"
        "offs.",
        knows="Orders, spend, visits, views, baskets, searches, returns and e-mail answers of 30, 90 and 365 "
        "days, rhythm between orders, breadth of categories. No age, sex, address or name.",
        limits="Other horizons assume a constant rate: 90 days came out 5.6 points off on the demo shop. A "
        "season that the months before did not have is not foreseen. Of who never bought, spend is the "
        "shop's usual order.",
        measures=(
            Measure("AUC", "auc", {"LightGBM": "auc_lightgbm", "logistic regression": "auc_logistic"}),
            Measure("calibration error", "ece", {"LightGBM": "ece_lightgbm", "logistic regression": "ece_logistic"}),
            Measure("customers whose bin's share lay in its 80% range", "range_held", {}),
            Measure(
                "total spend off by",
                "spend_off",
                {
                    "by chance": "spend_off_chance",
                    "by rhythm": "spend_off_rhythm",
                    "chance × one usual order": "spend_off_one_order",
                },
            ),
        ),
    ),
    "uplift": Text(
        does="Says what an e-mail, and an offer in it, adds to a customer's chance of buying.",
        split="Randomised mails of the shop's own past; the error is the standard error of the mean.",
        knows="The features of the behaviour model, and who by chance got which mail.",
        limits="Without a randomised test in the data a cautious constant stands in. Effects on few customers "
        "are drawn strongly to the mean.",
        measures=(
            Measure("average uplift of the chance", "average_uplift", {"its error": "average_uplift_error"}),
            Measure("uplift of an offer", "offer_uplift", {"its error": "offer_uplift_error"}),
            Measure("uplift of the third that gains most", "uplift_of_best_third", {"all": "average_uplift"}),
        ),
    ),
    "recommend": Text(
        does="Ranks products for a customer or a running visit, each with its evidence: views of taste, with lists by "
        "boosted trees and with what past visits went on to, where these helped on the time split.",
        split="The new products that customers bought in the last 30 days, ranked from what lay before; weights "
        "chosen on half of these customers, measured on the other half. Of visits the next new step, in the same way.",
        knows="Purchases, baskets, views and visits with their age, friends, prices, what sells, and the words of "
        "titles.",
        limits="What nobody has bought yet is found by its words alone. Shops where people buy the same things "
        "again are measured on new items only.",
        measures=(
            _ranked("recall@20 of new items", "recall@20"),
            _ranked("NDCG@20", "ndcg@20"),
            _ranked("recall@20 of a visit's next new step", "visit_recall@20"),
            _ranked("NDCG@20 of that step", "visit_ndcg@20"),
        ),
    ),
    "forecast": Text(
        does="Forecasts weekly demand of items, categories and the shop with 80% intervals, so that items add "
        "up to their category and categories to the shop.",
        split="Past origins 4 weeks apart; at the latest two, method, way of adding up and interval come from "
        "the origins before each.",
        knows="Units sold a day without orders soon given back, categories, and the recommender's view of demand.",
        limits="Less than 56 weeks know no yearly season. No promotion or price plan of the coming weeks is "
        "read. Beyond 13 weeks the level goes on.",
        measures=(
            _demand("shop"),
            _demand("category"),
            _demand("item"),
            Measure("share of totals in their 80% interval", "coverage_80", {}),
        ),
    ),
    "response": Text(
        does="Gives for each advertising channel the orders, revenue and profit to expect of a spend, with "
        "their doubt.",
        split="The last 8 weeks of days, from curves fitted before them.",
        knows="Spend, clicks, orders and revenue of each channel and day.",
        limits="Days are not randomised: what made the shop spend more may also have made people buy. Beyond the "
        "largest spend seen the curve is a guess.",
        measures=(
            Measure("WAPE of daily orders", "wape_orders", {"in proportion to spend": "wape_orders_proportional"}),
        ),
    ),
}
"""The words of each registered model's card."""
