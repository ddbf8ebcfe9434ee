"""Task `function_calling`: tools that the model was never taught, from their signatures (Berkeley Function Calling
Leaderboard, single turn): the right function with acceptable values, and none where none fits.
"""

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data.errors import DataError, SettingError
from eval.metrics import interval, share
from eval.task import Chooser, Inputs, Outcome

FILES = ("BFCL_v4_simple_python.json", "BFCL_v4_multiple.json", "BFCL_v4_irrelevance.json")
ANSWERS = "possible_answer"

_TYPES = {"dict": "object", "float": "number", "double": "number", "tuple": "array", "any": "string", "long": "integer"}
_PUNCTUATION = re.compile(r"[ ,./\-_*^'\"]")

Made = tuple[str, Mapping[str, Any]] | None


@dataclass(frozen=True)
class Item:
    """One request, the functions on offer, and for the right one the acceptable values of each argument (or None)."""

    id: str
    say: str
    functions: tuple[Mapping[str, Any], ...]
    answer: tuple[str, Mapping[str, Sequence[Any]]] | None

    @property
    def kind(self) -> str:
        """The file's category: simple, multiple, irrelevance."""
        return re.sub(r"_?\d.*$", "", self.id).split("_")[0]


def evaluate(inputs: Inputs) -> Outcome:
    """Puts every request of the files to the bare model, and where the caller wants that floor, to the untuned one."""
    if inputs.open_bench is None:
        raise SettingError("function calling is measured with a model: run it with `shopkeeper eval function_calling`")
    paths = [inputs.test] if inputs.test else _given(inputs.data)
    items = [item for path in paths for item in read(path)]
    found = _asked(inputs.open_bench(Path()).chooser(), items, inputs, "requests")
    floors = {}
    if inputs.base is not None:
        what = "untuned base model"
        floors[what] = summary(_asked(inputs.base(Path()).chooser(), items, inputs, what))
    calls = [float(right(item, made)) for item, made in found if item.answer is not None]
    bounds = interval(calls, seed=inputs.seed) if calls else None
    return Outcome(
        metrics=summary(found),
        intervals={} if bounds is None else {"ast_accuracy": bounds},
        floors=floors,
        files=paths,
        misses=[
            f"{item.id} {item.say}\n    wanted {item.answer}\n    got    {made}"
            for item, made in found
            if not right(item, made)
        ],
    )


def read(path: Path) -> list[Item]:
    """The requests of a BFCL file; answers come from the file of the same name in `possible_answer` beside it.

    Without that file nothing is to be called. Raises `DataError` for a line that can't be used.
    """
    beside = path.parent / ANSWERS / path.name
    answers = {line["id"]: line["ground_truth"][0] for line in _lines(beside)} if beside.exists() else {}
    found = []
    for number, line in enumerate(_lines(path), start=1):
        try:
            say = "\n".join(turn["content"] for turn in line["question"][0] if turn["role"] == "user")
            functions = tuple(_function(one) for one in line["function"])
            answer = next(iter(answers[line["id"]].items())) if line["id"] in answers else None
            found.append(Item(str(line["id"]), say, functions, answer))
        except (KeyError, IndexError, TypeError, StopIteration) as error:
            raise DataError(f"{path}, line {number}: no BFCL request ({type(error).__name__}: {error})") from None
    return found


def right(item: Item, made: Made) -> bool:
    """Whether the call is acceptable: the function, every argument it needs, no value outside the accepted ones."""
    if item.answer is None or made is None:
        return item.answer is None and made is None
    (name, accepted), (called, given) = item.answer, made
    return (
        called == name
        and set(given) <= set(accepted)
        and all(_accepts(values, given[key]) if key in given else "" in values for key, values in accepted.items())
    )


def summary(found: Sequence[tuple[Item, Made]]) -> dict[str, float]:
    """`ast_accuracy` over requests that want a call, `irrelevance` over those that want none, and each category."""
    kinds: dict[str, list[float]] = defaultdict(list)
    for item, made in found:
        kinds[item.kind].append(float(right(item, made)))
    calls = [float(right(item, made)) for item, made in found if item.answer is not None]
    none = [float(right(item, made)) for item, made in found if item.answer is None]
    named = [float(made is not None and made[0] == item.answer[0]) for item, made in found if item.answer is not None]
    metrics = {"cases": float(len(found))}
    if calls:
        metrics |= {"ast_accuracy": share(calls), "right_function": share(named)}
    if none:
        metrics["irrelevance"] = share(none)
    return metrics | {f"by_kind/{kind}": share(values) for kind, values in sorted(kinds.items())}


def _given(data: Path | None) -> list[Path]:
    paths = [] if data is None else [data / "bfcl" / name for name in FILES]
    if not paths or not all(path.exists() for path in paths):
        raise SettingError("name a BFCL file with --test, or the folder of the benchmark data with --data")
    return paths


def _lines(path: Path) -> list[dict[str, Any]]:
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except ValueError as error:
        raise DataError(f"{path} is not a file of JSON lines: {error}") from None


def _function(function: Mapping[str, Any]) -> dict[str, Any]:
    """The function with the type names of JSON schema."""
    return {**function, "parameters": _typed(function["parameters"])}


def _typed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_typed(one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    typed = {key: _typed(value) for key, value in schema.items()}
    if isinstance(typed.get("type"), str):
        typed["type"] = _TYPES.get(typed["type"], typed["type"])
    return typed


def _asked(chooser: Chooser, items: Sequence[Item], inputs: Inputs, what: str) -> list[tuple[Item, Made]]:
    found = []
    for done, item in enumerate(items):
        inputs.report(what, done, len(items))
        found.append((item, _chosen(chooser, item)))
    inputs.report(what, len(items), len(items))
    return found


def _chosen(chooser: Chooser, item: Item) -> Made:
    try:
        return chooser.choose(item.say, item.functions)
    except Exception as error:  # a request that breaks the step counts as wrong, and is named among the misses
        return type(error).__name__, {"error": str(error)}


def _accepts(values: Sequence[Any], given: Any) -> bool:
    return any(_same(value, given) for value in values)


def _same(wanted: Any, given: Any) -> bool:
    if isinstance(wanted, bool) or isinstance(given, bool):
        return wanted is given
    if isinstance(wanted, str) and isinstance(given, str):
        return _bare(wanted) == _bare(given)
    if isinstance(wanted, int | float) and isinstance(given, int | float):
        return float(wanted) == float(given)
    if isinstance(wanted, list) and isinstance(given, list):
        return len(wanted) == len(given) and all(map(_same, wanted, given))
    if isinstance(wanted, dict) and isinstance(given, dict):
        # Inside an object each value is a list of accepted ones again.
        return set(given) <= set(wanted) and all(
            _accepts(v if isinstance(v, list) else [v], given[k]) if k in given else "" in v for k, v in wanted.items()
        )
    return False


def _bare(text: str) -> str:
    return _PUNCTUATION.sub("", text).casefold()
