"""`shopkeeper approve` and `shopkeeper audit` as a person types them."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from channels.cli import app
from data.operations import Operations
from data.store import Store
from tests.test_campaign_approval import _keep, _plan


@pytest.fixture
def shop(tiny_store: Store, tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    shutil.copytree(tiny_store.root, root)
    operations = Operations(Store(root).operations_path)
    _keep(operations, _plan(-3.0))
    operations.close()
    return root


def _run(shop: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--store", str(shop)])


def test_a_risky_plan_is_refused_with_one_sentence_that_says_what_to_type(shop: Path) -> None:
    refused = _run(shop, "approve", "C-0001", "--by", "Ada")
    assert refused.exit_code == 2
    assert "may lose money: the expected profit is 50.00 EUR, but anything from -3.00" in refused.output
    assert f'--by "Ada" --despite-risk "REASON" --store {shop}' in refused.output
    assert "approved" not in _run(shop, "audit", "C-0001").output


def test_a_reason_is_kept_and_the_second_person_is_told(shop: Path) -> None:
    done = _run(shop, "approve", "C-0001", "--by", "Ada", "--despite-risk", "we learn from it")
    assert done.exit_code == 0
    assert "is approved by Ada" in done.output
    assert "Shown: expected profit 50.00 EUR" in done.output
    second = _run(shop, "approve", "C-0001", "--by", "Bob")
    assert second.exit_code == 0
    assert "was approved by Ada before; nothing has changed" in second.output
    trail = _run(shop, "audit", "c-0001").output
    assert "drafted" in trail
    assert 'despite the risk, since "we learn from it"' in trail
    assert "Bob" not in trail


def test_an_unknown_campaign_has_no_trail(shop: Path) -> None:
    assert "the latest is C-0001" in _run(shop, "audit", "C-0009").output
