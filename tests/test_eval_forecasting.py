"""The forecasting tasks on files of their form: what they measure, what they refuse, and that nothing leaks."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.errors import DataError, SettingError
from eval import intermittent, inventory, sales_forecast, sku_forecast, weekly_items
from eval.task import Inputs


def sales(weeks: int = 120, *, start: str = "2010-02-05", seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = []
    for store in range(1, 4):
        for dept in (1, 7):
            week = np.arange(weeks)
            level = 1000 * store * (1.3 + np.sin(2 * np.pi * week / 52 + dept)) * 1.1 ** (week / 52)
            amount = level * np.exp(0.05 * rng.normal(size=weeks))
            date = pd.date_range(start, periods=weeks, freq="7D")
            rows.append(pd.DataFrame({"Store": store, "Dept": dept, "Date": date, "Weekly_Sales": amount.round(2)}))
    frame = pd.concat(rows, ignore_index=True)
    return frame.assign(IsHoliday=np.where(frame["Date"].dt.isocalendar().week == 47, "TRUE", "FALSE"))


def write(frame: pd.DataFrame, path: Path) -> Path:
    frame.to_csv(path, index=False)
    return path


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    frame = sales()
    last = frame["Date"].max() - pd.Timedelta(weeks=6)
    return write(frame[frame["Date"] <= last], tmp_path / "a.csv"), write(
        frame[frame["Date"] > last], tmp_path / "b.csv"
    )


def test_sales_of_the_following_weeks_are_measured_beside_the_seasonal_naive(files: tuple[Path, Path]) -> None:
    found = sales_forecast.evaluate(Inputs(train=files[0], test=files[1]))
    assert {"wmae", "wape", "coverage_80"} <= set(found.metrics)
    assert found.metrics["wmae"] < found.floors["seasonal naive"]["wmae"]
    assert found.metrics["gain"] == pytest.approx(1 - found.metrics["wmae"] / found.floors["seasonal naive"]["wmae"])
    low, high = found.intervals["wmae"]
    assert low < found.metrics["wmae"] < high
    assert list(found.files) == list(files)


def test_three_origins_are_the_last_twelve_weeks_those_before_and_a_winter(tmp_path: Path) -> None:
    found = sales_forecast.evaluate(Inputs(train=write(sales(131), tmp_path / "all.csv")))
    origins = [name.split("/")[1] for name in found.metrics if name.endswith("/wmae")]
    assert origins == ["2012-05-18", "2012-02-24", "2011-11-11"]


def test_stores_that_were_never_seen_and_lines_without_sales_do_no_harm(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    later = pd.read_csv(files[1])
    new = later[later["Store"] == 1].assign(Store=99)
    later.loc[0, "Weekly_Sales"] = np.nan
    found = sales_forecast.evaluate(Inputs(train=files[0], test=write(pd.concat([later, new]), tmp_path / "c.csv")))
    assert np.isfinite(found.metrics["wmae"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: f.drop(columns="Dept"), "has no column Dept"),
        (lambda f: f.assign(Date="soon"), "line 2: Date is not a date"),
        (lambda f: f.iloc[:0], "has no rows"),
        (lambda f: f[f["Date"] < "2010-09-01"], "a yearly season needs"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_with_what_it_lacks(change: object, said: str, tmp_path: Path) -> None:
    path = write(change(sales()), tmp_path / "bad.csv")  # type: ignore[operator]
    with pytest.raises(DataError, match=said):
        sales_forecast.evaluate(Inputs(train=path))


def test_a_test_file_must_follow_the_training_file(files: tuple[Path, Path]) -> None:
    with pytest.raises(DataError, match="give the weeks that follow it"):
        sales_forecast.evaluate(Inputs(train=files[1], test=files[0]))
    with pytest.raises(SettingError, match="--train"):
        sales_forecast.evaluate(Inputs(test=files[1]))


def parts(tmp_path: Path, periods: int = 50) -> Path:
    rng = np.random.default_rng(0)
    rate = rng.gamma(0.6, 0.8, 150)
    demand = pd.DataFrame(rng.poisson(rate, (periods, 150)).astype(float)).astype(object)
    demand.iloc[:10, 3] = "NA"
    demand.columns = [f"p{column}" for column in demand.columns]
    demand.insert(0, "month", pd.date_range("1998-01-01", periods=periods, freq="MS").strftime("%Y-%m"))
    return write(demand, tmp_path / "parts.csv")


def test_parts_are_measured_on_their_last_twelve_periods(tmp_path: Path) -> None:
    found = intermittent.evaluate(Inputs(test=parts(tmp_path)))
    assert set(found.floors) == {"mean", "SBA"}
    assert found.metrics["rmse"] < 1.02 * min(floor["rmse"] for floor in found.floors.values())
    assert 0 < found.metrics["fill_rate"] <= 1
    with pytest.raises(DataError, match="needs 24 or more"):
        intermittent.evaluate(Inputs(test=parts(tmp_path, periods=20)))
    with pytest.raises(SettingError, match="leave --train out"):
        intermittent.evaluate(Inputs(train=tmp_path / "parts.csv", test=tmp_path / "parts.csv"))


def invoices(weeks: int = 24, items: int = 20) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    days = pd.date_range("2011-01-03", periods=7 * weeks, freq="D")
    rate = rng.uniform(1, 6, items)
    rows = [
        {"StockCode": f"{20000 + i}", "Quantity": int(rng.poisson(rate[i])) + 1, "InvoiceDate": d + pd.Timedelta("10h")}
        for d in days[days.dayofweek != 5]
        for i in range(items)
    ]
    frame = pd.DataFrame(rows).assign(UnitPrice=2.5, Description="THING", Country="United Kingdom")
    frame["InvoiceNo"] = [str(500000 + number // 10) for number in range(len(frame))]
    frame["CustomerID"] = [str(17000 + number % 50) for number in range(len(frame))]
    return frame


def test_cancelled_lines_fees_and_free_goods_are_no_demand(tmp_path: Path) -> None:
    frame = invoices().head(3).reset_index(drop=True)
    frame.loc[1, "StockCode"] = "POST"
    frame.loc[2, "UnitPrice"] = 0.0
    big = frame.iloc[[0]].assign(Quantity=7000, CustomerID="1")
    back = big.assign(Quantity=-7000, InvoiceNo="C500", InvoiceDate=big["InvoiceDate"] + pd.Timedelta("1h"))
    lines = weekly_items.read(write(pd.concat([frame, big, back]), tmp_path / "lines.csv"))
    assert lines["product_id"].tolist() == ["20000"]
    assert lines["quantity"].sum() < 100


def test_weeks_are_counted_from_the_cut_and_nothing_after_it_chooses_items() -> None:
    day = pd.Timestamp("2011-06-06")
    lines = pd.DataFrame(
        {
            "product_id": ["a"] * 10 + ["new", "a"],
            "day": [day - pd.Timedelta(days=1 + 7 * back) for back in range(10)] + [day, day + pd.Timedelta(days=7)],
            "quantity": [5.0] * 10 + [900.0, 3.0],
            "price": 1.0,
        }
    )
    weeks = weekly_items.weeks_of(lines, day, 2)
    assert weeks.items.tolist() == ["a"]
    assert weeks.history.tolist() == [[5.0] * 9]
    assert weeks.coming.tolist() == [[0.0, 3.0]]


def test_items_and_their_stock_are_measured_on_the_following_weeks(tmp_path: Path) -> None:
    frame = invoices()
    cut = frame["InvoiceDate"].max().normalize() - pd.Timedelta(days=27)
    train = write(frame[frame["InvoiceDate"] < cut], tmp_path / "a.csv")
    test = write(frame[frame["InvoiceDate"] >= cut], tmp_path / "b.csv")
    sku = sku_forecast.evaluate(Inputs(train=train, test=test))
    assert set(sku.floors) == {"last value", "8-week mean"}
    assert sku.metrics["wape"] < sku.floors["last value"]["wape"]
    stock = inventory.evaluate(Inputs(train=train, test=test))
    assert 0 < stock.metrics["fill_rate"] <= 1
    equal = stock.floors["normal, equal fill rate"]
    assert equal["fill_rate"] == pytest.approx(stock.metrics["fill_rate"], abs=0.03)
    assert stock.metrics["gain"] == pytest.approx(1 - stock.metrics["stock_cost"] / equal["stock_cost"])
    with pytest.raises(DataError, match="give the weeks that follow it"):
        sku_forecast.evaluate(Inputs(train=test, test=train))
    with pytest.raises(DataError, match="has no column StockCode"):
        weekly_items.read(write(frame.drop(columns="StockCode"), tmp_path / "bad.csv"))
