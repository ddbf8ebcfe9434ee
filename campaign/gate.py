"""What a person is shown before a yes, and whether it holds a loss, which a plain yes does not cover."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from campaign.plan import Plan


@dataclass(frozen=True)
class Logged:
    """Extra profit of a plan by past logs, in money, with an 80% interval."""

    profit: float
    low: float
    high: float


@dataclass(frozen=True)
class Shown:
    """The figures that an approval rests on; money in `currency`, `logs` None where past logs cannot say."""

    currency: str
    profit: float
    low: float
    high: float
    cost: float
    contacted: int
    holdout: int
    verdict: str
    logs: Logged | None = None

    def to_json(self) -> str:
        """JSON with sorted keys."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Shown | None:
        """What `to_json` wrote; None for an approval of an older version, which kept no figures."""
        found = json.loads(text)
        if not found:
            return None
        logs = found.pop("logs")
        return cls(**found, logs=None if logs is None else Logged(**logs))

    @property
    def words(self) -> str:
        """The figures in one line."""
        said = (
            f"expected profit {self.profit:,.2f} {self.currency} (80% interval {self.low:,.2f} to {self.high:,.2f}), "
            f"cost {self.cost:,.2f}, {self.contacted:,} contacted, {self.holdout:,} held out"
        )
        if self.logs is None:
            return said
        return f"{said}; past logs {self.logs.profit:,.2f} ({self.logs.low:,.2f} to {self.logs.high:,.2f})"

    @property
    def loss(self) -> str | None:
        """Why this may lose money, as a clause; None where both intervals lie above zero."""
        if self.low < 0:
            return _clause("the expected profit", self.profit, self.low, self.high, self.currency)
        if self.logs is not None and self.logs.low < 0:
            return _clause(
                "the profit that past logs speak for", self.logs.profit, self.logs.low, self.logs.high, self.currency
            )
        return None


def shown(plan: Plan, logs: Logged | None = None) -> Shown:
    """What is shown of `plan`, with the answer of past logs where there is one."""
    outlook = plan.outlook
    return Shown(
        currency=plan.currency,
        profit=outlook.profit.value,
        low=outlook.low.value,
        high=outlook.high.value,
        cost=outlook.cost.value,
        contacted=plan.contacted,
        holdout=plan.test.holdout,
        verdict=plan.end,
        logs=logs,
    )


def covers(plan: Plan, figures_json: str, override: str | None) -> bool:
    """Whether an approval with these figures and this override suffices for `plan`."""
    seen = Shown.from_json(figures_json) or shown(plan)
    return override is not None or (seen.loss is None and shown(plan).loss is None)


def _clause(what: str, middle: float, low: float, high: float, currency: str) -> str:
    return f"{what} is {middle:,.2f} {currency}, but anything from {low:,.2f} to {high:,.2f} is likely (80% interval)"
