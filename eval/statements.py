"""Task `statements`: how many statements of the answers hold, how much of what an answer owes is told, and what the
checker catches of errors planted by hand.
"""

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent import claims
from agent.owed import owed as owes
from data.errors import DataError, SettingError
from eval.briefs import finished
from eval.casefile import CASES
from eval.literal import LiteralCheck
from eval.metrics import interval, share
from eval.questions import Question, questions
from eval.shop import shop_for
from eval.task import Asker, Inputs, Outcome
from tools.base import REFERENCE, Call

COUNT = 250
PLANTED = CASES / "planted_errors.jsonl"
SOUND = "sound"


@dataclass(frozen=True)
class Told:
    """One answer: its statements, those that were stopped, literal figures and names, and what it owed and told."""

    question: Question
    raw: str = ""
    stopped: int = 0
    faulty: int = 0
    figures: int = 0
    literal: int = 0
    owed: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    fallback: bool = False
    error: str | None = None

    @property
    def statements(self) -> int:
        """Sentences shown."""
        return len(claims.sentences(self.raw))

    def miss(self) -> str:
        """Lines about an answer that owes something or states what does not hold."""
        owes = self.error or ", ".join(sorted(set(self.owed) - set(self.told))) or "-"
        return f"[{self.question.role}] {self.question.say}\n    answer {self.raw}\n    owes   {owes}"


@dataclass(frozen=True)
class Planted:
    """A statement written by hand, with what is wrong with it ("sound": nothing) and what the checker says."""

    line: int
    kind: str
    answer: str
    reasons: tuple[str, ...]


def evaluate(inputs: Inputs) -> Outcome:
    """Asks the agent about a shop (`store`, or the evaluation's own), and puts the planted errors to the checker."""
    if inputs.open_bench is None:
        raise SettingError("statements are checked with an agent: run it with `shopkeeper eval statements`")
    planted = read_planted(inputs.test or PLANTED)
    with shop_for((), inputs) as store:
        snapshot = store.snapshot()
        asked, literal = questions(snapshot, COUNT), LiteralCheck.of(snapshot)
        asker = inputs.open_bench(store.root).asker()
        found = []
        for done, question in enumerate(asked):
            inputs.report("statements", done, len(asked))
            found.append(judge(asker, question, literal))
        inputs.report("statements", len(asked), len(asked))
    precise = [1.0 - one.faulty / one.statements for one in found if one.statements]
    bounds = interval(precise, seed=inputs.seed)
    return Outcome(
        metrics=summary(found) | catches(planted),
        intervals={} if bounds is None else {"precision": bounds},
        files=[inputs.test or PLANTED],
        misses=[
            *(one.miss() for one in found if one.error or one.faulty or set(one.owed) - set(one.told)),
            *(f"planted line {p.line} [{p.kind}] {p.answer}\n    {p.reasons}" for p in planted if _misjudged(p)),
        ],
    )


def judge(asker: Asker, question: Question, check: LiteralCheck) -> Told:
    """Asks one question and takes its answer apart."""
    try:
        reply = asker.ask(question.say, question.role, question.customer_id)
    except Exception as error:  # an exception is what this task counts
        return Told(question, error=f"{type(error).__name__}: {error}")
    owed, told = coverage(reply.calls, reply.raw)
    literal = sum(len(what) for what in check.faults(reply.raw).values())
    return Told(
        question,
        raw=reply.raw,
        stopped=reply.stopped,
        faulty=len({fault.rpartition(": ")[2] for fault in reply.faults}),
        figures=len(REFERENCE.findall(reply.raw)) + literal,
        literal=literal,
        owed=owed,
        told=told,
        fallback=reply.fallback,
    )


def coverage(calls: Sequence[Call], raw: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What an answer over `calls` owes, as `letter.alternatives`, and what of that it tells."""
    said = REFERENCE.findall(raw)
    owed, told = [], []
    for call in calls:
        known = {key for facts in (call.result.facts, *(r.facts for r in call.result.rows)) for key in facts}
        keys = {one.partition(".")[2] for one in said if _letter(one) == call.letter}
        for alternatives, done in owes(_kind(call), known, keys).items():
            owed.append(f"{call.letter}.{alternatives}")
            told += owed[-1:] if done else []
    return tuple(owed), tuple(told)


def summary(found: Sequence[Told]) -> dict[str, float]:
    """The task's metrics over answers.

    `precision` is the share of the sentences shown whose claims all hold, `written_precision` the same of those
    that the model wrote, before the checker left some out; `number_fidelity` the share of figures and names that
    are references; `coverage` the share of owed facts that are told.
    """
    shown, stopped = sum(one.statements for one in found), sum(one.stopped for one in found)
    faulty, figures = sum(one.faulty for one in found), sum(one.figures for one in found)
    owed, told = sum(len(one.owed) for one in found), sum(len(one.told) for one in found)
    return {
        "precision": 1.0 - faulty / max(shown, 1),
        "written_precision": 1.0 - (faulty + stopped) / max(shown + stopped, 1),
        "number_fidelity": 1.0 - sum(one.literal for one in found) / max(figures, 1),
        "coverage": told / max(owed, 1),
        "fallback_share": share([float(one.fallback) for one in found]),
        "errors": float(sum(one.error is not None for one in found)),
        "statements": float(shown),
        "answers": float(len(found)),
    }


def read_planted(path: Path) -> list[Planted]:
    """The hand-written statements of a file, each put to the checker; `DataError` names a line that can't be used."""
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            case: dict[str, Any] = json.loads(line)
            arguments = {"report": case["report"]} if "report" in case else {}
            ground = claims.Ground.of([finished(case["tool"], arguments, case["brief"])], claims.Names.of(()))
            reasons = tuple(fault.reason for fault in claims.check(case["answer"], ground))
            found.append(Planted(number, str(case["kind"]), case["answer"], reasons))
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}, line {number}: {error}; a line has tool, brief, answer and kind") from None
    return found


def catches(planted: Sequence[Planted]) -> dict[str, float]:
    """The share of the planted errors that is caught, overall and by kind, and of the sound ones that are stopped."""
    kinds: dict[str, list[float]] = defaultdict(list)
    for one in planted:
        kinds[one.kind].append(float(bool(one.reasons)))
    wrong = [caught for kind, values in kinds.items() if kind != SOUND for caught in values]
    metrics = {"caught": share(wrong), "planted": float(len(wrong))} if wrong else {}
    if kinds[SOUND]:
        metrics |= {"false_alarms": share(kinds[SOUND]), "sound": float(len(kinds[SOUND]))}
    return metrics | {
        f"caught/{kind}": share(values) for kind, values in sorted(kinds.items()) if values and kind != SOUND
    }


def _misjudged(planted: Planted) -> bool:
    return bool(planted.reasons) == (planted.kind == SOUND)


def _kind(call: Call) -> str:
    if call.result.failed:
        return "error"
    return f"{call.tool}/{call.arguments['report']}" if call.tool == "analyse_behaviour" else call.tool


def _letter(reference: str) -> str:
    return re.sub(r"\d", "", reference.partition(".")[0])
