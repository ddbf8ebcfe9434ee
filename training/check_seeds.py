"""Reads every seed file as the composer would and lists what is wrong: `python -m training.check_seeds`."""

import random
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from tools.facts import ERROR, SHAPES
from training import figures, results, slots
from training.plans import closing_keys
from training.templates import SLOT, expand

SEEDS = slots.SEEDS
NUMBER_WORDS = re.compile(
    r"\b(zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozens?|hundreds?|thousands?|millions?|half|third|"
    r"quarter|both|twice|thrice|once|double|triple|first|second|pair|couple|single|percent)\b",
    re.IGNORECASE,
)
REFERENCE = re.compile(r"\{([a-z#]*[0-9]*)\.([a-z_]+)\}")
TOOLS = {name.split("/")[0] for name in SHAPES}
ARGUMENTS_OF = {
    "search_products": "query category min_price max_price in_stock limit",
    "recommend_products": "customer_id category max_price limit",
    "get_product": "product_id",
    "compare_products": "product_ids",
    "add_to_cart": "product_id quantity",
    "track_order": "order_id",
    "predict_behaviour": "customer_id horizon_days",
    "analyse_behaviour": "report category horizon_days",
    "find_audience": "goal category product_id size",
    "forecast_sales": "target horizon_days",
    "plan_inventory": "category horizon_days service_level",
    "allocate_budget": "budget channels objective",
    "write_copy": "product channel tone discount_percent language",
    "draft_campaign": "name goal audience products channels budget start_date discount_percent",
    "simulate_campaign": "campaign_id",
    "launch_campaign": "campaign_id",
    "measure_campaign": "campaign_id",
}
REQUIRED = {
    "search_products": {"query"},
    "get_product": {"product_id"},
    "compare_products": {"product_ids"},
    "add_to_cart": {"product_id"},
    "track_order": {"order_id"},
    "predict_behaviour": {"customer_id"},
    "analyse_behaviour": {"report"},
    "find_audience": {"goal"},
    "forecast_sales": {"target"},
    "allocate_budget": {"budget", "channels"},
    "write_copy": {"product", "channel"},
    "draft_campaign": {"name", "goal"},
    "simulate_campaign": {"campaign_id"},
    "launch_campaign": {"campaign_id"},
    "measure_campaign": {"campaign_id"},
}


def check(path: Path) -> list[str]:
    """What is wrong in one seed file."""
    try:
        parts = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        return [f"not YAML: {error}"]
    if path.parent.name == "figures":
        return [fault for sheet in parts if "kind" in sheet for fault in _figures(sheet)]
    (loaded,) = parts
    if path.parent.name == "requests" and not path.stem.startswith("plans"):
        return _requests(loaded, path.stem)
    if path.parent.name == "answers":
        return _answers(loaded, path.stem)
    return []


def _requests(loaded: dict[str, Any], stem: str) -> list[str]:
    faults: list[str] = []
    tool = loaded.get("tool")
    if tool not in TOOLS:
        return [f"unknown tool {tool}"]
    for seed in loaded["seeds"]:
        fixed = seed.get("args") or {}
        role = seed.get("role", "shopper" if stem.startswith("shopper_") else "marketer")
        needed = REQUIRED.get(tool, set()) | (
            {"customer_id"} if tool == "recommend_products" and role != "shopper" else set()
        )
        for say in seed["say"]:
            names = _mentioned(say, faults)
            arguments = {slots.ARGUMENT_OF.get(n, n) for n in names} | set(fixed)
            if extra := arguments - set(ARGUMENTS_OF[tool].split()):
                faults.append(f"arguments {sorted(extra)} are not {tool}'s: {say}")
            # A required slot must be there in every wording, not only in some.
            always = set(fixed) | set.intersection(
                *({slots.ARGUMENT_OF.get(n, n) for n in SLOT.findall(_safe(say, random.Random(k)))} for k in range(12))
            )
            if missing := needed - always:
                faults.append(f"{sorted(missing)} may be missing: {say}")
    return faults


def _figures(sheet: dict[str, Any]) -> list[str]:
    """Faults of one sheet of figures: its requests, and what its answers refer to."""
    kind = sheet["kind"]
    asks = {"tool": kind.split("/")[0], "seeds": [{"role": "marketer", **group} for group in sheet["asks"]]}
    plain = [{**group, "say": [say.replace("{figures}", "figures") for say in group["say"]]} for group in asks["seeds"]]
    faults = _requests({**asks, "seeds": plain}, kind)
    texts = [one["say"] for one in sheet.get("also", ())]
    for one in sheet.get("figures", {}).values():
        for told in (one.get("does", ()), one.get("says", ()), one.get("lacks", ()), [one.get("value") or ""]):
            texts += told.values() if isinstance(told, dict) else [told]
    answers = {"tool": kind, "answers": [{"say": list(some)} for some in texts]}
    faults += [fault for fault in _answers(answers, kind) if "{each}" not in fault and "{list}" not in fault]
    described = figures.sheets()[kind]
    for one in described.figures.values():
        for called in one.called:
            named = [found.name for found in described.named_in(f"{called} of it")]
            faults += [f"{called} names {named}, not {one.name}"] if named != [one.name] else []
    return faults


def _safe(say: str, rng: random.Random) -> str:
    try:
        return expand(say, rng)
    except (ValueError, IndexError):
        return say


def _mentioned(say: Any, faults: list[str]) -> list[str]:
    if not isinstance(say, str):
        faults.append(f"not a text (quote it): {say}")
        return []
    try:
        expand(say, random.Random(0))
    except (ValueError, IndexError) as error:
        faults.append(f"{error}: {say}")
    found = SLOT.findall(say)
    faults += [f"unknown slot {{{n}}}: {say}" for n in found if n not in slots.known()]
    return found


def _answers(loaded: dict[str, Any], stem: str) -> list[str]:
    faults: list[str] = []
    tool = loaded.get("tool")
    plans = stem == "plans"
    texts = [say for group in loaded["answers"] for say in group["say"]]
    rows = [say for says in (loaded.get("rows") or {}).values() for say in says]
    shapes = [ERROR] if tool == "error" else [s for n, s in SHAPES.items() if tool in (n, n.split("/")[0])]
    if not shapes and not plans:
        return [f"unknown tool {tool}"]
    level = {k for s in shapes for k in s.level}
    row = {k for s in shapes for k in (s.row or {})}
    for say in [*texts, *rows]:
        if not isinstance(say, str):
            faults.append(f"not a text (quote it): {say}")
            continue
        prose = REFERENCE.sub("", say)
        if re.search(r"\d", re.sub(r"\{\d\.[a-z_]+\}", "", say)) or NUMBER_WORDS.search(prose) or "!" in prose:
            word = NUMBER_WORDS.search(prose)
            faults.append(f"a digit, number word ({word.group(0) if word else ''}) or exclamation mark: {say}")
        for head, key in REFERENCE.findall(say):
            known = (
                f"{head}.{key}" in closing_keys()
                if plans
                else key in (row if head == "#" or head.isdigit() else level) or head == "u"
            )
            if not known:
                faults.append(f"no fact {{{head}.{key}}} in {tool or 'plans'}: {say}")
    groups = loaded["answers"]
    cues = {c for s in shapes for c in s.cues}
    for group in groups:
        cue = group.get("cue")
        if cue and not plans and "*" not in cue and cue not in cues:
            faults.append(f"unknown cue {cue}")
        never = results.impossible(str(tool), str(cue))
        faults += [
            f"{key} never comes with {cue}: {say}"
            for say in group["say"]
            for key in never & {key for head, key in REFERENCE.findall(_barest(say)) if not head}
        ]
    return faults


def _barest(say: str) -> str:
    """`say` without what may vanish or be exchanged."""
    return re.sub(r"\[[^\[\]]*\]|\([^()]*\|[^()]*\)", "", say)


def main() -> int:
    """Prints faults and counts; 1 when there are faults."""
    faulty, counts = 0, Counter[str]()
    for path in sorted(SEEDS.rglob("*.yaml")):
        for fault in check(path):
            print(f"{path.relative_to(SEEDS)}: {fault}")
            faulty += 1
        for loaded in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if isinstance(loaded, dict) and "seeds" in loaded:
                counts[path.stem] = sum(len(s["say"]) for s in loaded["seeds"])
    print(", ".join(f"{name} {number}" for name, number in sorted(counts.items())))
    return 1 if faulty else 0


if __name__ == "__main__":
    sys.exit(main())
