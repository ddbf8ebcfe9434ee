"""Task `statements`: what an answer owes, what is counted as precise, and the hand-planted errors."""

import json
from pathlib import Path

import pytest

from data.errors import DataError
from eval.briefs import finished
from eval.questions import Question
from eval.statements import PLANTED, Told, catches, coverage, read_planted, summary

BRIEF = "a: target units low high horizon (up)"


def test_an_answer_owes_the_facts_that_its_result_has() -> None:
    call = finished("forecast_sales", {"target": "shop"}, BRIEF)
    owed, told = coverage([call], "{a.units} units are likely.")
    assert owed == ("a.units", "a.low|high|error")
    assert told == ("a.units",)
    assert coverage([call], "{a.units} units, {a.low} at worst.")[1] == owed


def test_what_the_result_lacks_is_not_owed() -> None:
    call = finished("get_product", {"product_id": "P1"}, "b: title price (unknown)")
    assert coverage([call], "{b.title}")[0] == ("b.title", "b.price")


def test_stopped_sentences_lower_only_the_written_precision() -> None:
    told = Told(Question("hi", "marketer"), raw="{a.units} units. Fine.", stopped=2, figures=1)
    metrics = summary([told])
    assert metrics["precision"] == 1.0
    assert metrics["written_precision"] == 0.5
    assert metrics["number_fidelity"] == 1.0


def test_planted_errors_are_put_to_the_checker(tmp_path: Path) -> None:
    file = tmp_path / "planted.jsonl"
    rows = [
        {"tool": "forecast_sales", "brief": BRIEF, "answer": "Sales fall to {a.units} units.", "kind": "direction"},
        {"tool": "forecast_sales", "brief": BRIEF, "answer": "{a.units} units are likely.", "kind": "sound"},
    ]
    file.write_text("\n".join(json.dumps(row) for row in rows))
    assert catches(read_planted(file)) == {
        "caught": 1.0,
        "planted": 1.0,
        "false_alarms": 0.0,
        "sound": 1.0,
        "caught/direction": 1.0,
    }


def test_a_line_that_is_no_case_is_named(tmp_path: Path) -> None:
    file = tmp_path / "planted.jsonl"
    file.write_text('{"tool": "forecast_sales", "brief": "a: weather", "answer": "", "kind": "sound"}')
    with pytest.raises(DataError, match="line 1"):
        read_planted(file)


def test_the_checker_catches_nearly_all_planted_errors() -> None:
    metrics = catches(read_planted(PLANTED))
    assert metrics["planted"] >= 200
    assert metrics["caught"] >= 0.95
    assert metrics["false_alarms"] <= 0.05
