"""Settings that a person writes into a YAML file of the store."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from data.errors import SettingError

T = TypeVar("T", bound=BaseModel)


def read_settings(path: Path, form: type[T]) -> T | None:
    """The settings of `path`, or None while there is no such file. Raises `SettingError` with what to mend."""
    if not path.exists():
        return None
    try:
        return form.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except yaml.YAMLError as error:
        raise SettingError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise SettingError(f"{path}: {where} {first['msg'].removeprefix('Value error, ')}") from error
