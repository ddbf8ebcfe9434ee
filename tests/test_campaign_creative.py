"""Tests of words: balanced designs, effects that are found, and peeking that is allowed."""

import math

import numpy as np
import pandas as pd
import pytest

from campaign.creative import Design, effects, fraction, full, sample_size
from campaign.sequential import FIRST_LOOK, Look, Tally, bounds, look, running
from data.errors import CampaignError

THREE = {"subject": ("plain", "question"), "offer": ("none", "ten"), "tone": ("warm", "formal")}
SEVEN = dict.fromkeys("ABCDEFG", ("a", "b"))


def _seen(design: Design, n: int, seed: int = 0) -> pd.DataFrame:
    return design.assign(f"T-{seed}", [f"{number}" for number in range(n)])


def test_everyone_gets_a_cell_by_hash_and_the_cells_are_even() -> None:
    design = full(THREE)
    assert len(design.cells) == 8
    cells = _seen(design, 4000)
    assert cells.equals(_seen(design, 4000))
    assert design.cell("T-0", "17") == dict(cells.loc["17"])
    counts = cells.value_counts()
    assert len(counts) == 8
    assert counts.between(400, 600).all()
    assert not cells.equals(_seen(design, 4000, seed=1))


@pytest.mark.parametrize(
    ("names", "of", "cells"), [("ABC", 2, 4), ("ABCDE", 4, 8), ("ABCDEF", 4, 16), ("ABCDEFG", 4, 32)]
)
def test_fractions_are_balanced_and_orthogonal(names: str, of: int, cells: int) -> None:
    design = fraction({name: SEVEN[name] for name in names}, of=of)
    assert len(set(design.cells)) == cells
    signs = np.array([[1 if level == "a" else -1 for level in cell] for cell in design.cells])
    assert (signs.T @ signs == cells * np.eye(len(names))).all()


def test_main_effects_and_an_interaction_are_found() -> None:
    design, rng = full(THREE), np.random.default_rng(1)
    cells = _seen(design, 60_000)
    question, ten = (cells["subject"] == "question").to_numpy(), (cells["offer"] == "ten").to_numpy()
    rate = 0.10 + 0.02 * question + 0.04 * (question & ten)
    found = {term.name: term for term in effects(design, cells, (rng.random(len(cells)) < rate).astype(float))}
    assert found["subject=question"].effect == pytest.approx(0.04, abs=0.01)
    assert found["offer=ten"].effect == pytest.approx(0.02, abs=0.01)
    assert found["subject=question × offer=ten"].effect == pytest.approx(0.04, abs=0.02)
    assert found["subject=question"].clear
    assert not found["tone=formal"].clear
    assert found["tone=formal"].low < 0 < found["tone=formal"].high


def test_intervals_of_effects_hold_the_truth_as_often_as_they_say() -> None:
    design, rng = full({"subject": ("a", "b", "c")}), np.random.default_rng(2)
    hits = []
    for seed in range(150):
        cells = _seen(design, 600, seed)
        rate = 0.05 + 0.05 * (cells["subject"] == "c").to_numpy()
        terms = effects(design, cells, (rng.random(600) < rate).astype(float))
        hits.append(next(t.low <= 0.05 <= t.high for t in terms if t.name == "subject=c"))
    assert np.mean(hits) > 0.89


def test_a_fraction_says_what_it_cannot_tell_apart() -> None:
    design = fraction(THREE)
    rng = np.random.default_rng(3)
    terms = effects(design, _seen(design, 2000), rng.random(2000))
    assert {term.name for term in terms} == {"subject=question", "offer=ten", "tone=formal"}
    assert "offer=ten × tone=formal" in next(t.same_as for t in terms if t.name == "subject=question")


def test_the_sample_size_has_the_power_that_it_promises() -> None:
    design, rng, shown = full(THREE), np.random.default_rng(4), 0
    number = sample_size(design, 0.20, 0.08)
    for seed in range(120):
        cells = _seen(design, number, seed)
        rate = 0.20 + 0.08 * (cells["tone"] == "formal").to_numpy()
        terms = effects(design, cells, (rng.random(number) < rate).astype(float))
        shown += next(t.low > 0 for t in terms if t.name == "tone=formal")
    assert 0.68 < shown / 120 < 0.92


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: full({}), "needs a factor"),
        (lambda: full({"tone": ["warm"]}), "two different levels"),
        (lambda: full({"tone": ["warm", "warm"]}), "two different levels"),
        (lambda: full(SEVEN), "more than anyone can write"),
        (lambda: fraction({"tone": ["a", "b", "c"], "x": ["a", "b"], "y": ["a", "b"]}), "two levels a factor"),
        (lambda: fraction(THREE, of=4), "a quarter of 5 to 8"),
        (lambda: sample_size(full(THREE), 0.0, 0.1), "between 0 and 1"),
        (lambda: effects(full(THREE), _seen(full(THREE), 9), np.ones(9)), "too few|nobody has seen"),
        (lambda: look(Tally(9, 1, 1), Tally(9, 1, 1), matters=0), "above 0"),
    ],
)
def test_a_test_that_cannot_stand_says_how_to_mend_it(make: object, words: str) -> None:
    with pytest.raises(CampaignError, match=words):
        make()  # type: ignore[operator]


def test_looking_after_every_customer_keeps_the_level() -> None:
    rng, wrong, runs = np.random.default_rng(5), 0, 300
    for _ in range(runs):
        first, second = (rng.random((2, 4000)) < 0.1).astype(float)
        p, _ = running(first, second, matters=0.03)
        wrong += p[-1] <= 0.05
    assert wrong / runs <= 0.05


def test_a_difference_stops_the_test_and_equal_words_end_alike() -> None:
    rng = np.random.default_rng(6)
    better, worse = (rng.random(6000) < 0.2).astype(float), (rng.random(6000) < 0.1).astype(float)
    calls, before = [], None
    for seen in range(500, 6001, 500):
        before = look(Tally.of(better[:seen]), Tally.of(worse[:seen]), matters=0.05, before=before)
        calls.append(before.call)
    assert calls[-1] == "better"
    assert isinstance(before, Look)
    assert before.low <= 0.1 <= before.high
    assert look(Tally.of(worse), Tally.of(better), matters=0.05).call == "worse"
    many = (rng.random((2, 60_000)) < 0.1).astype(float)
    assert look(Tally.of(many[0]), Tally.of(many[1]), matters=0.02).call == "alike"


def test_one_look_says_the_same_as_the_running_test() -> None:
    rng = np.random.default_rng(7)
    first, second = (rng.random((2, 900)) < 0.3).astype(float)
    p, half = running(first, second, matters=0.1)
    last = look(Tally.of(first), Tally.of(second), matters=0.1)
    assert last.high - last.difference == pytest.approx(half[-1])
    assert p[-1] <= last.p
    early = look(Tally.of(first[: FIRST_LOOK - 1]), Tally.of(second[: FIRST_LOOK - 1]), matters=0.1)
    assert (early.call, early.p) == ("open", 1.0)
    assert math.isinf(early.high)


def test_the_interval_holds_what_is_not_rejected() -> None:
    half, p = bounds(np.array([0.03]), np.array([1e-4]), 0.02, 0.05)
    _, at_edge = bounds(half, np.array([1e-4]), 0.02, 0.05)
    assert at_edge[0] == pytest.approx(0.05)
    assert p[0] > 0.05
