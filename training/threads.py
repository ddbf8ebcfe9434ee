"""Conversations of several turns: follow-ups that lean on earlier ones, and several requests in one message."""

import random
import re
from collections.abc import Mapping
from typing import Any

from llm.calls import parsed
from training import plans, results, slots, turns
from training.answers import Answers, Scope
from training.slots import entries
from training.templates import REFERENCE, expand
from training.turns import Message, fill

_NAMES = frozenset({"title", "anchor", "name", "reason", "message", "verdict", "goal", "channel", "tone"})
_MONEY = frozenset({"price", "new_price", "revenue", "profit", "cost", "budget", "spend", "value"})


def thread(rng: random.Random) -> list[Message]:
    """Follow-ups: a turn may keep arguments of the turn before, refer to its rows, or answer from it."""
    chosen = rng.choice(entries("threads*.yaml"))
    role = chosen.get("role", "marketer")
    role = turns.any_role(rng) if role == "both" else role
    messages, at, before = [turns.system(role)], turns.first_call(rng), dict[str, Any]()
    scope: Scope | None = None
    for turn in chosen["turns"]:
        say, drawn = fill(rng.choice(turn["say"]), rng)
        if "tool" not in turn:
            replies = [scope.fill(reply) if scope else reply for reply in (expand(one, rng) for one in turn["answer"])]
            known = scope.known() if scope else set()
            fitting = [reply for reply in replies if set(REFERENCE.findall(reply)) <= known]
            if not fitting:  # the drawn result lacks what the answer speaks of
                return thread(rng)
            messages += [{"role": "user", "content": say}, {"role": "assistant", "content": rng.choice(fitting)}]
            continue
        fixed = turns.in_words(turn.get("args") or {}, say)
        arguments = {**{k: before[k] for k in turn.get("keep", []) if k in before}, **fixed, **drawn}
        for key, row in (turn.get("rows") or {}).items():  # arguments that are ids of earlier rows
            ids = [r.id for r in scope.result.rows if r.id] if scope else []
            picked = [ids[n - 1] for n in (row if isinstance(row, list) else [row]) if n <= len(ids)]
            if not picked:
                return thread(rng)
            arguments[key] = picked if isinstance(row, list) else picked[0]
        letter = plans.letter(at)
        shape, number, cue = turns.shape_name(turn["tool"], arguments), turn.get("number"), turn.get("cue")
        result = results.draw(shape, role, rng, arguments=arguments, rows=number, cue=cue, drop=0.05)
        scope = Scope(role, letter, arguments, result, say)
        messages += [
            {"role": "user", "content": say},
            {"role": "assistant", "content": plans.call_text(turn["tool"], arguments)},
            {"role": "tool", "content": result.brief(letter)},
            {"role": "assistant", "content": Answers.load().write(turn["tool"], scope, rng)},
        ]
        before, at = arguments, at + 1
    return messages


def plainly(rng: random.Random) -> list[Message]:
    """A thread whose earlier turns stand there as prose only, as in a conversation taken up from elsewhere."""
    messages = thread(rng)
    starts = [at for at, message in enumerate(messages) if message["role"] == "user"]
    last = starts[-1]
    if messages[last + 1]["content"].startswith("call ") is False or "product_id" in messages[last + 1]["content"]:
        return plainly(rng)  # what is answered from facts, or named by its row, needs them in sight
    call = parsed(messages[last + 1]["content"])
    told = [
        {**m, "content": _told(m["content"], call[1] if call else {}, rng), "given": "earlier"}
        for m in messages[:last]
        if _is_prose(m)
    ]
    return [messages[0], *told, *messages[last : last + 2]]


def _is_prose(message: Message) -> bool:
    return message["role"] == "user" or (message["role"] == "assistant" and not message["content"].startswith("call "))


def _told(text: str, later: Mapping[str, Any], rng: random.Random) -> str:
    """`text` with something in the place of each reference, as a reader sees it; ids are those that `later` takes."""

    def shown(match: re.Match[str]) -> str:
        key = match.group(1).rpartition(".")[2]
        slot = {"campaign": "campaign_id", "order": "order_id", "customer": "customer_id", "target": "category"}.get(
            key
        )
        if slot is not None and slot in later:
            return str(later[slot])
        slot = slot or ("product_words" if key in _NAMES else "max_price" if key in _MONEY else "size")
        return slots.draw(slot, rng)[0]

    return REFERENCE.sub(shown, text)


def chain(rng: random.Random) -> list[Message]:
    """Several requests in one message: written as one, or two independent ones joined."""
    if rng.random() < 0.55:
        entry = rng.choice(entries("chains*.yaml"))
        role = entry.get("role", "marketer")
        say, drawn = fill(rng.choice(entry["say"]), rng)
        calls = [
            (c["tool"], {**(c.get("args") or {}), **{k: _of_slot(drawn, s) for k, s in (c.get("slots") or {}).items()}})
            for c in entry["calls"]
        ]
    else:
        role = turns.any_role(rng)
        (tool, arguments, one), (other, more, two) = turns.pick(role, rng), turns.pick(role, rng)
        while other == tool or len(one) > 90 or len(two) > 90:
            (tool, arguments, one), (other, more, two) = turns.pick(role, rng), turns.pick(role, rng)
        joint = rng.choice(
            [", then ", " and then ", ". After that, ", ", and ", ". Also: ", "; then ", " - and after that "]
        )
        say, calls = one.rstrip(".?! ") + joint + two[:1].lower() + two[1:], [(tool, arguments), (other, more)]
    messages = [turns.system(role), {"role": "user", "content": say}]
    at, scope = turns.first_call(rng), None
    for number, (tool, arguments) in enumerate(calls):
        letter = plans.letter(at + number)
        shape = turns.shape_name(tool, arguments)
        result = results.draw(shape, role, rng, arguments=arguments, drop=0.05)
        scope = (tool, Scope(role, letter, arguments, result))
        messages += [
            {"role": "assistant", "content": plans.call_text(tool, arguments)},
            {"role": "tool", "content": result.brief(letter)},
        ]
    assert scope is not None
    return [*messages, {"role": "assistant", "content": Answers.load().write(scope[0], scope[1], rng)}]


def _of_slot(drawn: Mapping[str, Any], slot: str) -> Any:
    return drawn[slots.ARGUMENT_OF.get(slot, slot)]
