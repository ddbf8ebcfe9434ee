"""What every model promises: a refit equals the fit, save and load change nothing, a foreign file is an error."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from data import demo_shop
from data.errors import ModelError, StoreError
from data.store import Snapshot, Store
from models import registry
from models.base import MANIFEST, Model
from models.registry import MODELS, ModelSet, model_class, train

ASKED: dict[str, Callable[[Any, Snapshot, str], object]] = {
    "behaviour": lambda m, s, who: (m.predict(s).to_json(), m.reasons(s, who)),
    "uplift": lambda m, s, who: (m.predict(s, [who]).to_json(), m.evidence),
    "recommend": lambda m, s, who: (m.recommend(s, who, limit=5), m.recommend(s, None)),
    "forecast": lambda m, s, _: m.predict(s, horizon_days=28).weeks.to_json(),
    "response": lambda m, _s, _who: [m.value(channel, 100.0, "profit") for channel in m.channels],
}
"""What each model says about the shop and one customer, in a form that compares."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    demo = demo_shop.generate(seed=5, customers=220, products=40, months=6)
    store = Store(tmp_path_factory.mktemp("shop"))
    store.write(demo.tables, name=demo.name, currency=demo.currency, source="demo")
    return store


@pytest.fixture(scope="module")
def snapshot(store: Store) -> Snapshot:
    return store.snapshot()


@pytest.fixture(scope="module")
def trained(store: Store) -> ModelSet:
    return train(store)


@pytest.fixture
def who(snapshot: Snapshot) -> str:
    return str(snapshot.frame("events")["customer_id"].dropna().iloc[0])


@pytest.fixture(params=MODELS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_model_is_asked_here() -> None:
    assert set(ASKED) == set(MODELS)


def test_a_refit_equals_the_fit(name: str, trained: ModelSet, snapshot: Snapshot, who: str) -> None:
    again = model_class(name)().fit(snapshot)
    assert ASKED[name](again, snapshot, who) == ASKED[name](trained[name], snapshot, who)
    assert (again.version, again.metrics) == (trained[name].version, trained[name].metrics)


def test_save_and_load_change_nothing(
    name: str, trained: ModelSet, snapshot: Snapshot, who: str, tmp_path: Path
) -> None:
    model = trained[name]
    model.save(tmp_path / "a")
    loaded = type(model).load(tmp_path / "a")
    assert ASKED[name](loaded, snapshot, who) == ASKED[name](model, snapshot, who)
    assert (loaded.version, loaded.fitted_on, loaded.as_of, loaded.metrics, loaded.source("x")) == (
        model.version,
        snapshot.id,
        snapshot.as_of,
        model.metrics,
        model.source("x"),
    )


def test_a_missing_folder_is_an_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="shopkeeper train"):
        model_class(name).load(tmp_path / "nowhere")


@pytest.mark.parametrize("changed", [{"format": 0}, {"name": "another"}])
def test_another_version_is_an_error(name: str, trained: ModelSet, tmp_path: Path, changed: dict[str, object]) -> None:
    trained[name].save(tmp_path)
    manifest = json.loads((tmp_path / MANIFEST).read_text(encoding="utf-8"))
    (tmp_path / MANIFEST).write_text(json.dumps(manifest | changed), encoding="utf-8")
    with pytest.raises(ModelError, match="another version"):
        model_class(name).load(tmp_path)


def test_a_damaged_model_is_an_error(name: str, trained: ModelSet, tmp_path: Path) -> None:
    trained[name].save(tmp_path)
    for file in [path for path in tmp_path.rglob("*") if path.is_file()]:
        if file.name != MANIFEST:
            file.unlink()
    with pytest.raises(ModelError, match="damaged"):
        model_class(name).load(tmp_path)


def test_an_unfitted_model_is_not_saved(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not trained"):
        model_class(name)().save(tmp_path)


def test_versions_tell_seeds_and_cut_offs_apart(snapshot: Snapshot) -> None:
    kind = model_class("uplift")
    earlier = snapshot.as_of - pd.Timedelta(days=30)
    cases: list[dict[str, Any]] = [{}, {"seed": 1}, {"as_of": earlier}]
    versions = {kind().fit(snapshot, **given).version for given in cases}
    assert len(versions) == 3


def test_a_set_without_models_says_how_to_get_them(tmp_path: Path) -> None:
    assert not ModelSet(tmp_path).complete
    with pytest.raises(ModelError, match="shopkeeper train"):
        _ = ModelSet(tmp_path).behaviour


def test_training_leaves_every_model_and_nothing_else(trained: ModelSet, store: Store) -> None:
    assert trained.complete
    assert ModelSet(store.models_path).behaviour.fitted_on == store.snapshot_id
    assert {p.name for p in store.models_path.iterdir() if not p.name.startswith(".")} == set(MODELS)


def test_a_set_of_an_older_format_is_not_complete(trained: ModelSet, tmp_path: Path) -> None:
    shutil.copytree(trained.folder, tmp_path / "models")
    assert ModelSet(tmp_path / "models").complete
    manifest = tmp_path / "models" / "uplift" / MANIFEST
    manifest.write_text(manifest.read_text().replace('"format": 1', '"format": 0'))
    assert not ModelSet(tmp_path / "models").complete


def test_an_empty_store_cannot_be_trained(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="empty"):
        train(Store(tmp_path))


class Stop(KeyboardInterrupt):
    """Ctrl-C."""


def test_progress_ends_at_one_and_ctrl_c_leaves_whole_models(tiny_store: Store, tmp_path: Path) -> None:
    store, snapshot = Store(tmp_path), tiny_store.snapshot()
    tables = {t: snapshot.frame(t) for t in ("customers", "products", "orders", "events")}
    store.write(tables, name="Tiny", currency="EUR", source="test")
    seen: list[tuple[str, float]] = []
    train(store, progress=lambda name, fraction: seen.append((name, fraction)))
    assert [name for name, _ in seen[:-1]] == list(MODELS)
    assert [fraction for _, fraction in seen] == sorted(fraction for _, fraction in seen)
    assert (seen[0][1], seen[-1][1]) == (0.0, 1.0)
    versions = [ModelSet(store.models_path)[name].version for name in MODELS]

    def interrupt(name: str, fraction: float) -> None:
        if fraction > 0:
            raise Stop

    with pytest.raises(Stop):
        train(store, progress=interrupt)
    assert [ModelSet(store.models_path)[name].version for name in MODELS] == versions
    assert {p.name for p in store.models_path.iterdir() if not p.name.startswith(".")} == set(MODELS)


def test_a_model_moved_aside_by_a_killed_training_is_found(trained: ModelSet, tmp_path: Path) -> None:
    folder = tmp_path / trained.folder.name
    shutil.copytree(trained.folder, folder)
    (folder / "uplift").rename(folder / "uplift.old")
    assert ModelSet(folder).uplift.version == trained.uplift.version


def test_a_model_of_another_snapshot_is_refused(trained: ModelSet, tmp_path: Path) -> None:
    folder = tmp_path / "000000000000"
    shutil.copytree(trained.folder, folder)
    with pytest.raises(ModelError, match="another snapshot"):
        _ = ModelSet(folder).uplift


def test_the_registry_s_classes_have_its_names() -> None:
    for name in registry.MODELS:
        assert issubclass(model_class(name), Model)
        assert model_class(name).name == name
