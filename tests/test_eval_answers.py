"""What the check of answers catches, and the questions it asks."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from data.store import Store
from eval import answers
from eval.literal import LiteralCheck
from eval.questions import questions
from eval.task import Decider, Inputs, Planner

CHECK = LiteralCheck({"titles": ["Oak Tray", "Oak Tray Large"], "brands": ["Fernlow"], "categories": ["Garden"]})


@dataclass
class Reply:
    raw: str
    text: str = "fine"
    fallback: bool = False
    faults: list[str] = field(default_factory=list)


class Bench:
    """An agent's bench whose answers come from a function."""

    def __init__(self, answer: Callable[[str], Reply]) -> None:
        self.answer = answer
        self.customers: set[str | None] = set()

    def ask(self, say: str, role: str, customer_id: str | None) -> Reply:
        self.customers.add(customer_id)
        assert (customer_id is not None) == (role == "shopper")
        return self.answer(say)

    def asker(self) -> "Bench":
        return self

    def decider(self) -> Decider:
        raise NotImplementedError

    def planner(self) -> Planner:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        ("It costs 4 pounds.", "digits"),
        ("It costs ４.", "digits"),
        ("About half of them, {a.size}.", "number_words"),
        ("one in ten", "number_words"),
        ("大约三个", "number_words"),
        ("The oak tray is nice.", "titles"),
        ("FERNLOW makes it.", "brands"),
        ("All of your garden things", "categories"),
    ],
)
def test_what_may_not_stand_in_literal_text_is_found(raw: str, kind: str) -> None:
    assert kind in CHECK.faults(raw)


@pytest.mark.parametrize(
    "raw",
    [
        "{a2.price} for the {a2.title}, one of the best of {a.count} products.",
        "Gardeners weigh what someone often said to the fourteenth.",
        "Oak {a.title} Tray",
    ],
)
def test_references_and_words_that_only_look_alike_are_fine(raw: str) -> None:
    assert CHECK.faults(raw) == {}


def test_the_longest_name_is_the_one_that_is_named() -> None:
    assert CHECK.faults("the Oak Tray Large")["titles"] == ["Oak Tray Large"]


def test_questions_are_many_repeat_and_leave_no_gap_open(tiny_store: Store) -> None:
    snapshot = tiny_store.snapshot()
    found = questions(snapshot, 100)
    assert len(found) == 100
    assert found == questions(snapshot, 100)
    assert len({question.say for question in found}) == 100
    assert not any("{" in question.say for question in found)
    known = set(snapshot.frame("customers")["customer_id"])
    assert {q.customer_id for q in found if q.role == "shopper"} <= known


def test_clean_answers_are_clean_and_each_fault_is_counted(tiny_store: Store) -> None:
    def answer(say: str) -> Reply:
        if say == "hello":
            raise RuntimeError("no words")
        if "reorder" in say:
            return Reply("You need 3 {a.title}.")
        if "funnel" in say or "lose visitors" in say:
            return Reply("{a.price} customers left", faults=["{a.price} is no count"])
        if "segments" in say:
            return Reply("", fallback=True)
        if "channels" in say:
            return Reply("{a.best} is best", text="{a.best} is best")
        return Reply("Here is {a1.title} for {a1.price}.")

    bench = Bench(answer)
    outcome = answers.evaluate(Inputs(store=tiny_store, open_bench=lambda _: bench))
    found = outcome.metrics
    assert found["answers"] == 100
    assert all(found[name] > 0 for name in ("digits", "claims", "exceptions", "empty", "unrendered", "fallback_share"))
    assert found["titles"] == found["brands"] == 0
    bad = found["digits"] + found["claims"] + found["exceptions"] + found["empty"] + found["unrendered"]
    assert found["clean"] == pytest.approx(1 - bad / 100)
    assert len(outcome.misses) == bad
    assert len(bench.customers) > 3
