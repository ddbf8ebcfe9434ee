"""Tests of words: which subject, offer wording or tone works, several factors at once (factorial designs).

Every customer gets one cell by a hash. Full designs have every combination; a half or quarter fraction of two-level
factors (Box and Hunter 1961) has fewer cells to write, and says which effects can then not be told apart. Effects come
from a linear probability model with robust errors (HC2, MacKinnon and White 1985).
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

from campaign.effect import clear_after_correction
from campaign.estimators import Array
from data.errors import CampaignError

MOST_CELLS = 64
_QUARTER: Mapping[int, tuple[tuple[int, ...], tuple[int, ...]]] = {
    5: ((0, 1), (0, 2)),
    6: ((0, 1, 2), (1, 2, 3)),
    7: ((0, 1, 2, 3), (0, 1, 3, 4)),
    8: ((0, 1, 2, 3), (0, 1, 4, 5)),
}
"""Generators of the last two factors of a quarter fraction, by the number of factors; each of the best resolution."""


@dataclass(frozen=True)
class Design:
    """Factors with their levels (the first is the base), and the cells under test, each a level of every factor."""

    factors: Mapping[str, tuple[str, ...]]
    cells: tuple[tuple[str, ...], ...]

    def cell(self, test_id: str, customer_id: str) -> Mapping[str, str]:
        """The customer's cell, by a hash of test and customer: the same every time, whoever else is in the test."""
        digest = hashlib.sha256(f"{test_id}\0{customer_id}\0cell".encode()).digest()
        chosen = self.cells[int.from_bytes(digest[:8]) % len(self.cells)]
        return dict(zip(self.factors, chosen, strict=True))

    def assign(self, test_id: str, customer_ids: Sequence[str]) -> pd.DataFrame:
        """Everyone's cell: index customer_id, a column a factor."""
        rows = [self.cell(test_id, customer) for customer in customer_ids]
        return pd.DataFrame(rows, index=pd.Index(customer_ids, name="customer_id"), columns=list(self.factors))


@dataclass(frozen=True)
class Term:
    """A main effect (one factor's level against its base) or a two-way interaction, in units of the outcome.

    `clear` says whether it stands when all terms are looked at (Benjamini and Hochberg); `same_as` names terms that the
    design cannot tell from this one.
    """

    name: str
    effect: float
    low: float
    high: float
    p: float
    clear: bool
    same_as: tuple[str, ...] = ()


def full(factors: Mapping[str, Sequence[str]]) -> Design:
    """Every combination. Raises `CampaignError` for a factor without a choice, or more than 64 cells."""
    checked = _checked(factors)
    number = math.prod(len(levels) for levels in checked.values())
    if number > MOST_CELLS:
        raise CampaignError(
            f"{number} combinations are more than anyone can write: test up to {MOST_CELLS}, or take a fraction"
        )
    return Design(checked, tuple(itertools.product(*checked.values())))


def fraction(factors: Mapping[str, Sequence[str]], *, of: int = 2) -> Design:
    """A half (`of` 2) or a quarter (4) of the combinations of two-level factors.

    A half takes 3 factors or more, a quarter 5 to 8. Raises `CampaignError` where there is no such fraction.
    """
    checked = _checked(factors)
    number, names = len(checked), list(checked)
    if wide := [name for name, levels in checked.items() if len(levels) != 2]:
        raise CampaignError(f"a fraction needs two levels a factor, and {wide[0]} has {len(checked[wide[0]])}")
    if of == 2 and number >= 3:
        generators: tuple[tuple[int, ...], ...] = (tuple(range(number - 1)),)
    elif of == 4 and number in _QUARTER:
        generators = _QUARTER[number]
    else:
        raise CampaignError("there is a half of 3 factors or more and a quarter of 5 to 8: choose one of these")
    cells = []
    for free in itertools.product((0, 1), repeat=number - len(generators)):
        signs = [1 - 2 * bit for bit in free]
        signs += [math.prod(signs[place] for place in generator) for generator in generators]
        cells.append(tuple(checked[name][sign < 0] for name, sign in zip(names, signs, strict=True)))
    if len(cells) > MOST_CELLS:
        raise CampaignError(f"{len(cells)} combinations are more than anyone can write: test up to {MOST_CELLS}")
    return Design(checked, tuple(cells))


def sample_size(design: Design, baseline: float, effect: float, *, level: float = 0.05, power: float = 0.8) -> int:
    """Customers in all for a main effect of `effect` on a rate of `baseline` to show (two-sided `level`, `power`).

    Each level of a factor gets its share of everyone, so two-level factors cost no more together than one alone.
    Normal approximation, n a level = (z_{1−level/2} + z_power)² (p₀(1−p₀) + p₁(1−p₁)) / effect². A two-way interaction
    of the same size, a difference of differences, takes four times as many.
    """
    if not 0 < baseline < 1 or effect == 0 or not 0 < baseline + effect < 1:
        raise CampaignError("a test needs a rate between 0 and 1, and an effect that leaves it there")
    raised = baseline + effect
    quantiles = float(norm.ppf(1 - level / 2) + norm.ppf(power))
    each = quantiles**2 * (baseline * (1 - baseline) + raised * (1 - raised)) / effect**2
    return math.ceil(each * max(len(levels) for levels in design.factors.values()))


def effects(design: Design, cells: pd.DataFrame, outcome: Array, *, level: float = 0.05) -> list[Term]:
    """Main effects and two-way interactions on `outcome` (n,) of the customers whose cells are the rows of `cells`.

    A main effect is averaged over the other factors as they were seen. Raises `CampaignError` where too few customers
    were seen, or a level never.
    """
    columns = _columns(design, cells)
    kept, aliases = _told_apart(columns, len(outcome))
    matrix = np.column_stack([np.ones(len(outcome)), *(columns[name] for name in kept)])
    if len(outcome) < 2 * matrix.shape[1]:
        raise CampaignError(f"{len(outcome)} customers are too few to tell {len(kept)} effects apart")
    slopes, errors = _robust(matrix, outcome.astype("float64"))
    z = float(norm.ppf(1 - level / 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        p = 2 * norm.sf(np.abs(np.where(errors > 0, slopes / errors, np.where(slopes == 0, 0.0, np.inf))))
    clear = clear_after_correction([float(one) for one in p[1:]], level=level)
    return [
        Term(name, float(b), float(b - z * e), float(b + z * e), float(one), sure, tuple(aliases[name]))
        for name, b, e, one, sure in zip(kept, slopes[1:], errors[1:], p[1:], clear, strict=True)
    ]


def _checked(factors: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    if not factors:
        raise CampaignError("a test of words needs a factor, such as subject or tone")
    checked = {name: tuple(levels) for name, levels in factors.items()}
    for name, levels in checked.items():
        if len(levels) < 2 or len(set(levels)) < len(levels):
            raise CampaignError(f"the factor {name} needs two different levels or more")
    return checked


def _columns(design: Design, cells: pd.DataFrame) -> dict[str, Array]:
    """Centred indicators of each level but the base, and their products."""
    mains: dict[tuple[str, str], Array] = {}
    for factor, levels in design.factors.items():
        seen = cells[factor].to_numpy(object)
        if absent := [one for one in levels if not (seen == one).any()]:
            raise CampaignError(f"nobody has seen {factor}={absent[0]} yet, so its effect cannot be told")
        for one in levels[1:]:
            here = (seen == one).astype("float64")
            mains[factor, one] = here - here.mean()
    columns = {f"{factor}={one}": column for (factor, one), column in mains.items()}
    for (first, one), (second, other) in itertools.combinations(mains, 2):
        if first != second:
            columns[f"{first}={one} × {second}={other}"] = mains[first, one] * mains[second, other]
    return columns


def _told_apart(columns: Mapping[str, Array], number: int) -> tuple[list[str], dict[str, list[str]]]:
    """Columns that are no combination of earlier ones, and for each of them the later ones that are the same."""
    kept: list[str] = []
    aliases: dict[str, list[str]] = {}
    basis = np.ones((number, 1)) / math.sqrt(max(number, 1))
    for name, column in columns.items():
        rest = column - basis @ (basis.T @ column)
        rest -= basis @ (basis.T @ rest)
        if float(rest @ rest) > 1e-6 * max(float(column @ column), 1e-12):
            kept.append(name)
            aliases[name] = []
            basis = np.column_stack([basis, rest / math.sqrt(float(rest @ rest))])
        elif kept:
            nearest = max(kept, key=lambda one: abs(_alike(columns[one], column)))
            aliases[nearest].append(name)
    return kept, aliases


def _alike(one: Array, other: Array) -> float:
    a, b = one - one.mean(), other - other.mean()
    return float(a @ b) / max(math.sqrt(float(a @ a) * float(b @ b)), 1e-12)


def _robust(matrix: Array, outcome: Array) -> tuple[Array, Array]:
    """Least squares with HC2 standard errors."""
    inverse = np.linalg.pinv(matrix.T @ matrix)
    slopes = inverse @ (matrix.T @ outcome)
    leverage = np.einsum("ij,jk,ik->i", matrix, inverse, matrix)
    residual = (outcome - matrix @ slopes) ** 2 / np.maximum(1 - leverage, 1e-9)
    covariance = inverse @ (matrix.T @ (matrix * residual[:, None])) @ inverse
    return np.asarray(slopes), np.sqrt(np.maximum(np.diag(covariance), 0.0))
