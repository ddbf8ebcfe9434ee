"""The hold-out: deterministic, of the right size, and honest about chance."""

import numpy as np
import pytest

from campaign.experiment import assign, detectable_effect, difference, holdout_share
from data.errors import CampaignError

CUSTOMERS = [f"{n}" for n in range(400)]


def test_the_same_campaign_and_customers_always_split_the_same_way() -> None:
    first, again = assign("C-0001", CUSTOMERS, 0.15), assign("C-0001", CUSTOMERS[::-1], 0.15)
    assert first == again
    assert len(first.holdout) == 60
    assert set(first.holdout).isdisjoint(first.treated)
    assert set(first.holdout) | set(first.treated) == set(CUSTOMERS)


def test_a_split_is_the_same_on_every_machine_and_in_every_version() -> None:
    assert assign("C-0001", list("abcdefgh"), 0.25).holdout == ("h", "b")


def test_another_campaign_splits_independently() -> None:
    first, second = set(assign("C-0001", CUSTOMERS, 0.5).holdout), set(assign("C-0002", CUSTOMERS, 0.5).holdout)
    assert 70 < len(first & second) < 130  # 100 are expected by chance, with a standard deviation of 5


@pytest.mark.parametrize("share", [-0.1, 1.0, 2.0])
def test_an_impossible_share_is_refused(share: float) -> None:
    with pytest.raises(CampaignError, match="hold-out share"):
        assign("C-0001", CUSTOMERS, share)


def test_a_holdout_grows_only_until_it_can_show_the_effect() -> None:
    assert holdout_share(20_000, 0.05, 0.03) == 0.10
    between = holdout_share(3000, 0.05, 0.035)
    held = round(between * 3000)
    assert 0.10 < between <= 0.30
    smallest = detectable_effect(3000 - held, held, 0.05)
    assert smallest is not None
    assert smallest <= 0.035
    assert holdout_share(50, 0.05, 0.001) == 0.15  # hopeless: the usual share


def test_power_is_what_it_claims() -> None:
    """At the smallest detectable effect, about four of five simulated campaigns show it."""
    rng = np.random.default_rng(1)
    effect = detectable_effect(2000, 500, 0.10)
    assert effect is not None
    shown = 0
    for _ in range(400):
        found = difference(rng.binomial(2000, 0.10 + effect), 2000, rng.binomial(500, 0.10), 500)
        shown += found.low > 0
    assert 0.66 < shown / 400 < 0.92  # Newcombe's interval is a little cautious


def test_campaigns_without_effect_seem_to_have_one_in_one_of_twenty() -> None:
    rng = np.random.default_rng(2)
    outside = 0
    for _ in range(1000):
        found = difference(rng.binomial(400, 0.06), 400, rng.binomial(80, 0.06), 80)
        outside += found.low > 0 or found.high < 0
    assert outside / 1000 < 0.07


def test_the_interval_of_newcombes_own_example() -> None:
    """Newcombe (1998), table II, example (a): 56/70 against 48/80 gives 0.0524 to 0.3339."""
    found = difference(56, 70, 48, 80)
    assert found.lift == pytest.approx(0.2)
    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=1e-4)


def test_nothing_can_be_compared_with_an_empty_arm() -> None:
    assert detectable_effect(10, 0, 0.1) is None
    with pytest.raises(CampaignError, match="nothing can be compared"):
        difference(1, 10, 0, 0)
