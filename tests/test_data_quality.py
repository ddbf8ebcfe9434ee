"""The quality report: what it finds, and that both its faces show it."""

import io
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from data.quality import QualityReport, assess
from data.store import REJECTS, Store


def sales(days: int = 120) -> pd.DataFrame:
    at = [day for day in pd.date_range("2024-01-01", periods=days) if day.day_name() != "Sunday"]
    number = range(len(at))
    return pd.DataFrame(
        {
            "event_id": [f"e{i}" for i in number],
            "at": at,
            "customer_id": [f"c{i % 5}" for i in number],
            "kind": "purchase",
            "product_id": [f"p{i % 3}" for i in number],
            "quantity": [1.0 + i % 4 for i in number],
            "unit_price": [2.0 + i % 7 for i in number],
        }
    )


def report(folder: Path, events: pd.DataFrame, rejects: pd.DataFrame | None = None) -> QualityReport:
    products = pd.DataFrame(
        {
            "product_id": ["p0", "p1", "p2"],
            "title": "Mug",
            "category": "Kitchen",
            "price": 5.0,
            "cost": [1, 2, 9],
            "active": True,
        }
    )
    customers = pd.DataFrame(
        {"customer_id": [f"c{i}" for i in range(5)], "country": ["France", None, None, None, None]}
    )
    store = Store(folder)
    tables = {"events": events, "products": products, "customers": customers}
    return assess(store.write(tables, name="Corner <Shop>", currency="EUR", source="test", rejects=rejects))


def found(quality: QualityReport, title: str, column: str) -> dict[str, object]:
    table = quality.section(title).table
    return dict(zip(table.iloc[:, 0], table[column], strict=True))


def test_a_sound_shop_is_fine(tmp_path: Path) -> None:
    quality = report(tmp_path, sales())
    assert quality.period == "01 Jan 2024 to 29 Apr 2024"
    verdicts = {section.title: section.verdict for section in quality.sections}
    assert verdicts["Duplicates"] == verdicts["Date gaps"] == verdicts["Drift"] == verdicts["Rejected rows"] == "good"
    assert "every Sunday" in quality.section("Date gaps").summary


def test_missing_values_are_counted_and_unknown_columns_named(tmp_path: Path) -> None:
    table = report(tmp_path, sales()).section("Missing values").table
    gaps = table[table["share"] < 1]
    assert gaps.to_numpy().tolist() == [["customers", "country", 4, 0.8]]
    assert "stock" in table.loc[table["table"].eq("products"), "column"].item()


def test_repeated_events_are_counted(tmp_path: Path) -> None:
    events = sales()
    repeat = events.iloc[[3, 4]].assign(event_id=["r1", "r2"])
    quality = report(tmp_path, pd.concat([events, repeat]))
    assert found(quality, "Duplicates", "repeats") == {"purchase": 2}


def test_impossible_values_are_named(tmp_path: Path) -> None:
    events = sales()
    odd = events.iloc[:4].assign(event_id=list("abcd"))
    odd["product_id"] = ["p9", None, "p0", "p1"]
    odd["quantity"] = [1.0, 1.0, 70000.0, 500.0]
    odd["kind"] = ["purchase", "purchase", "purchase", "return"]
    odd["customer_id"] = ["c0", "stranger", "c0", "c0"]
    assert found(report(tmp_path, pd.concat([events, odd])), "Impossible values", "rows") == {
        "purchase or return of no product": 1,
        "event of a product that is not in the table": 1,
        "event of a customer who is not in the table": 1,
        "purchase of over 100 times the product's usual quantity": 1,
        "cost above the price": 1,
        "customer and product with more returned than bought": 1,
    }


def test_a_closed_week_is_a_gap(tmp_path: Path) -> None:
    events = sales()
    quality = report(tmp_path, events[~events["at"].between("2024-02-05", "2024-02-11")])
    assert found(quality, "Date gaps", "days without a sale") == {"03 Feb 2024": 8}
    assert quality.section("Date gaps").verdict == "warn"


def test_a_price_jump_is_drift(tmp_path: Path) -> None:
    events = sales(240)
    events.loc[events["at"] > "2024-05-01", "unit_price"] += 20
    quality = report(tmp_path, events)
    assert quality.section("Drift").verdict == "warn"
    verdicts = found(quality, "Drift", "verdict")
    assert (verdicts["unit price"], verdicts["category"]) == ("moved", "stable")


def test_both_faces_show_every_section_and_no_markup_of_the_shop(tmp_path: Path) -> None:
    rejects = pd.DataFrame(
        [["a.csv", 2, "UnitPrice", "the [price] is not above zero", '{"x": "<script>"}']], columns=list(REJECTS)
    )
    quality = report(tmp_path, sales(), rejects)
    out = io.StringIO()
    quality.print(Console(file=out, width=120))
    html = quality.to_html()
    for section in quality.sections:
        assert section.title in out.getvalue()
        assert f"<h2>{section.title}</h2>" in html
    assert "Corner <Shop>" in out.getvalue()
    assert "Corner &lt;Shop&gt;" in html
    assert "<script" not in html
    assert "http" not in html
    assert "prefers-color-scheme: dark" in html
    assert "the [price] is not above zero" in html


@pytest.mark.parametrize("events", [pd.DataFrame(), sales(1)])
def test_a_shop_with_next_to_nothing_can_be_judged(tmp_path: Path, events: pd.DataFrame) -> None:
    quality = report(tmp_path, events)
    assert quality.section("Date gaps").verdict == "note"
    assert "<h1>" in quality.to_html()
