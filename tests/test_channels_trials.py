"""`shopkeeper creative-test`, `bandit` and `pace` as a person types them, and `plan` with limits."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from agent.build import open_agent, replay
from channels.cli import app
from channels.commands_plan import make
from channels.terminal import Screen
from data.errors import CampaignError
from data.store import Store
from llm.scripted import ScriptedChat, ScriptedWriter
from tests.shop import small_shop

PLAN = ("--factor", "subject=plain,question", "--factor", "tone=warm,bold", "--baseline", "0.2", "--matters", "0.05")


def _run(root: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--store", str(root)])


def _csv(path: Path, **columns: object) -> str:
    pd.DataFrame(columns).to_csv(path, index=False)
    return str(path)


def test_a_creative_test_is_planned_assigned_and_judged(tmp_path: Path) -> None:
    made = _run(tmp_path, "creative-test", "plan", "spring", *PLAN)
    assert made.exit_code == 0, made.output
    assert "4 combinations" in made.output
    ids = [f"c{number}" for number in range(400)]
    customers, cells = _csv(tmp_path / "customers.csv", customer_id=ids), tmp_path / "cells.csv"
    assert _run(tmp_path, "creative-test", "assign", "spring", customers, "--out", str(cells)).exit_code == 0
    given = pd.read_csv(cells)
    assert list(given.columns) == ["customer_id", "combination", "subject", "tone"]
    assert given.groupby("combination").size().min() > 60
    hit = (given["subject"] == "question").astype(int)
    results = _csv(
        tmp_path / "results.csv", customer_id=ids, outcome=hit * (given.index % 5 > 0) + (given.index % 11 == 0)
    )
    told = _run(tmp_path, "creative-test", "results", "spring", results)
    assert told.exit_code == 2  # an outcome of 2
    hit[::7] = 1 - hit[::7]
    told = _run(tmp_path, "creative-test", "results", "spring", _csv(tmp_path / "r.csv", customer_id=ids, outcome=hit))
    assert told.exit_code == 0, told.output
    assert "subject: question against plain: better by" in told.output
    assert "Go on" in told.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("plan", "a", "--factor", "tone", "--baseline", "0.1", "--matters", "0.01"), "write it as tone=friendly"),
        (("plan", "a", "--factor", "tone=x", "--baseline", "0.1", "--matters", "0.01"), "two different levels"),
        (("plan", "a", *PLAN, "--fraction", "3"), "give --fraction 2 or 4"),
        (("results", "a", "none.csv"), "there is no a; there are: none yet"),
    ],
)
def test_a_creative_test_that_cannot_be_says_how_to_mend_it(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    refused = _run(tmp_path, "creative-test", *words)
    assert refused.exit_code == 2
    assert said in refused.output


def test_results_are_checked_row_by_row(tmp_path: Path) -> None:
    _run(tmp_path, "creative-test", "plan", "spring", *PLAN)
    for columns, said in (
        ({"customer_id": ["a", "a"], "outcome": [1, 0]}, "row 3: customer a stands there twice"),
        ({"customer_id": ["a", "b"], "outcome": [1, "yes"]}, "row 3: outcome is 'yes'"),
        ({"customer_id": ["a", ""], "outcome": [1, 0]}, "row 3: the customer_id is empty"),
        ({"customer": ["a"], "outcome": [1]}, "has no column customer_id"),
    ):
        refused = _run(tmp_path, "creative-test", "results", "spring", _csv(tmp_path / "r.csv", **columns))
        assert refused.exit_code == 2
        assert said in refused.output


@pytest.fixture
def shop(tiny_store: Store, tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    shutil.copytree(tiny_store.root, root)
    return root


def test_a_bandit_decides_takes_rewards_and_learns(shop: Path, tmp_path: Path) -> None:
    planned = _run(shop, "bandit", "plan", "winter", "--action", "none=0", "--action", "email=0.01", "--worth", "40")
    assert planned.exit_code == 0, planned.output
    ids = [f"{10000 + number}" for number in range(40)]
    customers, batch = _csv(tmp_path / "customers.csv", customer_id=ids), tmp_path / "batch.csv"
    for _ in range(4):
        assert _run(shop, "bandit", "decide", "winter", customers, "--out", str(batch)).exit_code == 0
        made = pd.read_csv(batch)
        earned = 9.0 * (made["action"] == "email") + made.index % 3
        rewards = _csv(tmp_path / "rewards.csv", decision_id=made["decision_id"], reward=earned)
        told = _run(shop, "bandit", "results", "winter", rewards)
        assert told.exit_code == 0, told.output
    assert made["decision_id"].str.startswith("winter/0004/").all()
    assert (made["action"] == "email").mean() > 0.7
    assert made["propensity"].between(0.05 - 1e-9, 1).all()
    assert f"{4 * len(made)} decisions so far" in told.output
    waiting = _run(shop, "bandit", "decide", "winter", customers, "--out", str(batch))
    assert waiting.exit_code == 0
    expected = f"0 results taken in; {5 * len(made)} decisions so far, {len(made)} of them"
    assert expected in _run(shop, "bandit", "results", "winter").output
    lost = _csv(tmp_path / "lost.csv", decision_id=["winter/0009/1"], reward=[1.0])
    assert "never made the decision winter/0009/1" in _run(shop, "bandit", "results", "winter", lost).output


def test_a_bandit_decides_for_nobody_who_has_not_consented(shop: Path, tmp_path: Path) -> None:
    _run(shop, "bandit", "plan", "post", "--action", "none=0", "--action", "email-short=0.01", "--worth", "40")
    table = Store(shop).snapshot().frame("customers").set_index("customer_id")
    may = table["consent_email"].fillna(False) & table["email"].notna()
    assert 0 < may.sum() < len(may)
    batch = tmp_path / "batch.csv"
    everyone = _csv(tmp_path / "all.csv", customer_id=table.index)
    told = _run(shop, "bandit", "decide", "post", everyone, "--out", str(batch))
    assert set(pd.read_csv(batch, dtype=str)["customer_id"]) == set(may.index[may])
    assert f"{(~may).sum()} of {len(may)} are left out: no consent to email recorded" in " ".join(told.output.split())
    refused = _run(shop, "bandit", "decide", "post", _csv(tmp_path / "no.csv", customer_id=may.index[~may]))
    assert refused.exit_code == 2
    assert "none of these customers has consented to email" in refused.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("plan", "x", "--action", "email", "--worth", "4"), "write it as email=0.01"),
        (("plan", "x", "--action", "email=0", "--worth", "4"), "two different actions"),
        (("plan", "x", "--action", "a=0", "--action", "b=0", "--worth", "4", "--margin", "2"), "share of revenue"),
        (("decide", "x", "nobody.csv"), "there is no file nobody.csv"),
        (("results", "x"), "there is no x"),
    ],
)
def test_a_bandit_that_cannot_be_says_how_to_mend_it(words: tuple[str, ...], said: str, shop: Path) -> None:
    refused = _run(shop, "bandit", *words)
    assert refused.exit_code == 2
    assert said in refused.output


def test_a_bandit_decides_for_customers_of_the_shop_only(shop: Path, tmp_path: Path) -> None:
    _run(shop, "bandit", "plan", "x", "--action", "a=0", "--action", "b=0", "--worth", "40")
    refused = _run(shop, "bandit", "decide", "x", _csv(tmp_path / "c.csv", customer_id=["10001", "nobody"]))
    assert refused.exit_code == 2
    assert "no customer nobody" in refused.output


def test_money_moves_to_the_channel_that_brings_more_than_its_curve(tmp_path: Path) -> None:
    root = small_shop().store.root
    plain = _run(root, "pace", "100")
    assert plain.exit_code == 0, plain.output
    names = [line.split()[0] for line in plain.output.splitlines() if "%" in line]
    days = [f"2026-01-{day:02}" for day in range(1, 11)]
    results = _csv(tmp_path / "d.csv", day=days, channel=names[0], spend=30.0, conversions=500)
    moved = _run(root, "pace", "100", "--results", results)
    share = {line.split()[0]: float(line.split()[1]) for line in moved.output.splitlines() if "%" in line}
    before = {line.split()[0]: float(line.split()[1]) for line in plain.output.splitlines() if "%" in line}
    assert share[names[0]] > before[names[0]]
    assert sum(share.values()) == pytest.approx(100, abs=0.02)
    bad = _csv(tmp_path / "b.csv", day=["1 May"], channel=[names[0]], spend=[1.0], conversions=[1])
    assert "not a date such as 2026-11-27" in _run(root, "pace", "100", "--results", bad).output
    assert "no history of radio" in _run(root, "pace", "100", "--channel", "radio").output


DRAFT = 'call draft_campaign {"name":"Back","goal":"win_back","channels":["email"],"budget":100}'


def _plan(root: Path, **limits: object) -> tuple[str, Path | None]:
    chat = ScriptedChat(texts=[DRAFT, "{a.campaign} is ready."])
    agent = open_agent(root, task="plan", chat=chat, writer=ScriptedWriter(["{p.title}"] * 9))
    campaign = make(Screen(), agent, Store(root), "win back", **limits)  # type: ignore[arg-type]
    traces = sorted((root / "traces").glob("*.json"), key=lambda path: path.stat().st_mtime)
    return campaign, traces[-1] if traces else None


def _contacted(root: Path, campaign: str) -> int:
    plan = json.loads((root / "campaigns" / f"{campaign}.json").read_text(encoding="utf-8"))["plan"]
    return sum(member["arm"] == "treated" for member in plan["members"])


def test_limits_of_a_plan_bind_it_and_stand_in_its_trace(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    shutil.copytree(small_shop().store.root, root)
    free = _contacted(root, _plan(root)[0])
    campaign, trace = _plan(root, capacity={"email": 3})
    assert 0 < _contacted(root, campaign) <= 21 < free  # three a day for seven days at most, the hold-out among them
    assert trace is not None
    assert '"capacity"' in trace.read_text(encoding="utf-8")
    assert replay(trace, root).same
    with pytest.raises(CampaignError, match="minimum spend of 500\\.00 on email cannot be met"):
        _plan(root, minimum_spend={"email": 500.0})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--minimum-spend", "post=5"), "the channel is email or sms or google"),
        (("--minimum-spend", "sms=much"), "no amount of money: write it as sms=50"),
        (("--capacity", "google=4"), "the channel is email or sms"),
        (("--capacity", "sms=lots"), "write it as sms=200"),
        (("--capacity", "sms=2", "--capacity", "sms=3"), "twice for sms"),
    ],
)
def test_a_limit_that_cannot_be_read_says_how_to_write_it(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    refused = _run(tmp_path, "plan", "win back", *words)
    assert refused.exit_code == 2
    assert said in refused.output
