"""Training conversations, composed from the seed files: requests, tool results, answers, talk, threads and plans.

`compose(number, seed)` yields conversations as {"kind", "messages"}; an assistant's message is what the LLM learns
to write: `call NAME {json}` or prose whose figures and names are references. `python -m training.dataset --help`.
"""

import argparse
import json
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from data.errors import SettingError
from training import general, plans, slots, threads, turns
from training.answers import NoAnswerError
from training.templates import expand
from training.turns import Message, fill

Conversation = dict[str, Any]

_MIX = {"single": 0.56, "thread": 0.08, "pair": 0.04, "talk": 0.22, "plan": 0.07, "copy": 0.03}
"""Share of each kind of conversation."""


def compose(number: int, seed: int | str, mix: Mapping[str, float] | None = None) -> Iterator[Conversation]:
    """`number` conversations; the same seed gives the same ones. `mix` gives other shares of each kind.

    Raises `SettingError` for a kind that there is not.
    """
    shares = dict(mix or _MIX)
    if unknown := set(shares) - set(_MAKERS):
        raise SettingError(f"no kind of conversation {sorted(unknown)[0]}; there are {', '.join(_MAKERS)}")
    rng = random.Random(seed)
    for _ in range(number):
        kind = rng.choices(list(shares), weights=list(shares.values()))[0]
        yield {"kind": kind, "messages": _made(kind, rng)}


def _made(kind: str, rng: random.Random) -> list[Message]:
    """A conversation of `kind`; a drawn result that no seed answer fits is drawn again."""
    for _ in range(20):
        try:
            return _MAKERS[kind](rng)
        except NoAnswerError:
            continue
    raise NoAnswerError(f"no {kind} conversation in twenty tries: the seed answers have a gap")


def _decide(rng: random.Random, role: str | None = None) -> list[Message]:
    """A request and its call: choosing is harder to learn than wording the answer."""
    role = role or turns.any_role(rng)
    tool, arguments, say = turns.pick(role, rng)
    call = {"role": "assistant", "content": plans.call_text(tool, arguments)}
    return [turns.system(role), {"role": "user", "content": say}, call]


def _single(rng: random.Random) -> list[Message]:
    role = turns.any_role(rng)
    tool, arguments, say = turns.pick(role, rng)
    whole = turns.turn(role, tool, arguments, say, turns.first_call(rng), rng)
    # Choosing the tool is harder to learn than wording the answer, so half the examples stop at the call.
    return [turns.system(role), *(whole[:2] if rng.random() < 0.5 else whole)]


def _answer(rng: random.Random) -> list[Message]:
    """A request with its call, its result and the answer: prose has more ways to go wrong than a call."""
    role = turns.any_role(rng)
    tool, arguments, say = turns.pick(role, rng)
    return [turns.system(role), *turns.turn(role, tool, arguments, say, turns.first_call(rng), rng)]


def _asked(rng: random.Random) -> list[Message]:
    """The same for a request that names what it wants to know, of which more than usual may be missing."""
    role = turns.any_role(rng)
    tool, arguments, say = turns.pick_asked(role, rng)
    drop = rng.choice([0.1, 0.1, 0.45])
    return [turns.system(role), *turns.turn(role, tool, arguments, say, turns.first_call(rng), rng, drop=drop)]


def _pair(rng: random.Random) -> list[Message]:
    role, at = turns.any_role(rng), turns.first_call(rng)
    messages = [turns.system(role)]
    for number in range(2):
        tool, arguments, say = turns.pick(role, rng)
        messages += turns.turn(role, tool, arguments, say, at + number, rng)
    return messages


def _talk(rng: random.Random) -> list[Message]:
    """Small talk, a request outside the job, or one that lacks what a tool needs, perhaps completed after that."""
    groups = slots.entries("talk*.yaml")
    group = rng.choices(groups, weights=[len(g["say"]) ** 0.7 for g in groups])[0]
    role = group.get("role", "both")
    role = turns.any_role(rng) if role == "both" else role
    say, _ = fill(rng.choice(group["say"]), rng)
    answer = expand(rng.choice(group["answer"]), rng)
    messages = [turns.system(role)]
    at = turns.first_call(rng)
    if rng.random() < 0.15:  # talk inside a conversation about something else
        tool, arguments, earlier = turns.pick(role, rng)
        messages += turns.turn(role, tool, arguments, earlier, at, rng)
        at += 1
    messages += [{"role": "user", "content": say}, {"role": "assistant", "content": answer}]
    if "then" in group and rng.random() < 0.7:
        then = group["then"]
        text, drawn = fill(rng.choice(then["say"]), rng)
        arguments = {**turns.in_words(then.get("args") or {}, text), **drawn}
        messages += turns.turn(role, then["tool"], arguments, text, at, rng)
    return messages


def _copy(rng: random.Random) -> list[Message]:
    """What the copy tool asks of the LLM: prose for a channel over a product's facts."""
    entry = rng.choice(slots.entries("copy*.yaml"))
    say = expand(rng.choice(entry["say"]), rng)
    keys = ["title", "price"] + (["category"] if rng.random() < 0.8 else [])
    keys += ["discount", "new_price"] if entry.get("discount") else []
    needed = {f"p.{key}" for key in keys}
    if not set(plans.references(say)) <= needed:
        return _copy(rng)
    ask = f"{entry['channel']} {entry.get('tone', 'friendly')} {entry.get('language', 'en')}: {' '.join(keys)}"
    return [
        turns.system("copy"),
        {"role": "user", "content": ask},
        {"role": "assistant", "content": say},
    ]


def _general(rng: random.Random) -> list[Message]:
    return general.compose(rng)


def _extended(rng: random.Random) -> list[Message]:
    """Somebody's own tools beside the learned ones: a request for one of them, or a usual one."""
    role = turns.any_role(rng)
    prompt, say, call = general.beside(role, rng)
    own = [{"role": "user", "content": say}, {"role": "assistant", "content": call}]
    return [{"role": "system", "content": prompt}, *(own if rng.random() < 0.5 else _decide(rng, role)[1:])]


def _plan(rng: random.Random) -> list[Message]:
    return plans.compose(rng, fill)


_MAKERS = {
    "decide": _decide,
    "single": _single,
    "answer": _answer,
    "asked": _asked,
    "pair": _pair,
    "thread": threads.thread,
    "plain_thread": threads.plainly,
    "chain": threads.chain,
    "talk": _talk,
    "plan": _plan,
    "copy": _copy,
    "general": _general,
    "extended": _extended,
}


def main() -> None:
    """Writes conversations as JSON lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=12000, help="how many conversations (default 12000)")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("var/training/conversations.jsonl"))
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with options.out.open("w", encoding="utf-8") as file:
        for conversation in compose(options.number, options.seed):
            file.write(json.dumps(conversation, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
