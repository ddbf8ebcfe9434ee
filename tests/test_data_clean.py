"""Cleaning: what cannot be read is an error with its place, what cannot be true is rejected with its reason."""

import json

import pandas as pd
import pytest

from data.clean import Cleaner, event_ids, far_from_the_rest, tidy_title
from data.errors import DataError, SettingError


def cleaner(**columns: list[str]) -> Cleaner:
    rows = pd.DataFrame(columns, dtype=object)
    rows.index = pd.RangeIndex(2, 2 + len(rows))
    return Cleaner("shop.csv", rows)


def test_numbers_ids_and_text() -> None:
    found = cleaner(price=[" 2.50", "", "1e2"], customer=["17850.0", " ", "A.0"], title=["  Mug ", "", "x"])
    assert found.numbers("price").tolist()[::2] == [2.5, 100.0]
    assert found.numbers("price").isna().tolist() == [False, True, False]
    assert found.ids("customer").fillna("?").tolist() == ["17850", "?", "A.0"]
    assert found.text("title").fillna("?").tolist() == ["Mug", "?", "x"]


@pytest.mark.parametrize("bad", ["six", "1,5", "inf", "nan"])
def test_a_word_where_a_number_belongs_is_named_by_row_and_column(bad: str) -> None:
    with pytest.raises(DataError, match=rf"shop.csv, row 3, column price: '{bad}' is not a number"):
        cleaner(price=["1", bad, "worse"]).numbers("price")


def test_times_of_every_kind_become_naive_utc() -> None:
    iso = cleaner(at=["2024-01-01", "2024-01-01T12:00:00+02:00", "2024-01-01 12:00:00.5"])
    hours = [(time - pd.Timestamp("2024-01-01")).total_seconds() / 3600 for time in iso.times("at")]
    assert hours == [0, 10, pytest.approx(12 + 0.5 / 3600)]
    assert str(iso.times("at").dtype) == "datetime64[us]"
    american = cleaner(at=["12/1/2010 8:26", "12/31/2010 8:26"])
    assert american.times("at", formats=("ISO8601", "%m/%d/%Y %H:%M"))[3] == pd.Timestamp("2010-12-31 08:26")
    seconds = cleaner(at=["1511544070", "", "999999999999999999"])
    assert seconds.times("at", unit="s").isna().tolist() == [False, True, True]
    assert seconds.times("at", unit="s")[2] == pd.Timestamp("2017-11-24 17:21:10")
    chinese = cleaner(at=["2017-11-25 01:21:10", "2017-11-24T17:21:10Z"])
    assert set(chinese.times("at", zone="Asia/Shanghai")) == {pd.Timestamp("2017-11-24 17:21:10")}


def test_a_time_that_cannot_be_read_is_named_by_row_and_column() -> None:
    with pytest.raises(DataError, match=r"shop.csv, row 3, column at: 'yesterday' is not a time"):
        cleaner(at=["2024-01-01", "yesterday"]).times("at")
    with pytest.raises(DataError, match=r"row 3, column at: '13/31/2010 8:26' is not a time of the form"):
        cleaner(at=["12/1/2010 8:26", "13/31/2010 8:26"]).times("at", formats=("ISO8601", "%m/%d/%Y %H:%M"))
    with pytest.raises(SettingError, match="no time zone 'Mars/Olympus'"):
        cleaner(at=["2024-01-01"]).times("at", zone="Mars/Olympus")


def test_a_rejected_row_is_kept_with_its_first_reason() -> None:
    found = cleaner(price=["0", "2", "-1"], title=['"A", 灯\u2028', "b", "c"])
    price = found.numbers("price")
    found.reject(price <= 0, "price", "not above zero")
    found.reject(price < 0, "price", "below zero")
    assert found.kept.tolist() == [False, True, False]
    rejects = found.rejects()
    assert rejects["row"].tolist() == [2, 4]
    assert set(rejects["reason"]) == {"not above zero"}
    assert json.loads(rejects["record"][0]) == {"price": "0", "title": '"A", 灯\u2028'}


def test_a_missing_column_is_named_with_those_there_are() -> None:
    with pytest.raises(DataError, match="has no column 'price': its columns are cost, title"):
        cleaner(cost=["1"], title=["x"]).require(["title", "price"])


def test_a_broken_clock_is_far_from_the_rest() -> None:
    times = pd.Series(pd.date_range("2017-11-25", periods=200, freq="h"))
    assert not far_from_the_rest(times).any()
    times[5], times[6], times[7] = pd.Timestamp("2037-01-01"), pd.Timestamp("1970-01-01"), None
    assert far_from_the_rest(times)[lambda far: far].index.tolist() == [5, 6]


def test_a_late_year_of_one_line_is_far_and_an_early_trade_is_not() -> None:
    times = pd.Series(pd.date_range("2010-12-01", "2011-10-31", periods=5000))
    typo = pd.concat([times, pd.Series([pd.Timestamp("2012-12-01")])], ignore_index=True)
    assert far_from_the_rest(typo)[lambda far: far].index.tolist() == [5000]
    views = pd.Series(pd.date_range("2011-10-11", "2011-10-31", periods=4750))
    trade = pd.Series(pd.date_range("2008-10-31", "2011-10-01", periods=250))
    assert not far_from_the_rest(pd.concat([trade, views], ignore_index=True)).any()


def test_event_ids_come_from_content_and_occurrence() -> None:
    events = pd.DataFrame({"at": pd.to_datetime(["2024-01-01"] * 3), "kind": "view", "product_id": ["1", "1", "2"]})
    ids = event_ids(events).tolist()
    assert ids[1] == f"{ids[0]}-1"
    assert len(set(ids)) == 3
    again = event_ids(events.iloc[[2, 0]]).tolist()
    assert again == [ids[2], ids[0]]
    null_is_not_blank = event_ids(events.assign(channel=pd.Series([None, "", ""], dtype="string")))
    assert null_is_not_blank[0] != null_is_not_blank[1]


@pytest.mark.parametrize(
    ("raw", "tidy"),
    [
        ("WHITE HANGING HEART T-LIGHT HOLDER", "White Hanging Heart T-Light Holder"),
        ("  SET OF 3  CAKE TINS ,PANTRY DESIGN ,", "Set of 3 Cake Tins,Pantry Design"),
        ("PACK/12 CHILDREN'S 50'S LED LIGHT 12CM", "Pack/12 Children's 50's LED Light 12cm"),
        ("OF MICE AND MEN", "Of Mice and Men"),
        ("*", ""),
        ("红色灯笼", "红色灯笼"),
    ],
)
def test_titles(raw: str, tidy: str) -> None:
    assert tidy_title(raw) == tidy
    assert tidy_title(tidy) == tidy
