"""Reading cases, and the hand-written ones themselves."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

import tools  # noqa: F401  (registers every tool)
from data.errors import DataError
from eval.casefile import categories_of, read_plans, read_requests
from eval.orchestrator import REQUESTS
from eval.plans import PLANS
from tools.base import TOOLS


def test_every_hand_written_request_names_tools_and_arguments_that_exist() -> None:
    for case in read_requests(REQUESTS):
        for wanted in case.calls:
            assert case.role in TOOLS[wanted.tool].roles, f"line {case.line}"
            known = TOOLS[wanted.tool].parameters(case.role)
            assert set(wanted.args) | set(wanted.has) <= set(known), f"line {case.line}"


def test_the_hand_written_requests_are_many_different_and_cover_every_tool() -> None:
    cases = read_requests(REQUESTS)
    assert len(cases) >= 170
    assert len({case.say for case in cases}) == len(cases)
    counted = Counter(wanted.tool for case in cases for wanted in case.calls)
    assert {name: counted[name] for name in TOOLS if counted[name] < 6} == {}
    assert set(Counter(case.group for case in cases if case.group).values()) == {4}


def test_every_hand_written_brief_names_tools_and_arguments_that_exist() -> None:
    cases = read_plans(PLANS)
    assert len(cases) >= 10
    for case in cases:
        assert set(case.needs) <= set(TOOLS), f"line {case.line}"
        for tool, args in case.args.items():
            assert tool in case.needs, f"line {case.line}"
            assert set(args) <= set(TOOLS[tool].parameters("marketer")), f"line {case.line}"


def test_categories_are_collected_once_whatever_their_case(tmp_path: Path) -> None:
    path = _written(tmp_path, *[_case(args={"category": c}) for c in ("Pets", "pets", "Tea")])
    assert categories_of(read_requests(path)) == ["Pets", "Tea"]


def test_a_thread_a_group_and_several_calls_are_read(tmp_path: Path) -> None:
    calls = [{"tool": "find_audience", "args": {"size": 3}}, {"tool": "allocate_budget"}]
    turns = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "Hello."}]
    case = {"role": "marketer", "say": "both", "calls": calls, "thread": turns, "group": "g"}
    (found,) = read_requests(_written(tmp_path, case))
    assert [(w.tool, dict(w.args)) for w in found.calls] == [("find_audience", {"size": 3}), ("allocate_budget", {})]
    assert found.expect == "call"
    assert (found.group, len(found.thread)) == ("g", 2)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"role": "owner"}, "role"),
        ({"say": " "}, "say"),
        ({"tool": 3}, "tool"),
        ({"args": []}, None),  # an empty list is no arguments
        ({"args": [1]}, "args"),
        ({"has": {"query": "tea"}}, "has"),
        ({"expect": "shrug"}, "expect"),
        ({"expect": "decline"}, "expect"),
        ({"thread": [{"role": "tool", "content": "x"}]}, "thread"),
        ({"calls": []}, "calls"),
    ],
)
def test_a_broken_case_is_named_by_its_line(tmp_path: Path, change: dict[str, object], said: str | None) -> None:
    path = _written(tmp_path, _case(), _case() | change)
    if said is None:
        assert len(read_requests(path)) == 2
        return
    with pytest.raises(DataError, match=f'line 2: .*"{said}"'):
        read_requests(path)


def test_files_that_are_no_cases_are_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file"):
        read_requests(tmp_path / "absent.jsonl")
    for content, said in (("\n\n", "no cases"), ("[1]\n", "not a JSON object"), ("{\n", "line 1: not JSON")):
        path = tmp_path / "broken.jsonl"
        path.write_text(content, encoding="utf-8")
        with pytest.raises(DataError, match=said):
            read_requests(path)
    with pytest.raises(DataError, match='"needs"'):
        read_plans(_written(tmp_path, {"say": "plan", "needs": []}))


def _case(**changes: object) -> dict[str, object]:
    return {"role": "shopper", "say": "tea, please", "tool": "search_products", "args": {}} | changes


def _written(folder: Path, *cases: Mapping[str, object]) -> Path:
    path = folder / "cases.jsonl"
    path.write_text("".join(json.dumps(case) + "\n" for case in cases), encoding="utf-8")
    return path
