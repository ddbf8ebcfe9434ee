"""Customers' future purchases: known processes are found again, and nothing after the fitted weeks is looked at."""

import numpy as np
import pandas as pd
import pytest

from data.errors import DataError
from models.lifetime import BGNBD, GammaGamma, history, purchase_days
from models.lifetime_mix import at_one_quantile, check_span, forecast, settled_total

START = pd.Timestamp("2020-01-01")
TRUTH = BGNBD(r=0.6, alpha=4.0, a=0.8, b=2.5)


def shoppers(n: int, weeks: float, seed: int = 0) -> pd.DataFrame:
    """Purchases of a cohort that follows BG/NBD exactly; everyone joins in the first four weeks."""
    rng = np.random.default_rng(seed)
    rate, leave = rng.gamma(TRUTH.r, 1 / TRUTH.alpha, n), rng.beta(TRUTH.a, TRUTH.b, n)
    rows = []
    for customer in range(n):
        at = rng.uniform(0, 4)
        mean = rng.gamma(6.0, 5.0)
        while at < weeks:
            day = START + pd.Timedelta(days=int(at * 7))
            rows.append((f"{customer:05d}", day, 1.0, rng.gamma(4.0, mean / 4)))
            if rng.random() < leave[customer] and len(rows) > 1 and rows[-2][0] == rows[-1][0]:
                break
            at += rng.exponential(1 / max(rate[customer], 1e-9))
    return purchase_days(pd.DataFrame(rows, columns=["customer_id", "day", "units", "money"]))


@pytest.fixture(scope="module")
def days() -> pd.DataFrame:
    return shoppers(900, 52)


def test_two_invoices_of_a_day_are_one_purchase() -> None:
    lines = pd.DataFrame({"customer_id": ["A", "A"], "day": [START, START], "units": [1, 2], "money": [3.0, 4.0]})
    assert purchase_days(lines).to_dict("list") == {"customer_id": ["A"], "day": [START], "money": [7.0], "units": [3]}


def test_history_counts_repeats_and_weeks() -> None:
    on = [START, START + pd.Timedelta(days=14), START + pd.Timedelta(days=90)]
    days = pd.DataFrame({"customer_id": "A", "day": on, "units": 1.0, "money": [10.0, 20.0, 99.0]})
    row = history(days, end=START + pd.Timedelta(days=28)).loc["A"]
    assert row.to_dict() == {"x": 1.0, "recency": 2.0, "age": 4.0, "spend": 20.0}


def test_bgnbd_foresees_the_total_of_its_own_process(days: pd.DataFrame) -> None:
    end = START + pd.Timedelta(days=26 * 7 - 1)
    known = history(days, end=end)
    real = (days["day"] > end).sum()
    assert BGNBD.fitted(known).purchases(known, 26).sum() == pytest.approx(real, rel=0.15)


def test_the_longer_silent_the_less_likely_alive() -> None:
    known = pd.DataFrame({"x": [4.0, 4.0, 0.0], "recency": [25.0, 5.0, 0.0], "age": [26.0, 26.0, 26.0]})
    active, silent, once = TRUTH.alive(known)
    assert silent < active < once == 1.0
    expected = TRUTH.purchases(known, 13)
    assert expected[1] < expected[0]
    assert (TRUTH.purchases(known, 26) > expected).all()


def test_gamma_gamma_draws_few_purchases_to_the_mean(days: pd.DataFrame) -> None:
    known = history(days, end=START + pd.Timedelta(days=26 * 7))
    model = GammaGamma.fitted(known)
    asked = pd.DataFrame({"x": [0.0, 1.0, 50.0], "spend": [np.nan, 100.0, 100.0]})
    nobody, little, much = model.spend(asked)
    assert nobody == pytest.approx(30.0, rel=0.15)
    assert nobody < little < much < 100.0


def test_too_few_repeats_are_said() -> None:
    known = pd.DataFrame({"x": [1.0, 0.0], "recency": [1.0, 0.0], "age": [5.0, 5.0], "spend": [1.0, np.nan]})
    with pytest.raises(DataError, match="only 1 customers bought again"):
        BGNBD.fitted(known)
    with pytest.raises(DataError, match="paid for a repeated purchase"):
        GammaGamma.fitted(known)


def test_the_forecast_sees_no_later_week() -> None:
    days = shoppers(300, 52, seed=1)
    end = START + pd.Timedelta(days=26 * 7 - 1)
    whole = forecast(days, start=START, weeks=26, ahead=26)
    cut = forecast(days[days["day"] <= end], start=START, weeks=26, ahead=26)
    pd.testing.assert_frame_equal(whole.rows, cut.rows)


def test_the_forecast_errs_less_than_bgnbd_and_keeps_its_sum(days: pd.DataFrame) -> None:
    rows = forecast(days, start=START, weeks=26, ahead=26).rows
    later = days[days["day"] >= START + pd.Timedelta(weeks=26)].groupby("customer_id").size()
    real = later.reindex(rows.index).fillna(0.0)
    assert rows["purchases"].sum() == pytest.approx(rows["mean"].sum(), rel=1e-6)
    assert (rows["purchases"] - real).abs().mean() < (rows["bgnbd"] - real).abs().mean()
    assert (rows["purchases"] >= 0).all()


def test_one_quantile_keeps_the_sum_and_lowers_the_absolute_error() -> None:
    rng = np.random.default_rng(1)
    mean, shape = rng.gamma(0.5, 2.0, 4000) + 0.01, np.full(4000, 0.5)
    point, quantile = at_one_quantile(mean, shape)
    real = rng.poisson(rng.gamma(shape, mean / shape))
    assert point.sum() == pytest.approx(mean.sum(), rel=1e-6)
    assert 0.5 < quantile < 1
    assert np.abs(point - real).mean() < np.abs(mean - real).mean()


def test_steady_buying_goes_on() -> None:
    who, when = np.nonzero(np.random.default_rng(0).random((400, 140)) < np.r_[1.0, np.full(139, 1 / 14)])
    on = START + pd.to_timedelta(when, unit="D")
    days = pd.DataFrame({"customer_id": who.astype(str), "day": on, "units": 1.0, "money": 1.0})
    ahead = settled_total(days, end=START + pd.Timedelta(days=139), weeks=10)
    assert ahead == pytest.approx(400 * 70 / 14, rel=0.06)


def test_a_file_without_later_weeks_is_refused(days: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="no purchase lies after week 60"):
        check_span(days, start=START, weeks=60)
