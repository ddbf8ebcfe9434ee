"""BG/NBD mixed with what it leaves out: how buying really went on for earlier customers of the same shop.

Three corrections, all from the fitted weeks, the first by standing at earlier weeks and looking at the ones after:
- who: boosted trees of counts (Poisson) multiply BG/NBD's expectation by what recent purchases and money add;
- how many in all: BG/NBD lets a cohort fade out, while real ones settle on a core; it is averaged with a profile of
  purchases by tenure that levels off;
- which number stands for a customer: the mean is not what errs least in absolute terms, since most buy nothing. Among
  forecasts with a given sum, expected absolute error is least where all lie at one and the same quantile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq, minimize
from scipy.special import gammaln
from scipy.stats import nbinom

from data.errors import DataError
from data.threads import single_threaded
from models.calibration import Array
from models.lifetime import BGNBD, LEAST, GammaGamma, history

if TYPE_CHECKING:
    from lightgbm import Booster

STOPS = (1 / 3, 4 / 9, 1 / 2, 2 / 3)
"""Where in the fitted weeks to stand and look ahead to their end."""
QUANTILE_SHARE = 0.75
"""How far each forecast goes from the mean (least squared error) to the common quantile (least absolute error). On the
earlier windows three quarters of the way has all of the gain in absolute error for half of the loss in squared."""
_LEAST_WEEKS = 6
_ROUNDS = 60
SETTLED = 0.5
"""Weight of the total that levels off. Equal weights are hard to beat (Bates and Granger 1969); learned ones were
worse."""
_SETTLED_RANGE = (2 / 3, 3 / 2)
"""How far, relative to BG/NBD's, a profile of few purchases may lead the total."""
_SHAPES = np.array([0.125, 0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 4.0])
_COUNTS = 400
_PARAMETERS: dict[str, Any] = {
    "objective": "poisson",
    "learning_rate": 0.03,
    "num_leaves": 4,
    "min_data_in_leaf": 200,
    "lambda_l2": 5.0,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}


@dataclass(frozen=True)
class Forecast:
    """The next weeks of each customer (index customer_id).

    `rows`: purchases (the point forecast), mean (expected purchases), alive (probability), spend (expected money of
    a purchase), value (mean × spend: expected money), bgnbd (what BG/NBD alone expects). `known` is what the purchases
    until then are summed up to (`models.lifetime.history`, same index), `model` the BG/NBD fitted to it.
    """

    rows: pd.DataFrame
    quantile: float
    known: pd.DataFrame
    model: BGNBD


def forecast(days: pd.DataFrame, *, start: pd.Timestamp, weeks: int, ahead: int, seed: int = 0) -> Forecast:
    """Purchases of the `ahead` weeks after the first `weeks` since `start`, from those first weeks alone.

    `days` is `models.lifetime.purchase_days`; rows after the fitted weeks are not looked at. Raises `DataError` where
    too few customers bought again.
    """
    end = _week_end(start, weeks)
    past = days[days["day"] <= end]
    known = history(past, end=end)
    model, money = BGNBD.fitted(known), GammaGamma.fitted(known)
    plain = model.purchases(known, ahead)
    windows = [window for stop in _stops(weeks) if (window := _window(past, start, stop, weeks)) is not None]
    mean, shape = plain, model.r + known["x"].to_numpy("float64")
    if windows:
        trees = _corrections(windows, seed)
        mean = plain * _factor(trees, features(past, model, end=end, weeks=ahead))
        shape = shape * _best_shape(windows, trees)
    settled = np.clip(settled_total(past, end=end, weeks=ahead), *(part * plain.sum() for part in _SETTLED_RANGE))
    total = (1 - SETTLED) * plain.sum() + SETTLED * settled
    mean = mean * total / max(mean.sum(), 1e-9)
    point, quantile = at_one_quantile(mean, shape)
    rows = pd.DataFrame(
        {
            "purchases": (1 - QUANTILE_SHARE) * mean + QUANTILE_SHARE * point,
            "mean": mean,
            "alive": model.alive(known),
            "spend": money.spend(known),
            "bgnbd": plain,
        },
        index=known.index,
    )
    return Forecast(rows.assign(value=rows["mean"] * rows["spend"]), quantile, known, model)


def features(days: pd.DataFrame, model: BGNBD, *, end: pd.Timestamp, weeks: float) -> pd.DataFrame:
    """What is known of each customer at the end of the day `end`, and BG/NBD's own view of the next `weeks`."""
    known = history(days, end=end)
    past = days[days["day"] <= end]
    grouped = past.groupby("customer_id")
    again = past[past["day"] > past["customer_id"].map(grouped["day"].min())]
    found = pd.DataFrame(
        {
            "log_bgnbd": np.log(np.maximum(model.purchases(known, weeks), 1e-6)),
            "alive": model.alive(known),
            "purchases": known["x"],
            "age": known["age"],
            "since_last": known["age"] - known["recency"],
            "recency_share": (known["recency"] / known["age"]).fillna(0.0),
            "log_money": np.log1p(grouped["money"].mean().clip(lower=0)),
            "log_first_money": np.log1p(grouped["money"].first().clip(lower=0)),
            "log_most_money": np.log1p(grouped["money"].max().clip(lower=0)),
            "log_units": np.log1p(grouped["units"].mean().clip(lower=0)),
        }
    )
    for recent in (4, 8, 13):
        late = again[again["day"] > end - pd.Timedelta(weeks=recent)]
        found[f"last_{recent}_weeks"] = late.groupby("customer_id").size().reindex(found.index).fillna(0.0)
    return found.astype("float64")


def settled_total(days: pd.DataFrame, *, end: pd.Timestamp, weeks: int) -> float:
    """Purchases of all in the next `weeks` if buying by tenure falls off to a level: rate(t) = A exp(−t/B) + C.

    Poisson maximum likelihood over the repeated purchases by week of tenure, each week with the customers who were
    watched in it.
    """
    past = days[days["day"] <= end]
    first = past["customer_id"].map(past.groupby("customer_id")["day"].min())
    tenure = (past["day"] - first).dt.days
    age = (end - past.groupby("customer_id")["day"].min()).dt.days.to_numpy()
    week = np.arange(int(age.max()) // 7 + 1)
    watched = np.array([np.clip(age - 7 * w, 0, 7).sum() / 7 for w in week])
    bought = np.bincount((tenure[tenure > 0].to_numpy() - 1) // 7, minlength=len(week))[: len(week)]
    middle, watched = np.asarray(week + 0.5, dtype="float64"), np.maximum(watched, 1e-9)

    def rate(logs: Array, at: Array) -> Array:
        return np.exp(logs[0]) * np.exp(-at / np.exp(logs[1])) + np.exp(logs[2])

    def surprise(logs: Array) -> float:
        expected = np.maximum(rate(logs, middle) * watched, 1e-12)
        return float((expected - bought * np.log(expected)).sum() / max(bought.sum(), 1))

    level = np.log(max(bought.sum() / watched.sum(), 1e-6))
    fit = minimize(surprise, [level, 1.5, level - 0.5], method="Nelder-Mead", options={"maxiter": 5000, "fatol": 1e-9})
    later = age[:, None] / 7 + np.arange(weeks, dtype="float64") + 0.5
    return float(rate(fit.x, later).sum())


def at_one_quantile(mean: Array, shape: Array) -> tuple[Array, float]:
    """Per customer the quantile q of a negative binomial of this mean and shape, q common and such that the sum stays.

    To lower Σ E|y − f| while Σ f stays, move f from a customer with the higher P(y ≤ f) to one with the lower; at the
    optimum all are equal. Quantiles of counts are read off the distribution function joined by straight lines.
    """
    counts = np.arange(_COUNTS)
    below = nbinom.cdf(counts[None, :], shape[:, None], (shape / (shape + np.maximum(mean, 1e-9)))[:, None])
    total = float(mean.sum())
    low, high = 0.02, 1 - 1e-4
    if not _read(below, low).sum() < total < _read(below, high).sum():
        return mean, float("nan")
    q = float(brentq(lambda q: float(_read(below, q).sum()) - total, low, high, xtol=1e-10))
    point = _read(below, q)
    # Where many customers leave zero at one quantile the sum jumps over the total there.
    return point * (total / max(float(point.sum()), 1e-9)), q


def _read(below: Array, q: float) -> Array:
    """Quantiles at `q` of counts with P(y ≤ k) in `below`[:, k], each count spread evenly over k ± ½."""
    at = (below < q).sum(axis=1)
    row = np.arange(len(below))
    upper = below[row, np.minimum(at, below.shape[1] - 1)]
    lower = np.where(at > 0, below[row, np.maximum(at - 1, 0)], 0.0)
    inside = np.divide(q - lower, upper - lower, out=np.ones(len(at)), where=upper > lower)
    return np.where(at == 0, 0.0, np.maximum(at - 0.5 + inside, 0.0))


@dataclass(frozen=True)
class _Window:
    """What an earlier week knew, and what came after it until the end of the fitted weeks."""

    features: pd.DataFrame
    bought: Array
    plain: Array
    shape: Array


def _stops(weeks: int) -> list[int]:
    whole = {round(weeks * share) for share in STOPS}
    return sorted(stop for stop in whole if min(stop, weeks - stop) >= _LEAST_WEEKS)


def _week_end(start: pd.Timestamp, weeks: int) -> pd.Timestamp:
    return start + pd.Timedelta(days=7 * weeks - 1)


def _window(past: pd.DataFrame, start: pd.Timestamp, stop: int, weeks: int) -> _Window | None:
    """The customers known at week `stop`, with their purchases until week `weeks`; None where too few bought."""
    end = _week_end(start, stop)
    known = history(past, end=end)
    if int((known["x"] > 0).sum()) < LEAST:
        return None
    model, ahead = BGNBD.fitted(known), weeks - stop
    later = past[past["day"] > end].groupby("customer_id").size().reindex(known.index).fillna(0.0)
    return _Window(
        features(past, model, end=end, weeks=ahead),
        np.asarray(later, dtype="float64"),
        model.purchases(known, ahead),
        model.r + known["x"].to_numpy("float64"),
    )


def _corrections(windows: list[_Window], seed: int) -> Booster:
    """Trees of log(purchases / BG/NBD's expectation)."""
    import lightgbm

    table = pd.concat([window.features for window in windows], ignore_index=True)
    bought = np.concatenate([window.bought for window in windows])
    offset = table["log_bgnbd"].to_numpy("float64")
    parameters = _PARAMETERS | {"seed": seed, "min_data_in_leaf": max(min(200, len(table) // 40), 20)}
    with single_threaded():
        data = lightgbm.Dataset(table, bought, init_score=offset, params={"verbosity": -1})
        return lightgbm.train(parameters, data, num_boost_round=_ROUNDS)


def _factor(trees: Booster, table: pd.DataFrame) -> Array:
    with single_threaded():
        return np.exp(np.asarray(trees.predict(table, raw_score=True), dtype="float64"))


def _best_shape(windows: list[_Window], trees: Booster) -> float:
    """How much wider than BG/NBD's Gamma the counts of the windows lie: the likeliest multiple of its shape r + x."""
    likely = np.zeros(len(_SHAPES))
    for window in windows:
        mean = np.maximum(window.plain * _factor(trees, window.features), 1e-9)
        for place, multiple in enumerate(_SHAPES):
            shape, y = window.shape * multiple, window.bought
            chance = gammaln(shape + y) - gammaln(shape) - gammaln(y + 1)
            likely[place] += (chance + shape * np.log(shape / (shape + mean)) + y * np.log(mean / (shape + mean))).sum()
    return float(_SHAPES[int(np.argmax(likely))])


def check_span(days: pd.DataFrame, *, start: pd.Timestamp, weeks: int) -> None:
    """Raises `DataError` unless the purchases go on after the weeks to fit on."""
    if days.empty or days["day"].max() <= _week_end(start, weeks):
        raise DataError(f"no purchase lies after week {weeks}: give a file that also holds the weeks to predict")
