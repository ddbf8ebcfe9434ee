"""Conversations with tools that the model is not to learn by heart: it reads their signatures in the prompt.

Each draws a few tools of `seeds/tools/` in any order, perhaps under other names, and a request for one of them or
for none.
"""

import random
import re
from collections import defaultdict
from functools import cache
from typing import Any

import prompts
from llm import signatures
from llm.calls import written
from training.noise import rough
from training.slots import SEEDS, entries
from training.templates import SLOT

_DECLINES = (
    "None of my tools does that.",
    "I have no tool for that.",
    "That is nothing that these tools can do.",
    "I can't do that with the tools at hand.",
    "For that I lack a tool.",
    "There is no fitting tool for this.",
    "My tools don't cover that.",
)
_NONE = 0.3
"""Share of the requests for which none of the tools on offer fits."""


_RELATIVES = 0.5
"""How often the other tools are relatives of the wanted one."""
_FRESH_FIGURES, _FRESH_TEXTS = 0.7, 0.2
"""How often a value that is copied as it stands gives way to one of its like."""
_ONSETS = "b br ch d dr f g gl h j k l m n p r s sh st t tr v w z".split()
_RHYMES = "a ai an ar e el en er i in is o ol on or u um un".split()


@cache
def tools() -> list[dict[str, Any]]:
    """The tools of the seed files: name, what it does, parameters, values and wordings."""
    return [entry for entry in entries("tools/*.yaml") if "name" in entry]


@cache
def _families() -> list[list[dict[str, Any]]]:
    """The tools of each file, whose author told them apart."""
    files = sorted((SEEDS / "tools").glob("*.yaml"))
    return [[tool for tool in tools() if tool in entries(f"tools/{file.name}")] for file in files]


@cache
def unrelated() -> list[str]:
    """Requests that no tool fits."""
    return [say for entry in entries("tools/*.yaml") if "unrelated" in entry for say in entry["unrelated"]]


def compose(rng: random.Random) -> list[dict[str, str]]:
    """Tools of no shop alone: one request, and the call or that there is none."""
    wanted, say, arguments = request(rng)
    fits = rng.random() >= _NONE
    if not fits and rng.random() < 0.3:
        say = rng.choice(unrelated())
    others = _others(wanted, rng.choice([0, 1, 2, 3, 3]) if fits else rng.choice([1, 1, 2, 3, 4]), rng)
    offered = [wanted, *others] if fits else others
    rng.shuffle(offered)
    shown = [_renamed(described(tool), rng) for tool in offered]
    name = next((new["name"] for tool, new in zip(offered, shown, strict=True) if tool is wanted and fits), "")
    reply = written(name, arguments) if fits else rng.choice(_DECLINES)
    return [
        {"role": "system", "content": signatures.prompt_of(shown)},
        {"role": "user", "content": say},
        {"role": "assistant", "content": reply},
    ]


def _others(wanted: dict[str, Any], number: int, rng: random.Random) -> list[dict[str, Any]]:
    """Tools beside the wanted one: from its own file, where relatives stand, or from anywhere."""
    family = next(tools for tools in _families() if wanted in tools)
    pool = family if rng.random() < _RELATIVES else tools()
    return rng.sample([tool for tool in pool if tool is not wanted], k=number)


def beside(role: str, rng: random.Random) -> tuple[str, str, str]:
    """A role's prompt with one to three tools that someone added, a request for one of them, and its call."""
    wanted, say, arguments = request(rng)
    offered = [wanted, *_others(wanted, rng.choice([0, 1, 2]), rng)]
    rng.shuffle(offered)
    prompt = signatures.extended(prompts.load(role).text, [described(tool) for tool in offered])
    return prompt, say, written(wanted["name"], arguments)


def request(rng: random.Random) -> tuple[dict[str, Any], str, dict[str, Any]]:
    """A tool, a wording for it, and the arguments that it means, in the order of the parameters."""
    tool = rng.choice(tools())
    wording = rng.choice(tool["say"])
    text, fixed = (wording, {}) if isinstance(wording, str) else (wording["say"], wording.get("args") or {})
    text = rough(text, rng) if rng.random() < 0.5 else text  # before the values stand in it, which a call copies
    found = dict(fixed)
    while match := SLOT.search(text):
        name = match.group(1)
        surface, value = rng.choice(list(tool["values"][name].items()))
        if "enum" not in tool["parameters"].get(name, {}):  # a value of a closed list stays as it is
            surface, value = _another(name, (surface, value), rng)
        found[name] = value
        text = text[: match.start()] + str(surface) + text[match.end() :]
    return tool, text, {name: found[name] for name in tool["parameters"] if name in found}


def _another(name: str, drawn: tuple[Any, Any], rng: random.Random) -> tuple[str, Any]:
    """The drawn value, or where it is copied as it stands one of its like, so that copying is learned and not values.

    A figure becomes another of as many digits, a text what another tool's argument of this name takes, or a name
    that nobody bears.
    """
    surface, value, roll = str(drawn[0]), drawn[1], rng.random()
    if surface != str(value) or isinstance(value, bool):
        return surface, value
    if isinstance(value, int | float):
        if roll < _FRESH_FIGURES and abs(value) > 9:
            surface = "".join(_digit(at, c, rng) for at, c in enumerate(surface))
            return surface, type(value)(surface)
    elif roll < _FRESH_TEXTS:
        surface = rng.choice(sorted(_plain_texts()[name]) or [surface])
        return surface, surface
    elif roll < 2 * _FRESH_TEXTS and re.fullmatch(r"[A-Z][a-z]+( [A-Z][a-z]+)*", surface):
        surface = " ".join(_name(rng) for _ in surface.split())
        return surface, surface
    return surface, value


def _digit(at: int, character: str, rng: random.Random) -> str:
    return character if not character.isdigit() else rng.choice("123456789" if at < 2 else "0123456789")


def _name(rng: random.Random) -> str:
    syllables = rng.choices(_ONSETS, k=rng.choice([2, 2, 3]))
    return "".join(one + rng.choice(_RHYMES) for one in syllables).capitalize()


@cache
def _plain_texts() -> dict[str, set[str]]:
    """By the name of an argument, the texts that a call copies as they stand."""
    found: dict[str, set[str]] = defaultdict(set)
    for tool in tools():
        for name, values in tool.get("values", {}).items():
            if "enum" not in tool["parameters"][name]:
                found[name] |= {value for said, value in values.items() if isinstance(value, str) and said == value}
    return found


def described(tool: dict[str, Any]) -> dict[str, Any]:
    """The tool as an OpenAI-style function description."""
    properties = {}
    for name, parameter in tool["parameters"].items():
        one = {"type": parameter["type"], "description": parameter.get("does", "")}
        if "enum" in parameter:
            one["enum"] = parameter["enum"]
        if parameter["type"] == "array":
            one["items"] = {"type": parameter.get("items", "string")}
        properties[name] = one
    required = [name for name, parameter in tool["parameters"].items() if not parameter.get("optional")]
    schema = {"type": "object", "properties": properties, "required": required}
    return {"name": tool["name"], "description": tool["does"], "parameters": schema}


def _renamed(tool: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    """The tool under another name of the same words now and then, so that the name is read and not remembered."""
    words = [word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+", tool["name"])]
    roll = rng.random()
    if roll < 0.6 or len(words) < 2:
        return tool
    if roll < 0.75:
        name = f"{words[0]}.{'_'.join(words[1:])}"
    elif roll < 0.85:
        name = words[0] + "".join(word.capitalize() for word in words[1:])
    else:
        name = "_".join([*words[1:], words[0]])
    return {**tool, "name": name}
