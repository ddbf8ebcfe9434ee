"""Bench `agent`: the agent's steps beside the same model in LangChain's Hugging Face pipeline, request by request."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from data.errors import SettingError
from eval.casefile import CASES, Case, categories_of, read_requests
from eval.questions import questions
from eval.shop import shop_for
from eval.sidebyside import Worker
from eval.task import Inputs, Outcome

REQUESTS = CASES / "requests.jsonl"
WARM_UP = 2
"""Requests that each side answers before the clock counts: the first ones load what later ones find loaded."""


@dataclass(frozen=True)
class Ways:
    """How each side is opened, by functions that a fresh process can import.

    `agent(store)` does ("decide", role, say) → the tool to call, empty for none, and ("ask", role, say, customer) →
    (number of calls, seconds to the first word or None); `pipeline()` does ("decide", role, say) alike.
    """

    agent: Callable[..., Any]
    pipeline: Callable[..., Any]


def evaluate(inputs: Inputs, ways: Ways, *, requests: int = 40) -> Outcome:
    """Decides `requests` requests both ways, turn and turn about, then asks as many questions of the agent alone."""
    if requests < 1:
        raise SettingError("a bench needs 1 request or more")
    path = inputs.test or REQUESTS
    cases = [case for case in read_requests(path) if not case.thread]
    Random(inputs.seed).shuffle(cases)
    chosen = cases[: requests + WARM_UP]
    with shop_for(categories_of(cases), inputs) as store, Worker(ways.agent, store.root) as agent:
        asked = questions(store.snapshot(), requests, seed=inputs.seed)
        loading = agent.ready().seconds
        with Worker(ways.pipeline) as pipeline:
            pipeline.ready()
            pairs = _decided(agent, pipeline, chosen, inputs)
            heavy = pipeline.peak_mb()
        whole, first = _asked(agent, [("ask", q.role, q.say, q.customer_id) for q in asked], inputs)
        light = agent.peak_mb()
    metrics = {
        "faster": sum(theirs for _, theirs, _ in pairs) / sum(ours for ours, _, _ in pairs),
        "decision_s": statistics.median(ours for ours, _, _ in pairs),
        "one_tool_answer_s": statistics.median(whole) if whole else float("nan"),
        "first_word_s": statistics.median(first) if first else float("nan"),
        "loading_s": loading,
        "peak_mb": light,
        "same_tool": statistics.fmean(same for _, _, same in pairs),
        "decisions": float(len(pairs)),
        "answers": float(len(whole)),
    }
    beside = {"decision_s": statistics.median(theirs for _, theirs, _ in pairs), "peak_mb": heavy}
    return Outcome(metrics=metrics, floors={"Hugging Face pipeline": beside}, files=(path,))


def _decided(agent: Worker, pipeline: Worker, cases: Sequence[Case], inputs: Inputs) -> list[tuple[float, float, bool]]:
    """Of each request after the warm-up: our seconds, the pipeline's, and whether both chose the same."""
    found = []
    for done, case in enumerate(cases):
        inputs.report("decisions", done, len(cases))
        task = ("decide", case.role, case.say)
        first, second = (agent, pipeline) if done % 2 else (pipeline, agent)
        results = {id(first): first.do(task), id(second): second.do(task)}
        ours, theirs = results[id(agent)], results[id(pipeline)]
        found.append((ours.seconds, theirs.seconds, bool(ours.result == theirs.result)))
    return found[WARM_UP:] or found


def _asked(agent: Worker, tasks: Sequence[Any], inputs: Inputs) -> tuple[list[float], list[float]]:
    """Seconds of each whole answer that took one tool, and to its first word."""
    whole, first = [], []
    for done, task in enumerate(tasks):
        inputs.report("answers", done, len(tasks))
        timed = agent.do(task)
        calls, word = timed.result
        if calls == 1 and done >= WARM_UP:
            whole.append(timed.seconds)
            if word is not None:
                first.append(word)
    return whole, first
