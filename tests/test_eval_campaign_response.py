"""The task's two forms, written by the test; above all that nothing later than a campaign's start is known to it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.errors import DataError
from eval import campaign_response
from eval.journey import parted, read_journey
from eval.task import Inputs
from models.campaign_response import ACCEPTED, AMOUNTS, answered, customer_features, household_features


def customers(path: Path, rows: int, seed: int) -> Path:
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({name: rng.integers(0, 60, rows) for name in AMOUNTS})
    table = table.assign(**{name: rng.integers(0, 2, rows) for name in ACCEPTED}, Year_Birth=1970)
    table["Education"], table["Marital_Status"] = (
        rng.choice(["PhD", "Master"], rows),
        rng.choice(["Single", "Married"], rows),
    )
    table["Dt_Customer"] = "2013-05-0" + pd.Series(rng.integers(1, 9, rows)).astype(str)
    chance = 1 / (1 + np.exp(4.0 - 1.5 * table[list(ACCEPTED)].sum(axis=1)))
    table.assign(Response=(rng.random(rows) < chance).astype(int)).to_csv(path, index=False)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six campaigns, one a month, each to 100 households, of which the first thirty often redeem."""
    rng = np.random.default_rng(0)
    starts = pd.date_range("2017-01-01", periods=6, freq="30D")
    described = pd.DataFrame({"campaign_id": range(1, 7), "campaign_type": "Type A", "start_date": starts})
    described.assign(end_date=starts + pd.Timedelta(days=20)).to_csv(
        tmp_path / "campaign_descriptions.csv", index=False
    )
    sent = pd.MultiIndex.from_product([range(1, 7), range(1, 101)], names=["campaign_id", "household_id"]).to_frame(
        index=False
    )
    sent.to_csv(tmp_path / "campaigns.csv", index=False)
    took = sent[rng.random(len(sent)) < np.where(sent["household_id"] <= 30, 0.5, 0.05)]
    took = took[took["campaign_id"] < 6]  # of the last one nothing is known yet
    dates = took["campaign_id"].map(dict(zip(range(1, 7), starts, strict=True))) + pd.Timedelta(days=5)
    took.assign(coupon_upc=1, redemption_date=dates).to_csv(tmp_path / "coupon_redemptions.csv", index=False)
    return tmp_path


def test_customers_of_one_form_are_measured(tmp_path: Path) -> None:
    train, test = customers(tmp_path / "train.csv", 250, 0), customers(tmp_path / "test.csv", 200, 1)
    found = campaign_response.evaluate(Inputs(train=train, test=test))
    assert found.metrics["roc_auc"] > 0.75
    assert found.metrics["profit"] > found.floors["a message to everyone"]["profit"]
    assert found.intervals["profit"][0] < found.metrics["profit"] < found.intervals["profit"][1]


def test_households_are_measured_on_later_campaigns(folder: Path) -> None:
    found = campaign_response.evaluate(Inputs(test=folder))
    assert found.metrics["campaigns"] == 2
    assert found.metrics["households"] == 200
    assert found.metrics["roc_auc"] > 0.65
    assert found.metrics["lift@10%"] > 1.5
    assert "redeemed-before rate" in found.floors


def test_a_campaign_of_unknown_outcome_is_left_out(folder: Path) -> None:
    journey, _ = read_journey(folder)
    earlier, later = parted(journey, folder)
    assert (earlier, later) == (["1", "2", "3"], ["4", "5"])


def test_features_know_nothing_from_the_start_on(folder: Path) -> None:
    journey, _ = read_journey(folder)
    start = journey.campaigns.loc["3", "start_date"]
    past = journey.answers[journey.answers["redemption_date"] < start]
    blind = type(journey)(journey.sent, journey.campaigns, past, journey.coupons, journey.people, journey.lines)
    pd.testing.assert_frame_equal(household_features(journey, "3"), household_features(blind, "3"))
    first = household_features(journey, "1")
    assert first[["campaigns", "answered", "coupons redeemed"]].sum().sum() == 0


def test_an_outcome_counts_only_up_to_the_moment_asked_for(folder: Path) -> None:
    journey, _ = read_journey(folder)
    homes = household_features(journey, "3").index
    start = journey.campaigns.loc["3", "start_date"]
    assert answered(journey, "3", homes).sum() > 0
    assert answered(journey, "3", homes, before=start).sum() == 0


def test_a_customer_s_sums_and_shares(tmp_path: Path) -> None:
    table = pd.read_csv(customers(tmp_path / "some.csv", 5, 0)).assign(MntWines=30, MntFruits=10)
    spent = [name for name in AMOUNTS if name.startswith("Mnt")]
    found = customer_features(table.assign(**dict.fromkeys(spent[2:], 0)))
    assert (found["spend"] == 40).all()
    assert (found["share MntWines"] == 0.75).all()


def test_a_folder_without_campaigns_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no campaign_descriptions"):
        campaign_response.evaluate(Inputs(test=tmp_path))
