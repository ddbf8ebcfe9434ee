"""Every model of the shop, one line each: training them all, and loading what was trained."""

from __future__ import annotations

import fcntl
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

from data.errors import ModelError, StoreError
from models.base import TRAIN_FIRST, Model

if TYPE_CHECKING:
    from data.store import Store
    from models.behaviour import BehaviourModel
    from models.forecast import ForecastModel
    from models.recommend import RecommendModel
    from models.response import ResponseModel
    from models.uplift import UpliftModel

Progress = Callable[[str, float], None]
"""Called with the name of the model at work and the fraction of the models that are done."""

# Names, not classes: some import a stack that takes seconds, which a shopper's question need not wait for.
MODELS: dict[str, str] = {
    "behaviour": "models.behaviour:BehaviourModel",
    "uplift": "models.uplift:UpliftModel",
    "recommend": "models.recommend:RecommendModel",
    "forecast": "models.forecast:ForecastModel",
    "response": "models.response:ResponseModel",
}


def model_class(name: str) -> type[Model]:
    """The class registered as `name`, imported now."""
    module, _, attribute = MODELS[name].partition(":")
    return cast(type[Model], getattr(import_module(module), attribute))


class ModelSet:
    """The trained models in a store's `models_path`, each loaded when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._loaded: dict[str, Model] = {}
        self._lock = threading.RLock()

    @property
    def behaviour(self) -> BehaviourModel:
        """Who will buy, how likely, and why."""
        return cast("BehaviourModel", self["behaviour"])

    @property
    def uplift(self) -> UpliftModel:
        """What a message adds to the chance of buying."""
        return cast("UpliftModel", self["uplift"])

    @property
    def recommend(self) -> RecommendModel:
        """What suits a customer, with evidence."""
        return cast("RecommendModel", self["recommend"])

    @property
    def forecast(self) -> ForecastModel:
        """What will sell, by week."""
        return cast("ForecastModel", self["forecast"])

    @property
    def response(self) -> ResponseModel:
        """What a channel returns for its spend."""
        return cast("ResponseModel", self["response"])

    def __getitem__(self, name: str) -> Model:
        """The model `name`; `ModelError` when it was not trained on this snapshot."""
        with self._lock:
            if name not in self._loaded:
                place = self.folder / name
                model = model_class(name).load(place if place.exists() else _aside(place))
                if model.fitted_on != self.folder.name:
                    raise ModelError(f"the model {name} was trained on another snapshot: {TRAIN_FIRST}")
                self._loaded[name] = model
            return self._loaded[name]

    @property
    def complete(self) -> bool:
        """Whether every registered model is there, saved by a Shopkeeper that saved as today's does."""
        return all(model_class(name).kept_in(self.folder / name) for name in MODELS)


def train(store: Store, *, seed: int = 0, progress: Progress | None = None) -> ModelSet:
    """Fits every model on the store's present snapshot and saves each as soon as it is fitted.

    A model takes its place by a rename, so an interrupted training leaves whole models, old or new. Raises
    `StoreError` when the store is empty or another training of it is at work.
    """
    snapshot = store.snapshot()
    folder = store.models_path.parent / snapshot.id  # not models_path: an ingestion may swap the pointer meanwhile
    with _alone(folder):
        for done, name in enumerate(MODELS):
            if progress is not None:
                progress(name, done / len(MODELS))
            model = model_class(name)().fit(snapshot, seed=seed)
            draft = folder / f"{name}.tmp"
            shutil.rmtree(draft, ignore_errors=True)
            try:
                model.save(draft)
                _swap(draft, folder / name)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
        if progress is not None:
            progress(list(MODELS)[-1], 1.0)
    return ModelSet(folder)


def being_trained(folder: Path) -> bool:
    """Whether a training into `folder` is at work in any process."""
    if not (folder / ".lock").exists():
        return False
    with open(folder / ".lock", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Holds off a second training into `folder`; the lock dies with the process."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "w", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StoreError("another training of this store is at work: wait until it has ended") from None
        yield


def _swap(draft: Path, place: Path) -> None:
    """Renames `draft` to `place`. A folder cannot be renamed over another, so the old one steps aside first."""
    _put_back(place)
    aside = _aside(place)
    shutil.rmtree(aside, ignore_errors=True)
    if place.exists():
        place.rename(aside)
    try:
        draft.rename(place)
    except BaseException:
        _put_back(place)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _put_back(place: Path) -> None:
    """Restores a model that a killed training had moved aside."""
    aside = _aside(place)
    if aside.exists() and not place.exists():
        aside.rename(place)


def _aside(place: Path) -> Path:
    """Where a model waits while its successor takes its place; a reader who finds no model looks here."""
    return place.with_name(f"{place.name}.old")
