"""Multi-step conversations: a campaign brief, the calls it needs in order, and the closing answer."""

import random
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import yaml

import prompts
import tools  # registers every tool, whose signatures order the arguments
from llm.calls import written
from tools.base import TOOLS
from tools.facts import SHAPES
from training import results
from training.answers import Answers, NoAnswerError, Scope
from training.slots import SEEDS, entries
from training.templates import REFERENCE, expand

TITLES = {
    "win_back": "Win back",
    "cross_sell": "Cross-sell",
    "new_arrivals": "New arrivals",
    "clearance": "Clearance",
    "loyalty": "Loyalty",
    "replenish": "Replenish",
}
"""The name a campaign gets when the brief gives none."""

assert tools

_PARTS = {
    "audience": "find_audience",
    "forecast": "forecast_sales",
    "budget": "allocate_budget",
    "copy": "write_copy",
    "draft": "draft_campaign",
}

_COPIES = 2
"""Channels that a plan has copy written for."""
_NAMED = {"discount_percent": 0.35, "objective": 0.3, "name": 0.15, "start_date": 0.15}
"""How often a brief of parts names what is not named half of the time."""

Fill = Callable[[str, random.Random], tuple[str, dict[str, Any]]]


def letter(at: int) -> str:
    """The letter of call number `at`: a … z, aa …"""
    return chr(ord("a") + at) if at < 26 else letter(at // 26 - 1) + letter(at % 26)


def call_text(tool: str, arguments: dict[str, Any]) -> str:
    """A call as the LLM writes it; arguments in the order of the tool's signature, quantities in the user's words."""
    order = TOOLS[tool].parameters("marketer")
    said = {name: getattr(value, "surface", value) for name, value in arguments.items()}
    return written(tool, {name: said[name] for name in order if name in said})


def references(text: str) -> list[str]:
    """All references in `text`, full or abbreviated."""
    return REFERENCE.findall(text)


@cache
def _pieces() -> dict[str, Any]:
    """Leads, goals and parts of briefs, each with the phrases of all files `plan_parts*.yaml`."""
    found: dict[str, Any] = {"leads": [], "goals": {}, "parts": {}}
    for path in sorted(SEEDS.glob("plan_parts*.yaml")):
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
        found["leads"] += loaded.get("leads", [])
        for group in ("goals", "parts"):
            for name, phrases in loaded.get(group, {}).items():
                found[group].setdefault(name, []).extend(phrases)
    return found


def _brief(rng: random.Random, fill: Fill) -> tuple[str, str, dict[str, Any]]:
    """A goal, a brief for it, and the arguments that it names: written as a whole, or joined from parts."""
    if rng.random() < 0.4:
        seeds = entries("requests/plans*.yaml")
        seed = rng.choices(seeds, weights=[len(one["say"]) for one in seeds])[0]
        text, said = fill(rng.choice(seed["say"]), rng)
        return seed["goal"], text, {**(seed.get("args") or {}), **said}
    goal = rng.choice(sorted(_pieces()["goals"]))
    wishes = [rng.choice(_pieces()["goals"][goal]).replace("{thing}", "{category}")]
    named = {part for part in _pieces()["parts"] if rng.random() < _NAMED.get(part, 0.5)}
    if "budget" not in named:  # an objective is what money is spent for
        named.discard("objective")
    wishes += [rng.choice(says) for part, says in _pieces()["parts"].items() if part in named]
    first, *others = wishes
    rng.shuffle(others)
    if others and rng.random() < 0.2:  # a figure first, the goal after it
        others.insert(1, first)
        first = others.pop(0)
    text = rng.choice(_pieces()["leads"]) + first
    for other in others:
        text += rng.choice([", ", ", ", ", ", ". ", "; ", " - ", ", and "]) + other
    text, said = fill(text, rng)
    return goal, text, said


@cache
def _closings() -> list[dict[str, Any]]:
    loaded: dict[str, list[dict[str, Any]]] = yaml.safe_load(
        (SEEDS / "answers" / "plans.yaml").read_text(encoding="utf-8")
    )
    return loaded["answers"]


def steps(goal: str, said: dict[str, Any], product: str | None) -> list[tuple[str, dict[str, Any]]]:
    """The calls that a brief needs: audience, forecast, budget where there is one, copy a channel, the draft."""
    category = said.get("category")
    channels = said.get("channels") or ([said["channel"]] if "channel" in said else [])
    audience = {"goal": goal, "category": category, "size": said.get("size")}
    plan = [("find_audience", audience), ("forecast_sales", {"target": category or "shop"})]
    if "budget" in said:
        share = {"budget": said["budget"], "channels": channels or ["email"], "objective": said.get("objective")}
        plan.append(("allocate_budget", share))
    for channel in (channels or ["email"])[:_COPIES]:
        copy = {
            "product": product,
            "channel": channel,
            "tone": said.get("tone"),
            "discount_percent": said.get("discount_percent"),
        }
        plan.append(("write_copy", copy))
    # What the split of the budget and the copy say already, the draft takes over without being told again.
    draft = {
        "name": said.get("name", TITLES[goal]),
        "goal": goal,
        "channels": channels if "budget" not in said and len(channels) > _COPIES else None,
        "start_date": said.get("start_date"),
    }
    plan.append(("draft_campaign", draft))
    return [(tool, {k: v for k, v in arguments.items() if v is not None}) for tool, arguments in plan]


def compose(rng: random.Random, fill: Fill) -> list[dict[str, str]]:
    """One planning conversation, now and then broken off by a failure that the user must mend."""
    goal, text, said = _brief(rng, fill)
    system = prompts.load("plan" if rng.random() < 0.7 else "marketer").text
    messages = [{"role": "system", "content": system}, {"role": "user", "content": text}]
    audience = results.draw("find_audience", "marketer", rng, cue=rng.choice(["full", "smaller"]), drop=0.02)
    product = next((row.id for row in audience.rows), None)
    letters: dict[str, tuple[str, results.DrawnResult]] = {}
    fails = rng.random() < 0.06
    for at, (tool, arguments) in enumerate(steps(goal, said, product)):
        last = tool == "draft_campaign"
        result = (
            audience
            if tool == "find_audience"
            else results.draw(tool, "marketer", rng, arguments={**said, **arguments}, drop=0.02)
        )
        if fails and (at == 0 or last):
            result = results.draw_error()
        messages.append({"role": "assistant", "content": call_text(tool, arguments)})
        messages.append({"role": "tool", "content": result.brief(letter(at))})
        letters.setdefault(tool, (letter(at), result))
        if result.cue == "error":
            scope = Scope("marketer", letter(at), arguments, result)
            return [*messages, {"role": "assistant", "content": Answers.load().write(tool, scope, rng)}]
    return [*messages, {"role": "assistant", "content": _closing(letters, rng)}]


def _closing(letters: dict[str, tuple[str, results.DrawnResult]], rng: random.Random) -> str:
    known = {ref for at, result in letters.values() for ref in result.references(at)}
    cue = letters["draft_campaign"][1].cue
    texts = [say for group in _closings() if group.get("cue", cue) == cue for say in group["say"]]
    for _ in range(200):
        text = expand(rng.choice(texts), rng)
        if not all(part in _PARTS and _PARTS[part] in letters for part in re.findall(r"\{([a-z]+)\.", text)):
            continue
        text = re.sub(r"\{([a-z]+)\.([a-z_]+)\}", lambda m: f"{{{letters[_PARTS[m.group(1)]][0]}.{m.group(2)}}}", text)
        if set(references(text)) <= known:
            return text
    raise NoAnswerError(f"no closing for the cue {cue}")


def closing_keys() -> set[str]:
    """Every `part.key` that a closing may use."""
    return {f"{part}.{key}" for part, tool in _PARTS.items() for key in SHAPES[tool].level}
