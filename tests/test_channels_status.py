"""`shopkeeper status`: the data, the models with their worth, cards on demand, and what to do about a bare store."""

from pathlib import Path

from shop import small_shop
from typer.testing import CliRunner

from channels.cli import app
from data.store import Store
from models.registry import MODELS


def test_it_names_data_models_and_worth_and_writes_cards(tmp_path: Path) -> None:
    shop = small_shop()
    found = CliRunner().invoke(app, ["--store", str(shop.store.root), "status", "--cards", str(tmp_path / "cards")])
    assert found.exit_code == 0
    assert {path.stem for path in (tmp_path / "cards").iterdir()} == set(MODELS)
    behaviour = (tmp_path / "cards" / "behaviour.md").read_text(encoding="utf-8")
    assert f"| AUC | **{shop.models.behaviour.metrics['auc']:.3f}** |" in behaviour
    assert shop.snapshot.id in behaviour
    for part in (shop.snapshot.id, "behaviour " + shop.models.behaviour.version, "will buy within 30 days", "Next:"):
        assert part in found.output


def test_an_untrained_store_says_what_to_run(tiny_store: Store) -> None:
    found = CliRunner().invoke(app, ["--store", str(tiny_store.root), "status"])
    assert found.exit_code == 0
    assert "shopkeeper train" in found.output
