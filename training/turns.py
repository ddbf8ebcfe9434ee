"""One turn of a training conversation: a request from the seed files, the call it means, a result and an answer."""

import random
from collections.abc import Mapping
from functools import cache
from typing import Any

import yaml

import prompts
from agent.mentions import QUANTITIES, mentions
from agent.quantities import quantity
from training import figures, plans, results, slots
from training.answers import Answers, Scope
from training.noise import rough
from training.templates import SLOT, expand

Message = dict[str, str]


@cache
def requests() -> dict[str, list[tuple[str, dict[str, Any], str, str]]]:
    """Every request wording by role: (tool, fixed arguments, template, file)."""
    found: dict[str, list[tuple[str, dict[str, Any], str, str]]] = {"marketer": [], "shopper": []}
    for path in sorted((slots.SEEDS / "requests").glob("*.yaml")):
        if path.stem.startswith("plans"):
            continue
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
        for seed in loaded["seeds"]:
            role = seed.get("role", "shopper" if path.stem.startswith("shopper_") else "marketer")
            for one in ("marketer", "shopper") if role == "both" else (role,):
                found[one] += [(loaded["tool"], seed.get("args") or {}, say, path.stem) for say in seed["say"]]
    return found


def fill(template: str, rng: random.Random) -> tuple[str, dict[str, Any]]:
    """One wording of `template`, roughly typed, with its slots filled in, and the arguments that they mean.

    The values themselves stay whole: a call copies them.
    """
    text, arguments = rough(expand(template, rng), rng), dict[str, Any]()
    while match := SLOT.search(text):
        slot = match.group(1)
        surface, value = slots.draw(slot, rng)
        arguments[slots.ARGUMENT_OF.get(slot, slot)] = value
        text = text[: match.start()] + surface.replace("{", "(") + text[match.end() :]
    return text, arguments


def in_words(fixed: Mapping[str, Any], text: str) -> dict[str, Any]:
    """`fixed` arguments with the words of `text` that mean their figures: 30 as "last month", which the LLM copies."""
    found = dict(fixed)
    for name in QUANTITIES & set(fixed):
        said = next((one for one in mentions(name, [text]) if quantity(name, one) == fixed[name]), None)
        if said is not None and said != str(fixed[name]):
            found[name] = slots.said(fixed[name], said)
    return found


def first_call(rng: random.Random) -> int:
    """Number of the first call, from 0: a long thread's earlier calls are no longer shown."""
    return 0 if rng.random() < 0.8 else rng.randint(1, 20)


def system(role: str) -> Message:
    """The prompt of `role`."""
    return {"role": "system", "content": prompts.load(role).text}


def any_role(rng: random.Random) -> str:
    """marketer or, less often, shopper."""
    return "marketer" if rng.random() < 0.68 else "shopper"


@cache
def _by_tool(role: str) -> dict[str, list[tuple[dict[str, Any], str]]]:
    """The wordings of `role` by tool: (fixed arguments, template)."""
    found: dict[str, list[tuple[dict[str, Any], str]]] = {}
    for tool, fixed, template, _ in sorted(requests()[role], key=lambda one: one[0]):
        found.setdefault(tool, []).append((fixed, template))
    return found


def pick(role: str, rng: random.Random) -> tuple[str, dict[str, Any], str]:
    """A request; tools with many wordings a little more often: (tool, arguments, text)."""
    wordings = _by_tool(role)
    tool = rng.choices(list(wordings), weights=[len(some) ** 0.5 for some in wordings.values()])[0]
    return _request(tool, *rng.choice(wordings[tool]), rng)


def pick_asked(role: str, rng: random.Random) -> tuple[str, dict[str, Any], str]:
    """A request that names the figures it wants: (tool, arguments, text)."""
    return _request(*figures.request(role, rng), rng)


def _request(tool: str, fixed: dict[str, Any], template: str, rng: random.Random) -> tuple[str, dict[str, Any], str]:
    text, drawn = fill(template, rng)
    arguments = {**in_words(fixed, text), **drawn}
    if tool == "draft_campaign" and "channel" in arguments:
        arguments["channels"] = [arguments.pop("channel")]
    return tool, arguments, text


def shape_name(tool: str, arguments: Mapping[str, Any]) -> str:
    """Name of the shape of the call's result in `tools.facts.SHAPES`."""
    return tool if tool != "analyse_behaviour" else f"{tool}/{arguments['report']}"


def turn(
    role: str, tool: str, arguments: dict[str, Any], say: str, at: int, rng: random.Random, *, drop: float = 0.15
) -> list[Message]:
    """A whole turn: the request, the call, its result and the answer.

    What a shop may not know is missing from the result with the chance `drop`.
    """
    letter = plans.letter(at)
    shape = shape_name(tool, arguments)
    failed = rng.random() < 0.06
    result = results.draw_error() if failed else results.draw(shape, role, rng, arguments=arguments, drop=drop)
    answer = Answers.load().write(tool, Scope(role, letter, arguments, result, say), rng)
    return [
        {"role": "user", "content": say},
        {"role": "assistant", "content": plans.call_text(tool, arguments)},
        {"role": "tool", "content": result.brief(letter)},
        {"role": "assistant", "content": answer},
    ]
