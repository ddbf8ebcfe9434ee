"""Matching of arguments, shares and intervals."""

import doctest
import math

import pytest

import eval.literal
import eval.metrics
import eval.record
from eval.metrics import interval, match, same, share


@pytest.mark.parametrize("module", [eval.metrics, eval.literal, eval.record])
def test_the_worked_examples_hold(module: object) -> None:
    found = doctest.testmod(module)  # type: ignore[arg-type]
    assert found.attempted > 0
    assert found.failed == 0


def test_a_number_in_words_is_not_a_number() -> None:
    assert not same("size", 500, "five hundred")
    assert not same("size", 500, None)


def test_ids_keep_their_case_and_leading_zeros() -> None:
    assert same("order_id", "00771", "00771")
    assert not same("order_id", "00771", 771)
    assert not same("product_id", "85123A", "85123a")


def test_a_list_where_one_value_is_wanted_is_wrong() -> None:
    assert not same("channel", "email", ["email"])
    assert not same("channels", ["email"], "email")
    assert same("product_ids", ["1", "2"], [2, 1])


def test_missing_and_wrong_arguments_are_named_once() -> None:
    found = match({"size": 5, "goal": "loyalty"}, {"query": ["tea"]}, {"goal": "win_back", "limit": 3})
    assert found.wrong == ("size", "goal", "query")
    assert found.extra == ("limit",)


def test_the_share_of_nothing_is_not_a_number() -> None:
    assert math.isnan(share([]))
    assert interval([]) is None


def test_intervals_repeat_and_groups_widen_them() -> None:
    values = [1.0] * 40 + [0.0] * 40
    groups = [f"group {i // 8}" for i in range(80)]
    alone, together = interval(values, seed=3), interval(values, groups=groups, seed=3)
    assert alone is not None
    assert together is not None
    assert alone == interval(values, seed=3)
    assert together[1] - together[0] > alone[1] - alone[0]
