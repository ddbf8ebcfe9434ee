"""A call's arguments as the tool wants them: quantities as numbers, categories as the shop spells them, inventions out.

A small model now and then gives optional arguments that nobody mentioned, and they are left out.

A category must share a word with what the user wrote, a figure needs a figure in the user's words, a period a word
of time that means a number of days. Required arguments are never left out: the tool says what is wrong with them.
"""

import inspect
import re
from collections.abc import Collection, Mapping
from typing import Any, get_args

from agent.quantities import quantity
from index.words import match_categories
from tools.base import TOOLS, Role

_FIGURE = re.compile(
    r"""\d | [〇一二两三四五六七八九十百千万] | \b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve
    |\w+teen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|dozen|hundred|thousand|grand|million
    |couple|pair|both|few|several|handful|fiver|tenner|half|third|quarter|fifth|eighth|tenth)s?\b""",
    re.IGNORECASE | re.VERBOSE,
)
_TIME = re.compile(
    r"""[天周月年季] | \b(?:days?|daily|weeks?|wks?|weekly|weekend|fortnight\w*|months?|monthly|quarter\w*|years?|yrs?
    |yearly|annual\w*|season\w*|today|tomorrow|tonight|spring|summer|autumn|fall|winter|christmas|xmas|easter|jan\w*|feb\w*|march|april
    |may|june?|july?|aug\w*|sept?\w*|oct\w*|nov\w*|dec\w*|until|by|soon|lately|recent\w*)\b""",
    re.IGNORECASE | re.VERBOSE,
)
_FIGURES = frozenset(
    {"size", "limit", "budget", "min_price", "max_price", "quantity", "discount_percent", "service_level"}
)
_NAMING = frozenset({"product", "target"})
_STEM = 4
"""Letters by which a category and the user's word for it agree ("garden", "gardening")."""


def tidied(
    tool: str, arguments: Mapping[str, Any], said: str, role: Role, categories: Collection[str] = ()
) -> dict[str, Any]:
    """`arguments` as the tool wants them; `said` are the user's words in sight, `categories` those of the shop."""
    found = TOOLS.get(tool)
    parameters = found.parameters(role) if found else {}
    counted = {}
    for name, value in arguments.items():
        copied = isinstance(value, str) and name in parameters and _numeric(parameters[name])
        number = quantity(name, value) if copied else value
        if not copied or number is not None:
            counted[name] = number
        elif parameters[name].default is inspect.Parameter.empty:
            counted[name] = value  # the tool says that it is no number
        if isinstance(value, list):
            counted[name] = list(dict.fromkeys(value))
        elif name == "service_level" and isinstance(value, int | float) and 1 < value <= 100:
            counted[name] = value / 100  # "95 times out of 100", of which the model has copied the figure alone
    kept = grounded(tool, counted, said, role)
    if isinstance(category := kept.get("category"), str):
        meant = match_categories(categories, category)
        kept["category"] = meant[0] if len(meant) == 1 else category
    return kept


def _numeric(parameter: inspect.Parameter) -> bool:
    return bool({int, float} & {parameter.annotation, *get_args(parameter.annotation)})


def grounded(tool: str, arguments: Mapping[str, Any], said: str, role: Role) -> dict[str, Any]:
    """`arguments` without the optional ones that `said`, the user's words in this thread, does not support."""
    found = TOOLS.get(tool)
    if found is None:
        return dict(arguments)
    optional = {p.name for p in found.parameters(role).values() if p.default is not inspect.Parameter.empty}
    given = [value for name, value in arguments.items() if name.endswith(("_id", "_ids")) or name in _NAMING]
    ids = [str(one) for value in given for one in (value if isinstance(value, list) else [value])]
    said = _without(ids, said)
    return {
        name: value
        for name, value in arguments.items()
        if name not in optional or (_mentioned(name, value, said) and not (name in _FIGURES and str(value) in ids))
    }


def _without(ids: Collection[str], said: str) -> str:
    """`said` without the ids that the call takes: the 10233 of a customer is no price."""
    for one in ids:
        said = re.sub(rf"(?<!\w){re.escape(one)}(?!\w)", " ", said) if re.search(r"\d", one) else said
    return said


def _mentioned(name: str, value: Any, said: str) -> bool:
    if name == "category" and isinstance(value, str):
        words = {word[:_STEM] for word in re.findall(r"\w+", said.lower())}
        wanted = [word[:_STEM] for word in re.findall(r"\w+", value.lower()) if len(word) > 2]
        return not wanted or any(word in words for word in wanted) or value in said
    if name in _FIGURES:
        return bool(_FIGURE.search(said))
    if name == "horizon_days":
        return bool(_FIGURE.search(said) or _TIME.search(said))
    if name == "start_date":
        return bool(re.search(r"\d", said) or _TIME.search(said))
    return True
