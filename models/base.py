"""What every model follows: fit on a snapshot, predict, save, load, and say where its figures come from."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self
from zipfile import BadZipFile

import pandas as pd

from data.errors import ModelError

if TYPE_CHECKING:
    from data.store import Snapshot

MANIFEST = "manifest.json"
TRAIN_FIRST = "run `shopkeeper train`"


class Model(ABC):
    """A prediction model with one life: `fit`, then predict, `save`, `load`.

    `version` is a hash of the snapshot, the cut-off, the seed and the parameters, so that the same inputs give
    the same version; `fitted_on` is the snapshot's id; `metrics` are measured on a time split, with those of
    the baseline beside them. A subclass is made without arguments by `load`, gives `name`, raises `FORMAT`
    when what it saves changes, and fills the hooks `_fit`, `_save` and `_load`.
    """

    name: ClassVar[str]
    FORMAT: ClassVar[int] = 1

    def __init__(self) -> None:
        self.version = ""
        self.fitted_on = ""
        self.as_of: pd.Timestamp | None = None
        self.metrics: dict[str, float] = {}

    def fit(self, snapshot: Snapshot, *, as_of: pd.Timestamp | None = None, seed: int = 0) -> Self:
        """Fits on what `snapshot` knew at `as_of` (its last event unless given); the same arguments, the same model."""
        now = snapshot.as_of if as_of is None else as_of
        self.metrics = {}
        self._fit(snapshot, as_of=now, seed=seed)
        identity = [self.name, self.FORMAT, snapshot.id, now.isoformat(), seed, dict(self._parameters())]
        self.version = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:6]
        self.fitted_on, self.as_of = snapshot.id, now
        return self

    def save(self, folder: Path) -> None:
        """Writes the fitted model into `folder`; the manifest comes last, so a half-written model does not load."""
        self.require_fitted()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MANIFEST).unlink(missing_ok=True)
        self._save(folder)
        manifest = {
            "name": self.name,
            "format": self.FORMAT,
            "version": self.version,
            "fitted_on": self.fitted_on,
            "as_of": None if self.as_of is None else self.as_of.isoformat(),
            "parameters": dict(self._parameters()),
            "metrics": self.metrics,
        }
        text = json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False)
        (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The model saved in `folder`; `ModelError` when it is absent, damaged, or of another name or format."""
        manifest = read_manifest(cls.name, folder)
        if (manifest.get("name"), manifest.get("format")) != (cls.name, cls.FORMAT):
            raise ModelError(f"the model in {folder} is of another version of Shopkeeper: {TRAIN_FIRST} again")
        model = cls()
        try:
            model.version, model.fitted_on = manifest["version"], manifest["fitted_on"]
            model.as_of = None if manifest["as_of"] is None else pd.Timestamp(manifest["as_of"])
            model.metrics = manifest["metrics"]
            model._load(folder)
        except (OSError, EOFError, BadZipFile, KeyError, ValueError, TypeError) as error:
            raise ModelError(f"the model {cls.name} in {folder} is damaged: {TRAIN_FIRST} again") from error
        return model

    @classmethod
    def kept_in(cls, folder: Path) -> bool:
        """Whether `folder` holds a model of this name, saved in today's format; its content is not looked at."""
        try:
            manifest = read_manifest(cls.name, folder)
        except ModelError:
            return False
        return (manifest.get("name"), manifest.get("format")) == (cls.name, cls.FORMAT)

    def source(self, formula: str = "") -> str:
        """Where a figure of this model comes from, for `Fact.source`; `formula` says how it was worked out."""
        origin = f"model {self.name} {self.version}, fitted on snapshot {self.fitted_on}"
        return f"{origin}: {formula}" if formula else origin

    def require_fitted(self) -> None:
        """Raises `ModelError` unless the model was fitted or loaded."""
        if not self.fitted_on:
            raise ModelError(f"the model {self.name} is not trained yet: {TRAIN_FIRST}")

    @abstractmethod
    def _fit(self, snapshot: Snapshot, *, as_of: pd.Timestamp, seed: int) -> None:
        """Fits on what was known at `as_of` and fills `metrics`."""

    @abstractmethod
    def _save(self, folder: Path) -> None:
        """Writes what `_load` needs into the existing `folder`."""

    @abstractmethod
    def _load(self, folder: Path) -> None:
        """Restores what `_save` wrote; any error of reading or of a value means damage."""

    def _parameters(self) -> Mapping[str, Any]:
        """Settings that change what is fitted, JSON-serialisable; they enter the version."""
        return {}


def save_json(folder: Path, name: str, value: Mapping[str, Any]) -> None:
    """Writes `value` as `folder`/`name`.json."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
    (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def load_json(folder: Path, name: str) -> dict[str, Any]:
    """What `save_json` wrote."""
    value: dict[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return value


def save_frame(folder: Path, name: str, frame: pd.DataFrame) -> None:
    """Writes `frame` with its index as `folder`/`name`.parquet."""
    frame.to_parquet(folder / f"{name}.parquet")


def load_frame(folder: Path, name: str) -> pd.DataFrame:
    """What `save_frame` wrote, types and index included."""
    return pd.read_parquet(folder / f"{name}.parquet")


def read_manifest(name: str, folder: Path) -> dict[str, Any]:
    """What was written down of the model `name` in `folder`; `ModelError` where it is absent or damaged."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"the model {name} is not trained yet: {TRAIN_FIRST}") from None
    except (OSError, ValueError):
        raise ModelError(f"the model {name} in {folder} is damaged: {TRAIN_FIRST} again") from None
    if not isinstance(manifest, dict):
        raise ModelError(f"the model {name} in {folder} is damaged: {TRAIN_FIRST} again")
    return manifest
