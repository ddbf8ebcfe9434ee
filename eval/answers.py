"""Task `answers`: a hundred questions of every kind, and what their answers may not have."""

import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from data.errors import SettingError
from eval.literal import LiteralCheck
from eval.metrics import interval, share
from eval.questions import Question, questions
from eval.shop import shop_for
from eval.task import Asker, Inputs, Outcome
from tools.base import REFERENCE

COUNT = 100
KINDS = ("digits", "number_words", "titles", "brands", "categories")


@dataclass(frozen=True)
class Checked:
    """One answer, checked: what stands in its literal text, and which claims don't hold."""

    question: Question
    raw: str = ""
    fallback: bool = False
    literal: dict[str, list[str]] = field(default_factory=dict)
    claims: tuple[str, ...] = ()
    unrendered: bool = False
    seconds: float = 0.0
    error: str | None = None

    @property
    def clean(self) -> bool:
        """Whether nothing at all is wrong with the answer."""
        return not (self.error or self.literal or self.claims or self.unrendered or not self.raw.strip())

    def miss(self) -> str:
        """Lines about an answer that is not clean."""
        literal = [f"{kind}: {', '.join(what)}" for kind, what in self.literal.items()]
        wrong = self.error or "; ".join([*literal, *self.claims] or ["empty, or a reference was not filled in"])
        return f"[{self.question.role}] {self.question.say}\n    answer {self.raw}\n    wrong  {wrong}"


def evaluate(inputs: Inputs) -> Outcome:
    """Asks the agent and checks each answer; with `store` given, about that shop."""
    if inputs.open_bench is None:
        raise SettingError("answers are checked with an agent: run it with `shopkeeper eval answers`")
    with shop_for((), inputs) as store:
        snapshot = store.snapshot()
        asked, check = questions(snapshot, COUNT), LiteralCheck.of(snapshot)
        asker = inputs.open_bench(store.root).asker()
        found = []
        for done, question in enumerate(asked):
            inputs.report("answers", done, len(asked))
            found.append(check_one(asker, question, check))
        inputs.report("answers", len(asked), len(asked))
    clean = [float(one.clean) for one in found]
    bounds = interval(clean, seed=inputs.seed)
    return Outcome(
        metrics=summary(found),
        intervals={} if bounds is None else {"clean": bounds},
        misses=[one.miss() for one in found if not one.clean],
    )


def check_one(asker: Asker, question: Question, check: LiteralCheck) -> Checked:
    """Asks one question and checks its answer."""
    start = time.perf_counter()
    try:
        reply = asker.ask(question.say, question.role, question.customer_id)
    except Exception as error:  # an exception is what this task counts
        return Checked(question, seconds=time.perf_counter() - start, error=f"{type(error).__name__}: {error}")
    return Checked(
        question,
        raw=reply.raw,
        fallback=reply.fallback,
        literal=check.faults(reply.raw),
        claims=tuple(reply.faults),
        unrendered=REFERENCE.search(reply.text) is not None,
        seconds=time.perf_counter() - start,
    )


def summary(found: Sequence[Checked]) -> dict[str, float]:
    """Shares of clean answers and of those that fell back to a template, and how many answers have each fault."""
    kinds = Counter(kind for one in found for kind in one.literal)
    return {
        "clean": share([float(one.clean) for one in found]),
        "fallback_share": share([float(one.fallback) for one in found]),
        "exceptions": float(sum(one.error is not None for one in found)),
        "claims": float(sum(bool(one.claims) for one in found)),
        "unrendered": float(sum(one.unrendered for one in found)),
        "empty": float(sum(not one.raw.strip() and one.error is None for one in found)),
        "with_references": share([float(REFERENCE.search(one.raw) is not None) for one in found]),
        "median_answer_s": statistics.median(one.seconds for one in found),
        "answers": float(len(found)),
    } | {kind: float(kinds[kind]) for kind in KINDS}
