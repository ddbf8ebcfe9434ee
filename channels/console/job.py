"""The process of a job: `python -m channels.console.job STORE [SOURCE FORMAT CONSENT [MAP]]`; tells how it goes.

Each line of its output is a `Job` as JSON.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path

from channels.console.jobs import Job, Stage
from data.errors import ShopkeeperError
from data.store import Store


def main(arguments: list[str]) -> int:
    """Does the job; 2 when it came to nothing, which the last line then says."""
    store = Store(Path(arguments[0]))
    try:
        words = _ingest(store, arguments[1:]) if len(arguments) > 1 else ""
        _train(store)
    except ShopkeeperError as error:
        _tell(Job("failed", words=str(error)))
        return 2
    except Exception as error:
        _tell(Job("failed", words=f"{type(error).__name__}: {error}"))
        raise
    _tell(Job("done", share=1.0, words=words))
    return 0


def _ingest(store: Store, given: list[str]) -> str:
    from data.ingest import ingest

    source, form, consent, *mapping = given
    report = ingest(
        store,
        Path(source),
        format=form,
        map_file=Path(mapping[0]) if mapping else None,
        assume_consent=consent or None,
        progress=lambda part: _tell(Job("ingest", part)),
    )
    return report.summary


def _train(store: Store) -> None:
    from index.build import build
    from models import registry

    def told(stage: Stage, most: float, least: float = 0.0) -> registry.Progress:
        return lambda part, share: _tell(Job(stage, part, least + share * (most - least)))

    snapshot = store.snapshot()
    registry.train(store, progress=told("train", 0.85))
    build(snapshot, store.index_path.parent / snapshot.id, progress=told("train", 1.0, 0.85))


def _tell(job: Job) -> None:
    print(json.dumps(asdict(job)), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
