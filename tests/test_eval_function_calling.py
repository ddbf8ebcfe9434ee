"""Task `function_calling`: files of the BFCL's form, and which calls are acceptable."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from data.errors import DataError
from eval.function_calling import evaluate, read, right
from eval.task import Inputs
from llm.signatures import prompt_of

AREA = {
    "name": "shape.area",
    "description": "Area of a shape.",
    "parameters": {
        "type": "dict",
        "properties": {"base": {"type": "float"}, "unit": {"type": "string"}},
        "required": ["base"],
    },
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    lines = [
        {"id": "simple_0", "question": [[{"role": "user", "content": "area for base 4?"}]], "function": [AREA]},
        {"id": "irrelevance_0", "question": [[{"role": "user", "content": "sing"}]], "function": [AREA]},
    ]
    path = tmp_path / "BFCL_v4_mixed.json"
    path.write_text("\n".join(map(json.dumps, lines)))
    answers = tmp_path / "possible_answer"
    answers.mkdir()
    truth = {"id": "simple_0", "ground_truth": [{"shape.area": {"base": [4], "unit": ["", "m 2"]}}]}
    (answers / path.name).write_text(json.dumps(truth))
    return path


@pytest.mark.parametrize(
    ("made", "fine"),
    [
        (("shape.area", {"base": 4.0}), True),
        (("shape.area", {"base": 4, "unit": "M-2"}), True),
        (("shape.area", {"base": 5}), False),
        (("shape.area", {"base": 4, "colour": "red"}), False),
        (("shape.area", {"unit": "m 2"}), False),
        (("area", {"base": 4}), False),
        (None, False),
    ],
)
def test_which_calls_are_acceptable(file: Path, made: Any, fine: bool) -> None:
    assert right(read(file)[0], made) is fine


def test_where_nothing_fits_nothing_may_be_called(file: Path) -> None:
    assert right(read(file)[1], None)
    assert not right(read(file)[1], ("shape.area", {"base": 4}))


class _Eager:
    """Calls the first function with a base of four, whatever is asked."""

    def __init__(self, _: Path) -> None:
        pass

    def chooser(self) -> "_Eager":
        return self

    def choose(self, say: str, tools: Sequence[Mapping[str, Any]]) -> tuple[str, dict[str, Any]]:
        assert tools[0]["parameters"]["properties"]["base"]["type"] == "number"
        return tools[0]["name"], {"base": 4}


class _Shy(_Eager):
    """Never calls anything."""

    def choose(self, say: str, tools: Sequence[Mapping[str, Any]]) -> None:  # type: ignore[override]
        return None


def test_the_metrics_tell_calls_from_declines(file: Path) -> None:
    outcome = evaluate(Inputs(test=file, open_bench=_Eager, base=_Shy))  # type: ignore[arg-type]
    assert outcome.metrics["ast_accuracy"] == 1.0
    assert outcome.metrics["irrelevance"] == 0.0
    assert outcome.metrics["by_kind/simple"] == 1.0
    assert outcome.floors["untuned base model"] == {
        "cases": 2, "ast_accuracy": 0.0, "right_function": 0.0, "irrelevance": 1.0, "by_kind/simple": 0.0,
        "by_kind/irrelevance": 1.0,
    }  # fmt: skip


def test_a_line_that_is_no_request_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"id": "simple_0"}')
    with pytest.raises(DataError, match="line 1"):
        read(path)


def test_a_prompt_lists_the_signatures() -> None:
    typed = read.__globals__["_function"](AREA)
    assert (
        prompt_of([typed]) == "Call a tool or answer. Tools:\nshape.area(base: number; unit?: string) Area of a shape."
    )
