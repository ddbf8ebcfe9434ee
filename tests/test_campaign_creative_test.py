"""A test of words as it is planned, kept and judged."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from campaign import plan_files
from campaign.creative_test import CreativeTest, judge, planned, read
from data.errors import CampaignError

FACTORS = {"subject": ("plain", "question"), "tone": ("warm", "bold", "dry")}


def _test(factors: dict[str, tuple[str, ...]] | None = None, of: int = 1) -> CreativeTest:
    return planned("spring", factors or FACTORS, baseline=0.2, matters=0.06, of=of)


def _results(test: CreativeTest, number: int, lift: dict[str, float], seed: int = 0) -> pd.DataFrame:
    ids = [f"{n}" for n in range(number)]
    cells = test.design.assign(test.name, ids)
    rate = 0.2 + sum(cells.isin([level]).any(axis=1).to_numpy() * add for level, add in lift.items())
    hit = np.random.default_rng(seed).random(number) < rate
    return pd.DataFrame({"customer_id": ids, "outcome": hit.astype(float)})


def test_a_plan_comes_back_from_its_file_and_is_never_overwritten(tmp_path: Path) -> None:
    test = _test()
    plan_files.write(tmp_path, test.name, test.to_json())
    assert read(tmp_path, "spring") == test
    with pytest.raises(CampaignError, match="there is spring already"):
        plan_files.write(tmp_path, test.name, "other")
    assert [path.name for path in tmp_path.iterdir()] == ["spring.json"]
    with pytest.raises(CampaignError, match="there is no autumn; there are: spring"):
        read(tmp_path, "autumn")
    with pytest.raises(CampaignError, match="there is no"):
        read(tmp_path, "../spring")
    (tmp_path / "spring.json").write_text("{", encoding="utf-8")
    with pytest.raises(CampaignError, match="damaged"):
        read(tmp_path, "spring")


def test_the_better_level_is_found_and_the_others_stay_with_the_base() -> None:
    test = _test()
    found = judge(test, _results(test, test.customers, {"question": 0.08}))
    calls = {(one.factor, one.level): one.look.call for one in found.comparisons}
    assert calls["subject", "question"] == "better"
    assert "better" not in {calls["tone", "bold"], calls["tone", "dry"]}
    assert found.best == {"subject": "question", "tone": "warm"}
    assert found.over
    assert any(term.name == "subject=question" and term.clear for term in found.terms)


def test_too_few_results_stop_nothing_and_say_nothing() -> None:
    test = _test()
    found = judge(test, _results(test, 3, {}))
    assert not found.over
    assert found.terms == ()
    assert {one.look.call for one in found.comparisons} == {"open"}


def test_equal_words_seldom_win_however_often_one_looks() -> None:
    test = _test({"subject": ("plain", "question")})
    wrong = 0
    for seed in range(40):
        results = _results(test, 3000, {}, seed=seed)
        looks = (judge(test, results.head(number)) for number in range(300, 3001, 300))
        wrong += any(one.look.call in {"better", "worse"} for found in looks for one in found.comparisons)
    assert wrong <= 5


def test_more_comparisons_and_a_fraction_take_their_price() -> None:
    halves = dict.fromkeys("ABC", ("a", "b"))
    assert len(_test(halves, of=2).design.cells) == 4
    assert _test(halves, of=2).customers == _test(halves).customers > _test({"A": ("a", "b")}).customers


@pytest.mark.parametrize(
    ("name", "baseline", "matters", "said"),
    [("a b", 0.1, 0.01, "cannot be a name"), ("x", 0.1, 0.0, "above 0"), ("x", 5.0, 0.01, "between 0 and 1")],
)
def test_a_plan_that_cannot_be_says_why(name: str, baseline: float, matters: float, said: str) -> None:
    with pytest.raises(CampaignError, match=said):
        planned(name, FACTORS, baseline=baseline, matters=matters)
