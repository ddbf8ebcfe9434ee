"""Task `plans`: does a brief lead to every tool that a plan needs, called with what the brief says?"""

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from data.errors import SettingError
from eval.casefile import CASES, PlanCase, categories_of, products_of, read_plans
from eval.metrics import interval, match, share
from eval.shop import shop_for
from eval.task import Inputs, Outcome, Planner

PLANS = CASES / "plans.jsonl"


@dataclass(frozen=True)
class PlanVerdict:
    """What was called for one brief: the share of needed tools, and what is missing or wrong."""

    case: PlanCase
    needed: float
    faults: tuple[str, ...]
    calls: int
    seconds: float
    error: str | None = None

    @property
    def full(self) -> bool:
        """Whether every needed tool was called and every named argument is right."""
        return self.error is None and not self.faults

    def miss(self) -> str:
        """One line about a plan that is not full."""
        return f"line {self.case.line} {self.case.say}\n    {self.error or '; '.join(self.faults)}"


def evaluate(inputs: Inputs) -> Outcome:
    """Gives every brief of the file to the agent's planner and looks at the calls it made."""
    if inputs.open_bench is None:
        raise SettingError("plans are measured with an agent: run it with `shopkeeper eval plans`")
    path = inputs.test or PLANS
    cases = read_plans(path)
    verdicts = []
    with shop_for(categories_of(cases), inputs, products=products_of(cases)) as store:
        planner = inputs.open_bench(store.root).planner()
        for done, case in enumerate(cases):
            inputs.report("plans", done, len(cases))
            verdicts.append(judge(planner, case))
        inputs.report("plans", len(cases), len(cases))
    values = {"needed_tools": [v.needed for v in verdicts], "full_plans": [float(v.full) for v in verdicts]}
    bounds = {name: interval(found, seed=inputs.seed) for name, found in values.items()}
    return Outcome(
        metrics={name: share(found) for name, found in values.items()}
        | {
            "median_plan_s": statistics.median(v.seconds for v in verdicts),
            "mean_calls": share([v.calls for v in verdicts]),
            "errors": float(sum(v.error is not None for v in verdicts)),
            "cases": float(len(verdicts)),
        },
        intervals={name: found for name, found in bounds.items() if found is not None},
        files=[path],
        misses=[verdict.miss() for verdict in verdicts if not verdict.full],
    )


def judge(planner: Planner, case: PlanCase) -> PlanVerdict:
    """Plans one brief and compares; a planner that fails gets nothing for it."""
    start = time.perf_counter()
    try:
        calls = list(planner.plan(case.say))
    except Exception as error:  # one broken brief must not lose the run; it is counted, and named among the misses
        spent = time.perf_counter() - start
        return PlanVerdict(case, 0.0, (), 0, spent, f"{type(error).__name__}: {error}")
    spent = time.perf_counter() - start
    called = {tool for tool, _ in calls}
    missing = [tool for tool in case.needs if tool not in called]
    faults = [f"{tool} was not called" for tool in missing]
    faults += [_wrong(tool, wanted, calls) for tool, wanted in case.args.items() if tool not in missing]
    needed = 1 - len(missing) / len(case.needs)
    return PlanVerdict(case, needed, tuple(fault for fault in faults if fault), len(calls), spent)


def _wrong(tool: str, wanted: Mapping[str, Any], calls: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    """What the best call of `tool` has wrong; empty when one has everything right."""
    matches = [match(wanted, {}, args).wrong for name, args in calls if name == tool]
    if not matches:
        return f"{tool} was not called"
    best = min(matches, key=len)
    return f"{tool} has the wrong {', '.join(best)}" if best else ""
