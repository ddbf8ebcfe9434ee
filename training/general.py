"""Conversations with tools that the model is not to learn by heart: it reads their signatures in the prompt.

Each draws a few tools of `seeds/tools/` in any order, perhaps under other names, and a request for one of them or
for none.
"""

import random
import re
from functools import cache
from typing import Any

import yaml

import prompts
from llm import signatures
from llm.calls import written
from training.noise import rough
from training.slots import SEEDS
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


@cache
def tools() -> list[dict[str, Any]]:
    """The tools of the seed files: name, what it does, parameters, values and wordings."""
    return [entry for entry in _loaded() if "name" in entry]


@cache
def unrelated() -> list[str]:
    """Requests that no tool fits."""
    return [say for entry in _loaded() if "unrelated" in entry for say in entry["unrelated"]]


def compose(rng: random.Random) -> list[dict[str, str]]:
    """Tools of no shop alone: one request, and the call or that there is none."""
    wanted, say, arguments = request(rng)
    fits = rng.random() >= _NONE
    if not fits and rng.random() < 0.4:
        say = rng.choice(unrelated())
    others = [tool for tool in rng.sample(tools(), k=rng.choice([1, 2, 3, 4])) if tool is not wanted]
    offered = ([wanted] if fits else []) + others[: rng.choice([0, 1, 2, 3, 3]) if fits else None]
    rng.shuffle(offered)
    shown = [_renamed(described(tool), rng) for tool in offered]
    name = next((new["name"] for tool, new in zip(offered, shown, strict=True) if tool is wanted and fits), "")
    reply = written(name, arguments) if fits else rng.choice(_DECLINES)
    return [
        {"role": "system", "content": signatures.prompt_of(shown)},
        {"role": "user", "content": rough(say, rng) if rng.random() < 0.5 else say},
        {"role": "assistant", "content": reply},
    ]


def beside(role: str, rng: random.Random) -> tuple[str, str, str]:
    """A role's prompt with one to three tools that someone added, a request for one of them, and its call."""
    wanted, say, arguments = request(rng)
    offered = [wanted, *(tool for tool in rng.sample(tools(), k=rng.choice([0, 1, 2])) if tool is not wanted)]
    rng.shuffle(offered)
    prompt = signatures.extended(prompts.load(role).text, [described(tool) for tool in offered])
    return prompt, say, written(wanted["name"], arguments)


def request(rng: random.Random) -> tuple[dict[str, Any], str, dict[str, Any]]:
    """A tool, a wording for it, and the arguments that it means, in the order of the parameters."""
    tool = rng.choice(tools())
    wording = rng.choice(tool["say"])
    text, fixed = (wording, {}) if isinstance(wording, str) else (wording["say"], wording.get("args") or {})
    found = dict(fixed)
    while match := SLOT.search(text):
        surface, value = rng.choice(list(tool["values"][match.group(1)].items()))
        found[match.group(1)] = value
        text = text[: match.start()] + str(surface) + text[match.end() :]
    return tool, text, {name: found[name] for name in tool["parameters"] if name in found}


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


@cache
def _loaded() -> list[dict[str, Any]]:
    paths = sorted((SEEDS / "tools").glob("*.yaml"))
    return [entry for path in paths for entry in yaml.safe_load(path.read_text(encoding="utf-8"))]
