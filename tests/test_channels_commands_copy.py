"""`shopkeeper copy`: a draft's words, its pages written again, and mistakes answered in a sentence."""

import io
import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

import tools  # noqa: F401 - registers every tool
from campaign import records
from channels.cli import app
from channels.commands_copy import How, write
from channels.terminal import Screen
from data.operations import Operations
from data.store import Store
from tests.shop import small_shop
from tools.base import call


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    root = tmp_path_factory.mktemp("copy") / "shop"
    shutil.copytree(small_shop().store.root, root)
    return Store(root)


@pytest.fixture
def campaign(store: Store) -> str:
    context = small_shop().context()
    context.operations = Operations(store.operations_path)
    drafted = call(
        "draft_campaign", context, {"name": "Come back", "goal": "win_back", "channels": ["email"], "budget": 100}
    )
    context.operations.close()
    return str(drafted.facts["campaign"].value)


def test_the_words_go_into_the_plan_and_its_pages(store: Store, campaign: str) -> None:
    file = io.StringIO()
    write(Screen(file, width=100), store, campaign, None, How(markets=("uk",), variants=1))
    assert "are templates" in file.getvalue()
    assert f"shopkeeper approve {campaign}" in file.getvalue()
    page = json.loads(Path(store.root / "campaigns" / f"{campaign}.json").read_text(encoding="utf-8"))
    operations = Operations(store.operations_path)
    kept = records.find(operations, campaign)
    operations.close()
    assert page["hash"] == kept.plan_hash
    assert {c.variant for c in kept.plan.copies} == {"A"}
    before = kept.plan_hash
    write(Screen(io.StringIO(), width=100), store, campaign, None, How(markets=("uk",), variants=1))
    operations = Operations(store.operations_path)
    assert records.find(operations, campaign).plan_hash == before
    operations.close()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--market", "mars"], "choose of cn, eu, uk, us"),
        (["--language", "Klingon"], "English or Chinese"),
    ],
)
def test_a_wish_that_cannot_be_met_is_answered_before_the_model_is_loaded(
    store: Store, options: list[str], words: str
) -> None:
    result = CliRunner().invoke(app, ["copy", "C-0001", *options, "--store", str(store.root)])
    assert result.exit_code == 2
    assert words in result.stderr
