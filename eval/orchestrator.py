"""Task `orchestrator`: does the model choose the right tool with the right arguments, and none where none fits?"""

import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.errors import SettingError
from eval.casefile import CASES, Case, categories_of, read_requests
from eval.floors import KeywordRouter
from eval.metrics import interval, match, share
from eval.shop import shop_for
from eval.task import Decider, Decision, Inputs, Outcome, Runner

REQUESTS = CASES / "requests.jsonl"


@dataclass(frozen=True)
class Verdict:
    """What was decided about one case, and how right it is."""

    case: Case
    made: tuple[tuple[str, Mapping[str, Any]], ...]
    tool_right: bool
    full_right: bool
    extra: int
    valid: bool
    error: str | None
    seconds: float | None

    @property
    def cluster(self) -> str:
        """What is drawn together in a bootstrap: a group of wordings, else the case alone."""
        return self.case.group or f"line {self.case.line}"

    def miss(self) -> str:
        """One line about a case that is not fully right."""
        wanted = ", ".join(f"{w.tool} {dict(w.args)}" for w in self.case.calls) or self.case.expect
        made = self.error or ", ".join(f"{tool} {dict(args)}" for tool, args in self.made) or "no tool"
        return f"line {self.case.line} [{self.case.role}] {self.case.say}\n    wanted {wanted}\n    got    {made}"


def evaluate(inputs: Inputs) -> Outcome:
    """Runs every request of the file through the agent's decider and through the floors."""
    if inputs.open_bench is None:
        raise SettingError("the orchestrator is measured with an agent: run it with `shopkeeper eval orchestrator`")
    path = requests_file(inputs)
    cases = read_requests(path)
    categories = categories_of(cases)
    with shop_for(categories, inputs) as store:
        verdicts = judge_all(inputs.open_bench(store.root).decider(), cases, inputs.report)
        floors = {KeywordRouter.name: summary(judge_all(KeywordRouter(categories), cases))}
        if inputs.base is not None:
            base = inputs.base(store.root).decider()
            floors["untuned base model"] = summary(judge_all(base, cases, inputs.report, what="untuned base model"))
    return Outcome(
        metrics=summary(verdicts),
        intervals=intervals(verdicts, seed=inputs.seed),
        floors=floors,
        files=[path],
        misses=[verdict.miss() for verdict in verdicts if not verdict.full_right],
    )


def requests_file(inputs: Inputs) -> Path:
    """The file of requests that a task was given, else the hand-written one."""
    return inputs.test or REQUESTS


def judge_all(
    decider: Decider,
    cases: Sequence[Case],
    report: Callable[[str, int, int], None] | None = None,
    *,
    what: str = "requests",
) -> list[Verdict]:
    """The verdict on each case, in order; one that ends in an exception counts as wrong and is named."""
    found = []
    for done, case in enumerate(cases):
        if report is not None:
            report(what, done, len(cases))
        found.append(judge(decider, case))
    if report is not None:
        report(what, len(cases), len(cases))
    return found


def judge(decider: Decider, case: Case) -> Verdict:
    """Decides one case and compares. Cases of several calls are run on where the decider can do that."""
    made: tuple[tuple[str, Mapping[str, Any]], ...]
    valid, seconds = True, None
    try:
        if len(case.calls) > 1 and isinstance(decider, Runner):
            made = tuple(decider.run_on(role=case.role, say=case.say, thread=case.thread))
        else:
            decision: Decision = decider.decide(role=case.role, say=case.say, thread=case.thread)
            made = () if decision.tool is None else ((decision.tool, decision.arguments),)
            valid, seconds = decision.valid, decision.seconds
    except Exception as error:  # one broken case must not lose the run; it is counted, and named among the misses
        return Verdict(case, (), False, False, 0, True, f"{type(error).__name__}: {error}", None)
    tool_right = [tool for tool, _ in made] == [wanted.tool for wanted in case.calls]
    if not tool_right:
        return Verdict(case, made, False, False, 0, valid, None, seconds)
    matches = [match(w.args, w.has, args) for w, (_, args) in zip(case.calls, made, strict=True)]
    full = valid and all(m.right for m in matches)
    return Verdict(case, made, True, full, sum(len(m.extra) for m in matches), valid, None, seconds)


def summary(verdicts: Sequence[Verdict]) -> dict[str, float]:
    """The task's metrics.

    `decline_recall` is the share of cases without a tool in which none was called, `false_decline_rate` the share
    of the others in which none was called. `extra_arguments` counts where the tool is right. `by_tool/x` is the share
    of fully right cases among those that want tool x first.
    """
    values = _values(verdicts)
    metrics = {name: share(found) for name, (found, _) in values.items() if found}
    seconds = [v.seconds for v in verdicts if v.seconds is not None]
    if seconds:
        metrics["median_decision_s"] = statistics.median(seconds)
    metrics["invalid_calls"] = float(sum(not v.valid for v in verdicts))
    metrics["extra_arguments"] = float(sum(v.extra for v in verdicts))
    metrics["errors"] = float(sum(v.error is not None for v in verdicts))
    metrics["cases"] = float(len(verdicts))
    for label, key in (("by_role", _role), ("by_tool", _first_tool), ("by_expect", _expectation)):
        parts: dict[str, list[float]] = defaultdict(list)
        for verdict in verdicts:
            part = key(verdict)
            if part is not None:
                parts[part].append(float(verdict.full_right))
        metrics |= {f"{label}/{part}": share(parts[part]) for part in sorted(parts)}
    return metrics


def intervals(verdicts: Sequence[Verdict], *, seed: int = 0) -> dict[str, tuple[float, float]]:
    """Bootstrap 95% intervals of the shares; wordings of one group are drawn together."""
    found = {}
    for name, (values, clusters) in _values(verdicts).items():
        bounds = interval(values, groups=clusters, seed=seed)
        if bounds is not None:
            found[name] = bounds
    return found


def _values(verdicts: Sequence[Verdict]) -> dict[str, tuple[list[float], list[str]]]:
    """Of each share: its 0s and 1s, and the cluster of each."""

    def of(chosen: Sequence[Verdict], right: Callable[[Verdict], bool]) -> tuple[list[float], list[str]]:
        return [float(right(v)) for v in chosen], [v.cluster for v in chosen]

    none = [v for v in verdicts if not v.case.calls]
    some = [v for v in verdicts if v.case.calls]
    return {
        "tool_accuracy": of(verdicts, lambda v: v.tool_right),
        "full_accuracy": of(verdicts, lambda v: v.full_right),
        "decline_recall": of(none, lambda v: not v.made and v.error is None),
        "false_decline_rate": of(some, lambda v: not v.made and v.error is None),
    }


def _role(verdict: Verdict) -> str:
    return verdict.case.role


def _first_tool(verdict: Verdict) -> str | None:
    return verdict.case.calls[0].tool if verdict.case.calls else None


def _expectation(verdict: Verdict) -> str | None:
    return None if verdict.case.calls else verdict.case.expect
