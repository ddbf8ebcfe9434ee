"""The simulator judges by the truth alone, and the bench's scale rows are solved."""

import numpy as np
import pandas as pd
import pytest

from campaign.optimise import solve
from campaign.plan import Member
from data.errors import SettingError
from eval.bench_campaign import campaign_of
from eval.campaign_simulator import CampaignSimulator


@pytest.fixture
def judge() -> CampaignSimulator:
    ids = ["A", "B"]
    uplift = pd.DataFrame(
        {
            "customer_id": ids * 2,
            "action": ["email"] * 2 + ["email_discount"] * 2,
            "probability": [0.1, 0.0, 0.2, 0.3],
            "profit": [2.0, -0.03, 1.4, 0.57],
        }
    )
    return CampaignSimulator(
        {"uplift": uplift, "purchase": pd.DataFrame({"customer_id": ids, "probability": [0.5, 0.0]})}
    )


def _member(customer: str, channel: str = "email", offer: float = 0.0, arm: str = "treated") -> Member:
    return Member(customer, "treated" if arm == "treated" else "holdout", channel, 0.5, offer)


def test_profit_is_the_truths_and_lies_between_for_a_smaller_discount(judge: CampaignSimulator) -> None:
    members = [_member("A"), _member("A", offer=0.15), _member("A", offer=0.05), _member("B", arm="holdout")]
    assert judge.profit(members).tolist() == pytest.approx([2.0, 1.4, 1.8])


def test_a_text_message_has_its_share_at_its_own_cost(judge: CampaignSimulator) -> None:
    assert judge.profit([_member("A", "sms")]).item() == pytest.approx(0.8 * 2.03 - 0.06)
    assert judge.uplift([_member("A", "sms", 0.15)]).item() == pytest.approx(0.16)


def test_who_buys_is_drawn_once_for_both_worlds() -> None:
    ids = [f"{kind}{number}" for kind in "AB" for number in range(4000)]
    truth = {
        "uplift": pd.DataFrame(
            {
                "customer_id": ids * 2,
                "action": ["email"] * len(ids) + ["email_discount"] * len(ids),
                "probability": 0.3,
                "profit": 1.0,
            }
        ),
        "purchase": pd.DataFrame({"customer_id": ids, "probability": [0.5] * 4000 + [0.0] * 4000}),
    }
    judge = CampaignSimulator(truth)
    crowd = [_member(one, arm="holdout" if one[0] == "A" else "treated") for one in ids]
    drawn = judge.buyers(crowd, seed=1)
    treated, held = drawn[drawn["customer_id"].str[0] == "B"], drawn[drawn["customer_id"].str[0] == "A"]
    assert treated["buys"].mean() == pytest.approx(0.3, abs=0.03)
    assert not (treated["alone"] & ~treated["buys"]).any()
    assert (held["alone"] == held["buys"]).all()
    assert held["buys"].mean() == pytest.approx(1 - 0.5 ** (14 / 30), abs=0.03)
    pd.testing.assert_frame_equal(drawn, judge.buyers(crowd, seed=1))


@pytest.mark.parametrize(
    ("member", "words"),
    [
        (_member("A", "google"), "no effect of google"),
        (_member("A", offer=0.2), "discounts from 0 to 15%"),
        (_member("Z"), "no customer Z"),
    ],
)
def test_what_the_truth_does_not_know_is_refused(judge: CampaignSimulator, member: Member, words: str) -> None:
    with pytest.raises(SettingError, match=words):
        judge.profit([member])


def test_the_made_up_campaigns_bind_and_are_solved_near_their_bound() -> None:
    options, limits = campaign_of(400, 20)
    found = solve(options, limits, 400)
    assert found.gap < 0.03
    assert found.prices.budget > 0
    assert np.isfinite(found.bound)
