"""Bench `experiments`: do a campaign's tests keep their word: hold-outs, sequential tests, off-policy intervals.

Hold-outs are tried on a demo shop's real course of purchases, in campaigns that never took place (A/A); sequential
tests on simulated visitors, looked at after every single one; off-policy intervals on simulated logs whose truth is
known, and on logs of demo shops against the shops' own truth; the bandit on a demo shop's truth.
"""

from __future__ import annotations

from dataclasses import replace

from data.demo_shop import generate
from data.errors import SettingError
from data.threads import single_threaded
from eval.simulated_bandit import earned
from eval.simulated_holdouts import Log, holdouts, sequential
from eval.simulated_logs import covered, demo_covered
from eval.task import Inputs, Outcome
from eval.trials import merged

CAMPAIGNS = 1000
_UNSEEN = 2027
"""Added to every seed: worlds and shops 0 to 3, 7 and 1000 on were looked at while the methods were being made."""


def evaluate(inputs: Inputs, *, campaigns: int = CAMPAIGNS, customers: int = 5000, months: int = 18) -> Outcome:
    """Measures every promise on `campaigns` A/A campaigns, and on other trials in proportion.

    aa_rate: A/A campaigns whose verdict is not "inconclusive" (and by outcome, whose extra is significant), bar 5% ± 2.
    cuped_saved: share of the variance that history takes away. power: trials with the effect that four of five should
    show. sequential_level: tests of equal variants that ever, at any look, find a difference, bar 5%. coverage: 95%
    off-policy intervals that hold the truth, bar 93%. bandit_gain: profit per 1,000 contacts above an even split's.
    Intervals are Monte Carlo's, 95%.
    """
    if campaigns < 10:
        raise SettingError("a bench of experiments needs 10 campaigns or more")
    inputs.report("demo shop", 0, 1)
    inputs = replace(inputs, seed=inputs.seed + _UNSEEN)
    demo = generate(seed=inputs.seed, customers=customers, months=months)
    log = Log.of(demo.tables["events"], demo.tables["customers"], demo.tables["products"])
    with single_threaded():
        parts = [
            holdouts(log, campaigns, inputs),
            sequential(campaigns, inputs),
            covered(max(campaigns * 3 // 5, 10), inputs),
            demo_covered(max(campaigns // 100, 1), inputs),
            earned(demo, max(campaigns // 10, 3), inputs),
        ]
    metrics, intervals, floors = merged(parts)
    return Outcome(metrics=metrics, intervals=intervals, floors=floors)
