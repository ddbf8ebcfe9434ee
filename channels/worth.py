"""What each trained model is worth: its measure on a time split beside that of a plain baseline."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.base import Model
    from models.registry import ModelSet


@dataclass(frozen=True)
class Worth:
    """One line: what is predicted, the measure, the model's value, the baseline's name and value, and a remark."""

    what: str
    measure: str
    model: str
    baseline: str
    remark: str = ""

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """The line as the columns of a table."""
        measured = f"{self.measure} {self.model}" if self.model else "not measured"
        return self.what, measured, f"({self.baseline})" if self.baseline else "", self.remark


def worth(models: ModelSet) -> list[Worth]:
    """The lines of all models that were trained, in the order of the registry; a model without a measure says why."""
    from models.registry import MODELS

    return [line for name in MODELS for line in (_LINES.get(name, _any)(models[name]))]


def _behaviour(model: Model) -> list[Worth]:
    found, what = model.metrics, "will buy within 30 days"
    if "auc" not in found:
        return [Worth(what, "AUC", "", "", "too little history to measure")]
    serves = {found[f"auc_{kind}"]: words for kind, words in _KINDS.items() if f"auc_{kind}" in found}
    calibrated = f"calibrated within {100 * found['ece']:.1f} points" if "ece" in found else ""
    chosen = f"{serves[found['auc']]} serves" if len(serves) > 1 and found["auc"] in serves else ""
    remark = ", ".join(part for part in (calibrated, chosen) if part)
    baseline = f"logistic {_short(found['auc_logistic'])}" if "auc_logistic" in found else ""
    lines = [Worth(what, "AUC", _short(found["auc"]), baseline, remark)]
    if "spend_off" in found:
        rhythm = found["spend_off"] == found.get("spend_off_rhythm")
        remark = "their rhythm of buying serves" if rhythm else "their chance of buying serves"
        plain = f"one usual order {100 * found['spend_off_one_order']:+.0f}%"
        lines.append(
            Worth("will spend within 30 days", "total off by", f"{100 * found['spend_off']:+.0f}%", plain, remark)
        )
    return lines


def _recommend(model: Model) -> list[Worth]:
    found, what = model.metrics, "next new items"
    if "recall@20" not in found:
        return [Worth(what, "recall@20", "", "", "too few customers to measure")]
    lines = [
        _listed(found, "recall@20", what, "lists by boosted trees serve"),
        _listed(found, "ndcg@20", "", ""),
    ]
    if "visit_recall@20" in found:
        lines.append(_listed(found, "visit_recall@20", "next step of a visit", "past visits serve"))
    return lines


def _listed(found: Mapping[str, float], key: str, what: str, remark: str) -> Worth:
    """The line of one measure; `remark` says what serves beside the views of taste, if it does."""
    helped = f"{remark}, {_short(found[f'{key}_views'])} without" if f"{key}_views" in found and remark else ""
    measure = key.removeprefix("visit_").replace("ndcg", "NDCG")
    return Worth(what, measure, _short(found[key]), f"best sellers {_short(found[f'{key}_popular'])}", helped)


def _forecast(model: Model) -> list[Worth]:
    found = model.metrics
    lines: list[Worth] = []
    coverage = found.get("coverage_80")
    for kind in ("shop", "category", "item"):
        if f"wape_{kind}" not in found:
            continue
        prefix = f"wape_{kind}_"
        plain = min(((v, k.removeprefix(prefix)) for k, v in found.items() if k.startswith(prefix)), default=None)
        baseline = "" if plain is None else f"{_BASELINES.get(plain[1], plain[1].replace('_', ' '))} {_short(plain[0])}"
        remark = "" if lines or coverage is None else f"80% intervals hold {100 * coverage:.0f}%"
        lines.append(Worth(f"weekly demand, {kind}", "WAPE", _short(found[f"wape_{kind}"]), baseline, remark))
    if lines and isinstance(way := getattr(model, "way", None), str):
        lines[-1] = replace(lines[-1], remark=f"added up {way}")
    return lines or [Worth("weekly demand", "WAPE", "", "", "history too short to look back on")]


def _uplift(model: Model) -> list[Worth]:
    found, what = model.metrics, "what a message adds"
    if "average_uplift" not in found:
        return [Worth(what, "points", "", "", "no experiment in the data: a cautious constant is assumed")]
    error = 100 * found.get("average_uplift_error", 0.0)
    remark = f"± {error:.1f}, from {found['decisions']:,.0f} randomised mails"
    return [Worth(what, "chance", f"+{100 * found['average_uplift']:.1f} points", "", remark)]


def _response(model: Model) -> list[Worth]:
    found, what = model.metrics, "orders from advertising"
    if "wape_orders" not in found:
        return [Worth(what, "WAPE", "", "", "no advertising history: an even return is assumed")]
    return [
        Worth(what, "WAPE", _short(found["wape_orders"]), f"in proportion {_short(found['wape_orders_proportional'])}")
    ]


def _any(model: Model) -> list[Worth]:
    """A model that has no line of its own: its first measures as they are."""
    measured = [(key, value) for key, value in model.metrics.items()][:2]
    shown = ", ".join(f"{key.replace('_', ' ')} {value:.2f}" for key, value in measured)
    return [Worth(model.name, "", "", "", shown)] if shown else []


def _short(value: float) -> str:
    """Two decimals, without the zero before the point, as these measures are usually written.

    >>> _short(0.834), _short(1.2)
    ('.83', '1.20')
    """
    return f"{value:.2f}".removeprefix("0")


_BASELINES = {"8_week_mean": "8-week mean", "last_value": "last week", "seasonal_naive": "last year"}

_KINDS = {"lightgbm": "LightGBM", "logistic": "logistic regression"}

_LINES: dict[str, Callable[[Model], list[Worth]]] = {
    "behaviour": _behaviour,
    "recommend": _recommend,
    "forecast": _forecast,
    "uplift": _uplift,
    "response": _response,
}
