"""Tasks `email_uplift`, `off_policy` and `budget` on files written here."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from campaign.budget import hedged_shares
from data.errors import DataError, SettingError
from eval import budget, email_uplift, off_policy
from eval.task import Inputs
from models.ad_cells import CellCurves


def mails(path: Path, n: int = 3000, seed: int = 0) -> Path:
    """A test in which one mail helps men and another women; nobody visits for the other's."""
    rng = np.random.default_rng(seed)
    mens = rng.integers(0, 2, n)
    segment = rng.choice(["Mens E-Mail", "Womens E-Mail", "No E-Mail"], n)
    fits = ((segment == "Mens E-Mail") & (mens == 1)) | ((segment == "Womens E-Mail") & (mens == 0))
    visit = (rng.random(n) < 0.1 + 0.3 * fits).astype(int)
    spend = visit * rng.gamma(2.0, 10.0, n)
    columns = {"recency": rng.integers(1, 13, n), "mens": mens, "channel": rng.choice(["Web", "Phone"], n)}
    frame = pd.DataFrame(columns | {"segment": segment, "visit": visit, "conversion": visit, "spend": spend})
    frame.to_csv(path, index=False)
    return path


def test_personal_mails_beat_one_for_all(tmp_path: Path) -> None:
    train, test = mails(tmp_path / "train.csv"), mails(tmp_path / "test.csv", seed=1)
    outcome = email_uplift.evaluate(Inputs(train=train, test=test))
    assert outcome.metrics["policy_visit"] == pytest.approx(0.4, abs=0.05)
    assert outcome.metrics["gain_visit"] > 0.1
    assert outcome.intervals["gain_visit"][0] > 0
    assert outcome.metrics["policy_spend"] > outcome.floors["Mens E-Mail to all"]["policy_spend"]
    assert list(outcome.files) == [train, test]


def test_a_test_of_other_segments_is_refused(tmp_path: Path) -> None:
    train, test = mails(tmp_path / "train.csv"), tmp_path / "test.csv"
    frame = pd.read_csv(train)
    frame.assign(segment=frame["segment"].replace("No E-Mail", "SMS")).to_csv(test, index=False)
    with pytest.raises(DataError, match="differ in segments: No E-Mail, SMS"):
        email_uplift.evaluate(Inputs(train=train, test=test))
    frame.drop(columns="visit").to_csv(test, index=False)
    with pytest.raises(DataError, match="no column visit"):
        email_uplift.evaluate(Inputs(train=train, test=test))
    with pytest.raises(SettingError, match="both --train and --test"):
        email_uplift.evaluate(Inputs(train=train))


def test_qini_rewards_the_right_order() -> None:
    rng = np.random.default_rng(0)
    effect = rng.random(4000)
    treated = rng.random(4000) < 0.5
    outcome = (rng.random(4000) < 0.1 + 0.5 * effect * treated).astype(float)
    right, none, wrong = (email_uplift.qini(s, treated, outcome) for s in (effect, rng.random(4000), -effect))
    assert right > 0.02 > abs(none)
    assert wrong == pytest.approx(-right, abs=0.005)


def banners(folder: Path, n: int = 2000) -> Path:
    """Two policies over four items: one shows all alike, the other mostly the item that is clicked most."""
    rng = np.random.default_rng(0)
    rates = np.array([0.2, 0.02, 0.02, 0.02])
    for policy, shares in (("random", [0.25] * 4), ("bts", [0.7, 0.1, 0.1, 0.1])):
        item = rng.choice(4, n, p=shares)
        frame = pd.DataFrame({"item_id": item, "position": rng.integers(1, 4, n)})
        frame["click"] = (rng.random(n) < rates[item]).astype(int)
        frame["propensity_score"] = np.array(shares)[item]
        place = folder / policy / "men"
        place.mkdir(parents=True)
        frame.to_csv(place / "men.csv.gz")
        frame.head(3).to_csv(place / "item_context.csv.gz")
    return folder


def test_another_policys_clicks_are_foreseen(tmp_path: Path) -> None:
    campaigns, files = off_policy.read(banners(tmp_path))
    assert ([campaign.name for campaign in campaigns], len(files)) == (["men"], 2)
    one = campaigns[0]
    errors = off_policy.relative_errors(one.random, one.bts, seed=0, draws=20)
    assert errors["clipped DR"].shape == (20,)
    truth = one.bts["click"].mean()
    assert errors["clipped DR"].mean() < abs(one.random["click"].mean() - truth) / truth


def test_items_that_only_one_policy_shows_are_no_obstacle(tmp_path: Path) -> None:
    one = off_policy.read(banners(tmp_path))[0][0]
    fewer = one.random[one.random["item_id"] != 3]
    log = off_policy.displays(one.bts, off_policy.shares(fewer))
    assert (log.weights[one.bts["item_id"] == 3] == 0).all()
    assert np.isfinite(log.direct).all()


def test_simulated_intervals_hold_the_truth() -> None:
    covered, ratio = off_policy.simulate(seed=0, runs=10, decisions=500)
    assert covered["DR"] >= 0.8
    assert covered["DM"] < covered["DR"]
    assert 0.9 < ratio["DR"] < 1.4


def test_a_folder_without_both_policies_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="needs bts/ and random/"):
        off_policy.read(tmp_path)
    with pytest.raises(SettingError, match="name a folder"):
        off_policy.evaluate(Inputs(test=tmp_path / "none"))


def ads(path: Path, n: int = 300, seed: int = 0) -> Path:
    """Ads to the young bring three times as much for the money as those to the old."""
    rng = np.random.default_rng(seed)
    age, spend = rng.choice(["30-34", "45-49"], n), rng.gamma(1.0, 40.0, n)
    earned = rng.poisson(np.where(age == "30-34", 6.0, 2.0) * -np.expm1(-spend / 60))
    columns = {"age": age, "gender": "F", "Spent": spend, "Total_Conversion": earned}
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


def test_money_goes_where_it_brings_more(tmp_path: Path) -> None:
    train, test = ads(tmp_path / "train.csv"), ads(tmp_path / "test.csv", seed=1)
    outcome = budget.evaluate(Inputs(train=train, test=test))
    assert outcome.metrics["conversions_per_spend"] > outcome.floors["proportional split"]["conversions_per_spend"]
    assert outcome.intervals["gain_over_proportional"][0] > 0
    assert "demo_oracle_share" not in outcome.metrics


def test_cells_that_only_one_part_knows_are_left_out(tmp_path: Path) -> None:
    train, test = (budget.read(ads(tmp_path / f"{seed}.csv", seed=seed)) for seed in (0, 1))
    extra = pd.DataFrame({"cell": ["60-64 M"], "spend": [10.0], "conversions": [99.0]})
    found = budget.compare(train, pd.concat([test, extra]), seed=0)
    assert found["ours"][0] == pytest.approx(budget.compare(train, test, seed=0)["ours"][0])
    with pytest.raises(DataError, match="no cell"):
        budget.compare(train, extra, seed=0)


def test_ads_that_cannot_be_read_are_said(tmp_path: Path) -> None:
    path = ads(tmp_path / "a.csv")
    pd.read_csv(path).assign(Spent=-1.0).to_csv(path, index=False)
    with pytest.raises(DataError, match="line 2: Spent"):
        budget.read(path)


def test_doubt_spreads_the_money() -> None:
    ceilings, scales = np.array([[10.0, 1.0], [1.0, 10.0]]), np.full((2, 2), 5.0)
    sure, unsure = hedged_shares(ceilings[:1], scales[:1], 1.0), hedged_shares(ceilings, scales, 1.0)
    assert sure == pytest.approx([1.0, 0.0])
    assert unsure == pytest.approx([0.5, 0.5])


def test_curves_of_ads_find_heights_and_draw_rare_groups_to_the_mean() -> None:
    rng = np.random.default_rng(0)
    group = np.r_[np.repeat([0, 1], 300), 2]
    spend = rng.gamma(1.0, 40.0, 601)
    earned = rng.poisson(np.array([6.0, 2.0, 2.0])[group] * -np.expm1(-spend / 60)).astype(float)
    curves = CellCurves.fitted(spend, earned, group, 3, draws=20)
    heights = curves.ceilings[0] / [300, 300, 1]
    assert heights[:2] == pytest.approx([6.0, 2.0], rel=0.2)
    assert 2.5 < heights[2] < 5.5
    assert curves.scales[0, 0] / 300 == pytest.approx(60, rel=0.4)
    with pytest.raises(DataError, match="no curve to fit"):
        CellCurves.fitted(spend, np.zeros(601), group, 3)
