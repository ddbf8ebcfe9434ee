"""Training conversations, composed from the seed files: requests, tool results, answers, talk, threads and plans.

`compose(number, seed)` yields conversations as {"kind", "messages"}; an assistant's message is what the LLM learns
to write: `call NAME {json}` or prose whose figures and names are references. `python -m training.dataset --help`.
"""

import argparse
import json
import random
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

import prompts
from agent.mentions import QUANTITIES, mentions
from agent.quantities import quantity
from data.errors import SettingError
from llm.calls import parsed
from training import general, plans, results, slots
from training.answers import Answers, NoAnswerError, Scope
from training.noise import rough
from training.templates import REFERENCE, SLOT, expand

SEEDS = slots.SEEDS
Message = dict[str, str]
Conversation = dict[str, Any]

_MIX = {"single": 0.56, "thread": 0.08, "pair": 0.04, "talk": 0.22, "plan": 0.07, "copy": 0.03}
"""Share of each kind of conversation."""

_NAMES = frozenset({"title", "anchor", "name", "reason", "message", "verdict", "goal", "channel", "tone"})
_MONEY = frozenset({"price", "new_price", "revenue", "profit", "cost", "budget", "spend", "value"})


@cache
def requests() -> dict[str, list[tuple[str, dict[str, Any], str, str]]]:
    """Every request wording by role: (tool, fixed arguments, template, file)."""
    found: dict[str, list[tuple[str, dict[str, Any], str, str]]] = {"marketer": [], "shopper": []}
    for path in sorted((SEEDS / "requests").glob("*.yaml")):
        if path.stem == "plans":
            continue
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
        for seed in loaded["seeds"]:
            role = seed.get("role", "shopper" if path.stem.startswith("shopper_") else "marketer")
            for one in ("marketer", "shopper") if role == "both" else (role,):
                found[one] += [(loaded["tool"], seed.get("args") or {}, say, path.stem) for say in seed["say"]]
    return found


@cache
def talk() -> list[dict[str, Any]]:
    """Groups of small talk, declines and questions back (`seeds/talk*.yaml`)."""
    paths = sorted(SEEDS.glob("talk*.yaml"))
    return [group for path in paths for group in yaml.safe_load(path.read_text(encoding="utf-8"))]


@cache
def threads() -> list[dict[str, Any]]:
    """Conversations whose later turns lean on earlier ones (`seeds/threads*.yaml`)."""
    paths = sorted(SEEDS.glob("threads*.yaml"))
    return [thread for path in paths for thread in yaml.safe_load(path.read_text(encoding="utf-8"))]


@cache
def chains() -> list[dict[str, Any]]:
    """Several requests in one message that lean on each other (`seeds/chains.yaml`)."""
    loaded: list[dict[str, Any]] = yaml.safe_load((SEEDS / "chains.yaml").read_text(encoding="utf-8"))
    return loaded


@cache
def copy() -> list[dict[str, Any]]:
    """Copy by channel, tone and offer (`seeds/copy.yaml`)."""
    loaded: list[dict[str, Any]] = yaml.safe_load((SEEDS / "copy.yaml").read_text(encoding="utf-8"))
    return loaded


def fill(template: str, rng: random.Random) -> tuple[str, dict[str, Any]]:
    """One wording of `template` with its slots filled in, and the arguments that they mean."""
    text, arguments = expand(template, rng), dict[str, Any]()
    while match := SLOT.search(text):
        slot = match.group(1)
        surface, value = slots.draw(slot, rng)
        arguments[slots.ARGUMENT_OF.get(slot, slot)] = value
        text = text[: match.start()] + surface.replace("{", "(") + text[match.end() :]
    return text, arguments


def compose(number: int, seed: int, mix: Mapping[str, float] | None = None) -> Iterator[Conversation]:
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


def _in_words(fixed: Mapping[str, Any], text: str) -> dict[str, Any]:
    """`fixed` arguments with the words of `text` that mean their figures: 30 as "last month", which the LLM copies."""
    found = dict(fixed)
    for name in QUANTITIES & set(fixed):
        said = next((one for one in mentions(name, [text]) if quantity(name, one) == fixed[name]), None)
        if said is not None and said != str(fixed[name]):
            found[name] = slots.said(fixed[name], said)
    return found


def _letter(rng: random.Random) -> int:
    """Where the lettering of calls starts: a long thread's earlier calls are no longer shown."""
    return 0 if rng.random() < 0.8 else rng.randint(1, 20)


def _system(role: str) -> Message:
    return {"role": "system", "content": prompts.load(role).text}


def _role(rng: random.Random) -> str:
    return "marketer" if rng.random() < 0.68 else "shopper"


def _pick(role: str, rng: random.Random) -> tuple[str, dict[str, Any], str]:
    """A request; tools with many wordings a little more often: (tool, arguments, text)."""
    pool = requests()[role]
    counts = Counter(tool for tool, *_ in pool)
    names = sorted(counts)
    tool = rng.choices(names, weights=[counts[name] ** 0.5 for name in names])[0]
    _, fixed, template, _ = rng.choice([p for p in pool if p[0] == tool])
    text, drawn = fill(template, rng)
    arguments = {**_in_words(fixed, text), **drawn}
    if tool == "draft_campaign" and "channel" in arguments:
        arguments["channels"] = [arguments.pop("channel")]
    return tool, arguments, rough(text, rng)


def _turn(role: str, tool: str, arguments: dict[str, Any], say: str, at: int, rng: random.Random) -> list[Message]:
    """A whole turn: the request, the call, its result and the answer."""
    letter = plans.letter(at)
    shape = tool if tool != "analyse_behaviour" else f"{tool}/{arguments['report']}"
    ids = arguments.get("product_ids")
    rows = len(ids) if ids else arguments.get("limit")
    result = results.draw_error() if rng.random() < 0.06 else results.draw(shape, role, rng, rows=rows, ids=ids)
    answer = Answers.load().write(tool, Scope(role, letter, arguments, result), rng)
    return [
        {"role": "user", "content": say},
        {"role": "assistant", "content": plans.call_text(tool, arguments)},
        {"role": "tool", "content": result.brief(letter)},
        {"role": "assistant", "content": answer},
    ]


def _decide(rng: random.Random, role: str | None = None) -> list[Message]:
    """A request and its call: choosing is harder to learn than wording the answer."""
    role = role or _role(rng)
    tool, arguments, say = _pick(role, rng)
    call = {"role": "assistant", "content": plans.call_text(tool, arguments)}
    return [_system(role), {"role": "user", "content": say}, call]


def _single(rng: random.Random) -> list[Message]:
    role = _role(rng)
    tool, arguments, say = _pick(role, rng)
    turn = _turn(role, tool, arguments, say, _letter(rng), rng)
    # Choosing the tool is harder to learn than wording the answer, so half the examples stop at the call.
    return [_system(role), *(turn[:2] if rng.random() < 0.5 else turn)]


def _pair(rng: random.Random) -> list[Message]:
    role, at = _role(rng), _letter(rng)
    messages = [_system(role)]
    for number in range(2):
        tool, arguments, say = _pick(role, rng)
        messages += _turn(role, tool, arguments, say, at + number, rng)
    return messages


def _thread(rng: random.Random) -> list[Message]:
    """Follow-ups: a turn may keep arguments of the turn before, refer to its rows, or answer from it."""
    thread = rng.choice(threads())
    role = thread.get("role", "marketer")
    role = _role(rng) if role == "both" else role
    messages, at, before = [_system(role)], _letter(rng), dict[str, Any]()
    scope: Scope | None = None
    for turn in thread["turns"]:
        text, drawn = fill(rng.choice(turn["say"]), rng)
        say = rough(text, rng)
        if "tool" not in turn:
            reply = expand(rng.choice(turn["answer"]), rng)
            messages += [
                {"role": "user", "content": say},
                {"role": "assistant", "content": scope.fill(reply) if scope else reply},
            ]
            continue
        fixed = _in_words(turn.get("args") or {}, text)
        arguments = {**{k: before[k] for k in turn.get("keep", []) if k in before}, **fixed, **drawn}
        for key, row in (turn.get("rows") or {}).items():  # arguments that are ids of earlier rows
            ids = [r.id for r in scope.result.rows if r.id] if scope else []
            picked = [ids[n - 1] for n in (row if isinstance(row, list) else [row]) if n <= len(ids)]
            if not picked:
                return _thread(rng)
            arguments[key] = picked if isinstance(row, list) else picked[0]
        letter = plans.letter(at)
        shape = turn["tool"] if turn["tool"] != "analyse_behaviour" else f"{turn['tool']}/{arguments['report']}"
        asked = arguments.get("product_ids")
        result = results.draw(shape, role, rng, rows=turn.get("number"), cue=turn.get("cue"), ids=asked, drop=0.05)
        scope = Scope(role, letter, arguments, result)
        messages += [
            {"role": "user", "content": say},
            {"role": "assistant", "content": plans.call_text(turn["tool"], arguments)},
            {"role": "tool", "content": result.brief(letter)},
            {"role": "assistant", "content": Answers.load().write(turn["tool"], scope, rng)},
        ]
        before, at = arguments, at + 1
    return messages


def _plainly(rng: random.Random) -> list[Message]:
    """A thread whose earlier turns stand there as prose only, as in a conversation taken up from elsewhere."""
    messages = _thread(rng)
    starts = [at for at, message in enumerate(messages) if message["role"] == "user"]
    last = starts[-1]
    if messages[last + 1]["content"].startswith("call ") is False or "product_id" in messages[last + 1]["content"]:
        return _plainly(rng)  # what is answered from facts, or named by its row, needs them in sight
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


def _chain(rng: random.Random) -> list[Message]:
    """Several requests in one message: written as one, or two independent ones joined."""
    if rng.random() < 0.55:
        entry = rng.choice(chains())
        role = entry.get("role", "marketer")
        say, drawn = fill(rng.choice(entry["say"]), rng)
        calls = [
            (c["tool"], {**(c.get("args") or {}), **{k: _of_slot(drawn, s) for k, s in (c.get("slots") or {}).items()}})
            for c in entry["calls"]
        ]
    else:
        role = _role(rng)
        (tool, arguments, one), (other, more, two) = _pick(role, rng), _pick(role, rng)
        while other == tool or len(one) > 90 or len(two) > 90:
            (tool, arguments, one), (other, more, two) = _pick(role, rng), _pick(role, rng)
        joint = rng.choice(
            [", then ", " and then ", ". After that, ", ", and ", ". Also: ", "; then ", " - and after that "]
        )
        say, calls = one.rstrip(".?! ") + joint + two[:1].lower() + two[1:], [(tool, arguments), (other, more)]
    messages, at, scope = [_system(role), {"role": "user", "content": rough(say, rng)}], _letter(rng), None
    for number, (tool, arguments) in enumerate(calls):
        letter = plans.letter(at + number)
        shape = tool if tool != "analyse_behaviour" else f"{tool}/{arguments['report']}"
        ids = arguments.get("product_ids")
        result = results.draw(shape, role, rng, rows=len(ids) if ids else None, ids=ids, drop=0.05)
        scope = (tool, Scope(role, letter, arguments, result))
        messages += [
            {"role": "assistant", "content": plans.call_text(tool, arguments)},
            {"role": "tool", "content": result.brief(letter)},
        ]
    assert scope is not None
    return [*messages, {"role": "assistant", "content": Answers.load().write(scope[0], scope[1], rng)}]


def _of_slot(drawn: Mapping[str, Any], slot: str) -> Any:
    return drawn[slots.ARGUMENT_OF.get(slot, slot)]


def _talk(rng: random.Random) -> list[Message]:
    """Small talk, a request outside the job, or one that lacks what a tool needs, perhaps completed after that."""
    group = rng.choices(talk(), weights=[len(g["say"]) ** 0.7 for g in talk()])[0]
    role = group.get("role", "both")
    role = _role(rng) if role == "both" else role
    say, _ = fill(rng.choice(group["say"]), rng)
    answer = expand(rng.choice(group["answer"]), rng)
    messages = [_system(role)]
    at = _letter(rng)
    if rng.random() < 0.15:  # talk inside a conversation about something else
        tool, arguments, earlier = _pick(role, rng)
        messages += _turn(role, tool, arguments, earlier, at, rng)
        at += 1
    messages += [{"role": "user", "content": rough(say, rng)}, {"role": "assistant", "content": answer}]
    if "then" in group and rng.random() < 0.7:
        then = group["then"]
        text, drawn = fill(rng.choice(then["say"]), rng)
        arguments = {**_in_words(then.get("args") or {}, text), **drawn}
        messages += _turn(role, then["tool"], arguments, rough(text, rng), at, rng)
    return messages


def _copy(rng: random.Random) -> list[Message]:
    """What the copy tool asks of the LLM: prose for a channel over a product's facts."""
    entry = rng.choice(copy())
    say = expand(rng.choice(entry["say"]), rng)
    keys = ["title", "price"] + (["category"] if rng.random() < 0.8 else [])
    keys += ["discount", "new_price"] if entry.get("discount") else []
    needed = {f"p.{key}" for key in keys}
    if not set(plans.references(say)) <= needed:
        return _copy(rng)
    ask = f"{entry['channel']} {entry.get('tone', 'friendly')} {entry.get('language', 'en')}: {' '.join(keys)}"
    return [
        _system("copy"),
        {"role": "user", "content": ask},
        {"role": "assistant", "content": say},
    ]


def _general(rng: random.Random) -> list[Message]:
    return general.compose(rng)


def _extended(rng: random.Random) -> list[Message]:
    """Somebody's own tools beside the learned ones: a request for one of them, or a usual one."""
    role = _role(rng)
    prompt, say, call = general.beside(role, rng)
    own = [{"role": "user", "content": say}, {"role": "assistant", "content": call}]
    return [{"role": "system", "content": prompt}, *(own if rng.random() < 0.5 else _decide(rng, role)[1:])]


def _plan(rng: random.Random) -> list[Message]:
    return plans.compose(rng, fill)


_MAKERS = {
    "decide": _decide,
    "single": _single,
    "pair": _pair,
    "thread": _thread,
    "plain_thread": _plainly,
    "chain": _chain,
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
