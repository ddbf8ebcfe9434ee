"""Campaigns that never took place: hold-outs drawn on a demo shop's real course of purchases, and tests on visitors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from campaign.creative import full, sample_size
from campaign.effect import effect
from campaign.experiment import assign, detectable_effect, difference, holdout_share
from campaign.sequential import running
from campaign.verdict import HISTORY, OUTCOMES, outcomes
from eval.task import Inputs
from eval.trials import Trials

WINDOW = pd.Timedelta(days=14)
SMALLEST, LARGEST = 200, 3000
_EXPECTED = 0.02
_QUIET = pd.Timedelta(days=60)
_POWER_EVERY = 4
_RATES = ((0.02, 0.006), (0.05, 0.01), (0.30, 0.03))
"""Rates at which sequential tests are tried, each with the difference that matters."""
_DESIGNS = ((900, 300, 0.05), (2000, 400, 0.10), (5000, 900, 0.03))
"""Arms and rates at which the power of a hold-out is tried."""


@dataclass(frozen=True)
class Log:
    """A shop's purchase lines in order of time, when its customers joined, and what its products cost."""

    lines: pd.DataFrame
    joined: pd.Series
    costs: pd.Series
    first: pd.Timestamp
    last: pd.Timestamp

    @classmethod
    def of(cls, events: pd.DataFrame, customers: pd.DataFrame, products: pd.DataFrame) -> Log:
        """The log of a shop's canonical tables."""
        bought = events[(events["kind"] == "purchase") & events["customer_id"].notna()].sort_values(["at", "event_id"])
        quantity = bought["quantity"].astype("float64").fillna(1.0)
        lines = pd.DataFrame(
            {
                "at": bought["at"].to_numpy(),
                "customer_id": bought["customer_id"].astype(str).to_numpy(),
                "product_id": bought["product_id"].astype("string").to_numpy(),
                "basket": bought["order_id"].astype(str).to_numpy(),
                "quantity": quantity.to_numpy(),
                "amount": (quantity * bought["unit_price"].astype("float64").fillna(0.0)).to_numpy(),
            }
        )
        joined = customers.set_index(customers["customer_id"].astype(str))["joined_at"]
        costs = products.set_index("product_id")["cost"]
        return cls(lines, joined, costs, pd.Timestamp(events["at"].min()), pd.Timestamp(events["at"].max()))

    def between(self, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
        """Lines from `start` to before `end`."""
        first, last = self.lines["at"].searchsorted([start, end])
        return self.lines.iloc[first:last]


def holdouts(log: Log, campaigns: int, inputs: Inputs) -> Trials:
    """`campaigns` campaigns without any effect: at any time, to any number of any of three kinds of customers."""
    trials = Trials()
    for number in range(campaigns):
        if number % 50 == 0:
            inputs.report("A/A campaigns", number, campaigns)
        _campaign(log, number, np.random.default_rng([inputs.seed, 1, number]), trials)
    for treated, held, rate in _DESIGNS:
        rng, shift = np.random.default_rng([inputs.seed, 2, treated]), detectable_effect(treated, held, rate)
        for _ in range(campaigns):
            found = difference(rng.binomial(treated, rate + (shift or 0.0)), treated, rng.binomial(held, rate), held)
            trials.hit("power/holdout", found.low > 0)
    return trials


def _campaign(log: Log, number: int, rng: np.random.Generator, trials: Trials) -> None:
    span = (log.last - WINDOW - log.first - _QUIET).days
    start = (log.first + _QUIET).normalize() + pd.Timedelta(days=int(rng.integers(span)))
    here = log.joined.index[(log.joined < start).to_numpy()]
    lately = here.isin(log.between(start - _QUIET, start)["customer_id"])
    suited = here[(np.ones(len(here), bool), lately, ~lately)[number % 3]]
    size = min(int(np.exp(rng.uniform(np.log(SMALLEST), np.log(LARGEST)))), len(suited))
    chosen = sorted(str(one) for one in rng.choice(suited.to_numpy(object), size, replace=False))
    customers = pd.Index(chosen)
    before, longer, after = (
        outcomes(log.between(since, until), customers, log.costs, margin=0.4, offers={})
        for since, until in ((start - WINDOW, start), (start - HISTORY, start), (start, start + WINDOW))
    )
    share = holdout_share(size, float((before["orders"] > 0).mean()), _EXPECTED)
    split = assign(f"AA-{number:05d}", chosen, share)
    treated = customers.isin(split.treated)
    buyers = (after["orders"] > 0).to_numpy()
    one, other = buyers[treated], buyers[~treated]
    rates = difference(int(one.sum()), len(one), int(other.sum()), len(other))
    trials.hit("aa_rate", rates.low > 0 or rates.high < 0)
    for outcome in OUTCOMES:
        y = after[outcome].to_numpy("float64")
        x = np.column_stack([before[outcome].to_numpy("float64"), longer[outcome].to_numpy("float64")])
        found = effect(y, treated, x, seed=number)
        if found is not None:
            trials.hit(f"aa_rate/{outcome}", found.low > 0 or found.high < 0)
            trials.value(f"cuped_saved/{outcome}", found.saved)
        if outcome == "orders" and number % _POWER_EVERY == 0:
            _power(y, x, treated, number, trials)


def _power(y: np.ndarray, x: np.ndarray, treated: np.ndarray, number: int, trials: Trials) -> None:
    """Whether extra orders, as many as four of five such hold-outs can show, are seen with history and without."""
    error = np.sqrt(y[treated].var(ddof=1) / treated.sum() + y[~treated].var(ddof=1) / (~treated).sum())
    raised = y + 2.8 * float(error) * treated
    for name, history in (("cuped", x), ("plain", np.zeros_like(x))):
        found = effect(raised, treated, history, seed=number)
        if found is not None:
            trials.hit(f"power/{name}", found.low > 0)


def sequential(runs: int, inputs: Inputs) -> Trials:
    """Pairs of variants looked at after every visitor: alike (level), and different by what matters (power).

    Each test goes on for twice the visitors that one of fixed size with a power of four in five would take;
    `sequential_stops_at` is where it stops, as a share of that fixed size.
    """
    trials = Trials()
    for place, (rate, matters) in enumerate(_RATES):
        fixed = sample_size(full({"words": ("A", "B")}), rate, matters) // 2
        for number in range(runs // len(_RATES) + 1):
            if number % 50 == 0:
                inputs.report("sequential tests", place * runs + number * len(_RATES), runs * len(_RATES))
            rng = np.random.default_rng([inputs.seed, 3, place, number])
            first, second = (rng.random((2, 2 * fixed)) < rate).astype("float64")
            p, _ = running(first, second, matters=matters)
            trials.hit("sequential_level", p[-1] <= 0.05)
            worth = rng.lognormal(3.0, 1.0, (2, 2 * fixed))
            p, _ = running(first * worth[0], second * worth[1], matters=30 * matters)
            trials.hit("sequential_level/money", p[-1] <= 0.05)
            better = (rng.random(2 * fixed) < rate + matters).astype("float64")
            p, _ = running(better, second, matters=matters)
            trials.hit("sequential_power", p[-1] <= 0.05)
            if p[-1] <= 0.05:
                trials.value("sequential_stops_at", float((p <= 0.05).argmax() + 1) / fixed)
    return trials
