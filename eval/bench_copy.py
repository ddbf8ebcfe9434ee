"""Bench `copy`: a thousand texts by the real chat model, over segments, products, channels, tones and offers.

Whatever is said of a text here was found by `eval.copy_check`, which shares no code with the filter, and by the claims
of every market. The floor is what templates alone give.
"""

import itertools
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from campaign import claims, copy_score, wording
from campaign.plan import Copy
from data import demo_shop
from data.errors import SettingError
from data.store import Snapshot, Store
from eval import copy_check
from eval.task import Inputs, Outcome
from tools import copy_set, copywriter
from tools.base import Fact, Writer
from tools.copy import ask_for
from tools.copy_set import Cell

_OFFERS = (0.0, 0.1, 0.25)
_VARIANTS = 2
_WORD = re.compile(r"[^\W\d_]+|_")


@dataclass
class _Timed:
    """A writer whose seconds are kept."""

    inner: Writer
    seconds: list[float] = field(default_factory=list)

    def write(self, task: str, request: Mapping[str, str], facts: Mapping[str, Fact]) -> str:
        """The inner writer's text."""
        started = time.perf_counter()
        text = self.inner.write(task, request, facts)
        self.seconds.append(time.perf_counter() - started)
        return text


@dataclass(frozen=True)
class _Written:
    """One text with its cell and the row of its product."""

    copy: Copy
    cell: Cell
    product: Mapping[str, Any]


def evaluate(inputs: Inputs, open_writer: Callable[[], Writer], *, copies: int = 1000) -> Outcome:
    """Writes `copies` texts, two variants a cell, and checks each of them; the templates alone are the floor."""
    if copies < 1:
        raise SettingError("a bench needs 1 text or more")
    with _shop(inputs) as snapshot:
        timed = _Timed(open_writer())
        started = time.perf_counter()
        writer = copy_set.Remembering(timed)
        found = _write(snapshot, writer, copies, inputs)
        whole = time.perf_counter() - started
        beside = _write(snapshot, None, copies, inputs)
        names = _names(snapshot)
        first = _first_tries(snapshot, writer, found)
    metrics = _judged(found, names) | {
        "first_try": statistics.fmean(first),
        "model_call_s": statistics.median(timed.seconds) if timed.seconds else float("nan"),
        "model_calls": float(len(timed.seconds)),
        "copy_s": whole / len(found),
    }
    return Outcome(metrics=metrics, floors={"templates alone": _judged(beside, names)}, misses=_shown(found, names))


@contextmanager
def _shop(inputs: Inputs) -> Iterator[Snapshot]:
    """The caller's shop, else a demo shop of 400 products; copy needs no models."""
    if inputs.store is not None:
        yield inputs.store.snapshot()
        return
    with tempfile.TemporaryDirectory(prefix="shopkeeper-copy-") as folder:
        demo, store = demo_shop.generate(seed=5, customers=120, products=400, months=3), Store(Path(folder))
        store.write(demo.tables, name=demo.name, currency=demo.currency, source="demo")
        yield store.snapshot()


def _cells(snapshot: Snapshot, seed: int) -> Iterator[Cell]:
    """Cells without end: every channel, tone and offer in turn, segments and products in an order of the seed."""
    random = Random(seed)
    products = sorted(str(p) for p in snapshot.frame("products")["product_id"])
    random.shuffle(products)
    tones = list(wording.rules()["openings"]["en"])
    combinations = list(itertools.product(wording.rules()["channels"], tones, _OFFERS))
    random.shuffle(combinations)
    segments = list(wording.rules()["tones"])
    for number in itertools.count():
        channel, tone, offer = combinations[number % len(combinations)]
        segment, product = segments[number % len(segments)], products[number % len(products)]
        yield Cell(segment, product, channel, "en", offer, tone)


def _write(snapshot: Snapshot, writer: Writer | None, copies: int, inputs: Inputs) -> list[_Written]:
    rows = snapshot.frame("products").set_index("product_id", drop=False)
    found: list[_Written] = []
    for cell in _cells(snapshot, inputs.seed):
        inputs.report("copies" if writer else "templates", len(found), copies)
        product: dict[str, Any] = {str(k): v for k, v in rows.loc[cell.product_id].to_dict().items()}
        texts = copy_set.write_all(snapshot, writer, [cell], variants=_VARIANTS, markets=claims.markets())
        found += [_Written(copy, cell, product) for copy in texts]
        if len(found) >= copies:
            return found[:copies]
    return found


def _first_tries(snapshot: Snapshot, writer: Writer, found: Sequence[_Written]) -> list[bool]:
    """For each cell, whether the first text that the model wrote for it could be used as its own words."""
    asks = [
        ask_for(
            snapshot,
            cell.product_id,
            cell.channel,
            tone=cell.tone,
            discount_percent=100 * cell.offer or None,
            language=cell.language,
            markets=claims.markets(),
        )
        for cell in dict.fromkeys(one.cell for one in found)
    ]
    return [copywriter.write(writer, ask, tries=1).own_words for ask in asks]


def _judged(found: Sequence[_Written], names: Sequence[str]) -> dict[str, float]:
    """What the second opinion says of the texts, and how different they are."""
    metrics = {
        "copies": float(len(found)),
        "own_words": statistics.fmean(one.copy.own_words for one in found),
        "over_limit": float(sum(copy_check.over_limit(one.copy.channel, one.copy.text) for one in found)),
        "forbidden": float(sum(bool(_claims(one)) for one in found)),
        "unsupported": float(sum(bool(_unsupported(one, names)) for one in found)),
        "wordings": float(len({_masked(one) for one in found})),
    }
    pairs = [(a, b) for a, b in itertools.pairwise(found) if a.cell is b.cell]
    if pairs:
        overlaps = [copy_score.overlap(_masked(a), _masked(b)) for a, b in pairs]
        metrics |= {
            "two_variants": 2 * len(pairs) / len(found),
            "variant_overlap": statistics.fmean(overlaps),
            "variant_overlap_max": max(overlaps),
            "distinct_2": statistics.fmean(_distinct_2([_masked(a), _masked(b)]) for a, b in pairs),
        }
    for value, texts in _grouped(found).items():
        metrics[f"own_words_{value}"] = statistics.fmean(one.copy.own_words for one in texts)
    return metrics


def _grouped(found: Sequence[_Written]) -> dict[str, list[_Written]]:
    """The texts by channel, then by tone."""
    groups: dict[str, list[_Written]] = {}
    for one in sorted(found, key=lambda one: one.cell.channel):
        groups.setdefault(one.cell.channel, []).append(one)
    for one in sorted(found, key=lambda one: one.cell.tone):
        groups.setdefault(one.cell.tone, []).append(one)
    return groups


def _claims(one: _Written) -> list[str]:
    whole = copy_check.bare(one.copy.text, one.product)
    return copy_check.claims(one.copy.text, one.product) + [str(claim) for claim in claims.forbidden(whole)]


def _unsupported(one: _Written, names: Sequence[str]) -> list[str]:
    return copy_check.unsupported(one.copy.text, one.product, one.cell.offer, names)


def _masked(one: _Written) -> str:
    """The text without its facts, so that two wordings can be told apart."""
    return re.sub(r"[£$€¥]?\d[\d.,]*\d%?|\d%?", "_", copy_check.bare(one.copy.text, one.product)).casefold()


def _distinct_2(texts: Sequence[str]) -> float:
    """Different pairs of neighbouring words, of all pairs (Li et al., 2016)."""
    pairs = [pair for text in texts for pair in itertools.pairwise(_WORD.findall(text))]
    return len(set(pairs)) / len(pairs) if pairs else 1.0


def _names(snapshot: Snapshot) -> list[str]:
    products = snapshot.frame("products")
    return sorted({str(name) for column in ("title", "brand", "category") for name in products[column].dropna()})


def _shown(found: Sequence[_Written], names: Sequence[str]) -> list[str]:
    """Each text with what is wrong with it, the faulty ones first."""
    lines = []
    for one in found:
        faults = [*_claims(one), *_unsupported(one, names)]
        faults += ["over its limit"] if copy_check.over_limit(one.copy.channel, one.copy.text) else []
        how = "own" if one.copy.own_words else "template"
        cell = one.cell
        where = f"{cell.channel} {cell.tone} {cell.offer:.0%} {one.copy.variant}"
        lines.append(f"{'; '.join(faults) or 'ok'} | {where} | {how} | {one.copy.text!r}")
    return sorted(lines, key=lambda line: line.startswith("ok"))
