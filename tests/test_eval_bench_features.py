"""The bench of features: the shop that it makes, and what it measures on a small one."""

from pathlib import Path

import pandas as pd
import pytest

from data.errors import SettingError
from data.schema import TABLES, conform
from eval import bench_features
from eval.task import Inputs


def test_the_made_up_shop_is_canonical_and_the_same_each_time(tmp_path: Path) -> None:
    one, other = (bench_features.make(tmp_path / name, 5_000) for name in ("one", "other"))
    for name in TABLES:
        found = pd.read_parquet(one / f"{name}.parquet")
        pd.testing.assert_frame_equal(found, pd.read_parquet(other / f"{name}.parquet"))
        if name not in ("customers", "products"):  # these two hold only what features read
            conform(name, found)
    events = pd.read_parquet(one / "events.parquet")
    assert len(events) == 5_000
    assert events["at"].max() < bench_features._NOW
    bought = events[events["kind"] == "purchase"]
    assert bought["product_id"].notna().all()
    assert (bought["unit_price"] > 0).all()
    assert bought["customer_id"].value_counts().iloc[0] > 3 * len(bought) / bought["customer_id"].nunique()


def test_it_measures_every_step_and_says_how_time_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    found = bench_features.evaluate(Inputs(), events=2_000).metrics
    assert found["customers"] == 100
    assert found["growth"] == pytest.approx(found["by_events/2000"] / found["by_events/200"])
    assert found["peak_mb"] > 50


def test_too_few_events_are_refused() -> None:
    with pytest.raises(SettingError, match="1,000 events or more"):
        bench_features.evaluate(Inputs(), events=10)
