"""A test of words as a person runs it: planned once, kept as a file, judged as often as results come.

Each level of a factor is held against the factor's first level by an always-valid sequential test, at a level divided
by the number of such comparisons (Bonferroni), so that one may look whenever one likes and stop once all is clear. When
the planned number has been seen the test is over, whatever it says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from campaign import plan_files
from campaign.creative import Design, Term, effects, fraction, full, sample_size
from campaign.sequential import Look, Tally, look
from data.errors import CampaignError

_ROOM = 2
"""Customers planned, as a multiple of those of a test of fixed size: what looking at any time costs."""


@dataclass(frozen=True)
class CreativeTest:
    """A planned test: `baseline` is the rate at which customers answer now, `matters` the smallest change of it that
    one would act on, `customers` how many are seen at most."""

    name: str
    design: Design
    baseline: float
    matters: float
    customers: int
    level: float = 0.05

    def to_json(self) -> str:
        """The test as a file."""
        kept = {
            "name": self.name, "factors": {k: list(v) for k, v in self.design.factors.items()},
            "cells": [list(cell) for cell in self.design.cells], "baseline": self.baseline, "matters": self.matters,
            "customers": self.customers, "level": self.level,
        }  # fmt: skip
        return json.dumps(kept, ensure_ascii=False, indent=1)

    @classmethod
    def from_json(cls, text: str) -> CreativeTest:
        """The test of a file."""
        kept = json.loads(text)
        factors = {name: tuple(levels) for name, levels in kept.pop("factors").items()}
        return cls(design=Design(factors, tuple(tuple(cell) for cell in kept.pop("cells"))), **kept)


@dataclass(frozen=True)
class Comparison:
    """One level of a factor against the factor's first level."""

    factor: str
    level: str
    base: str
    look: Look


@dataclass(frozen=True)
class Judgement:
    """Where a test stands: `over` says whether to stop, `best` is the level of each factor to go on with.

    `terms` are main effects and interactions at a fixed size, to be trusted once `seen` has reached the plan; none
    where too few were seen to tell them apart.
    """

    seen: int
    over: bool
    comparisons: tuple[Comparison, ...]
    best: Mapping[str, str]
    terms: tuple[Term, ...]


def planned(
    name: str, factors: Mapping[str, Sequence[str]], *, baseline: float, matters: float, of: int = 1
) -> CreativeTest:
    """A test of all combinations of `factors`, or of a half (`of` 2) or a quarter (4) of them.

    Its size is twice that of a test of fixed size with a power of four in five for the hardest comparison. Raises
    `CampaignError` for a name, factors, a rate or an effect that cannot be.
    """
    plan_files.checked(name)
    if not matters > 0:
        raise CampaignError(f"a difference of {matters:g} cannot be found: give the smallest that matters, above 0")
    design = full(factors) if of == 1 else fraction(factors, of=of)
    level = 0.05 / comparisons_of(design)
    return CreativeTest(name, design, baseline, matters, _ROOM * sample_size(design, baseline, matters, level=level))


def comparisons_of(design: Design) -> int:
    """How many levels are held against a base."""
    return sum(len(levels) - 1 for levels in design.factors.values())


def judge(test: CreativeTest, results: pd.DataFrame) -> Judgement:
    """Where `test` stands after `results`: columns customer_id (each once) and outcome (a number, such as 0 or 1)."""
    cells = test.design.assign(test.name, [str(one) for one in results["customer_id"]])
    outcome = results["outcome"].to_numpy("float64")
    share = test.level / comparisons_of(test.design)
    found = []
    for factor, levels in test.design.factors.items():
        shown = cells[factor].to_numpy(object)
        base = Tally.of(outcome[shown == levels[0]])
        for one in levels[1:]:
            seen = look(Tally.of(outcome[shown == one]), base, matters=test.matters, level=share)
            found.append(Comparison(factor, one, levels[0], seen))
    over = len(results) >= test.customers or all(one.look.call != "open" for one in found)
    return Judgement(len(results), over, tuple(found), _best(test.design, found), _terms(test, cells, outcome))


def read(folder: Path, name: str) -> CreativeTest:
    """The test of a name. Raises `CampaignError` where there is none."""
    path = plan_files.find(folder, name)
    try:
        return CreativeTest.from_json(path.read_text(encoding="utf-8"))
    except (ValueError, KeyError, TypeError) as error:
        raise CampaignError(f"{path} is damaged ({error}); plan the test anew under another name") from error


def _best(design: Design, found: Sequence[Comparison]) -> dict[str, str]:
    """Of each factor the level with the largest gain that is certain, else the base."""
    best = {factor: levels[0] for factor, levels in design.factors.items()}
    for factor in best:
        better = [one for one in found if one.factor == factor and one.look.call == "better"]
        if better:
            best[factor] = max(better, key=lambda one: one.look.difference).level
    return best


def _terms(test: CreativeTest, cells: pd.DataFrame, outcome: np.ndarray) -> tuple[Term, ...]:
    try:
        return tuple(effects(test.design, cells, outcome))
    except CampaignError:  # too few yet; the comparisons say so themselves
        return ()
