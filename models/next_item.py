"""Which item someone takes next: transitions, two regressions and a transformer propose, trees order the best."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.reranking import Reranker, Tops, worth
from models.sequence import NextItemTransformer, Settings
from models.transitions import Log, Sequences, ahead, alike, slowly, steeply, transitions

PARTS = ("transitions", "alike", "ahead", "transformer")
POOL = 100
"""Items that each part proposes for one person; the sum ranks what any of them proposed."""
STEPS = (0.0, 0.15, 0.3, 0.5, 0.75, 1.0, 1.5)
"""Weights that are tried for each part beside the transitions' 1."""
CHOOSERS = 20_000
"""People on whose last item the weights are chosen, and the trees fitted."""
RERANKED = 50
"""Of each person's list by weighted sum so many are put in order again by the trees."""
SEEN_AT_ONCE = 6_000_000

Scores = NDArray[np.float32]
Part = Callable[["Histories"], Scores]


class Histories:
    """Some people's histories, one by one and as a log."""

    def __init__(self, sequences: Sequences, items: int) -> None:
        self.sequences = sequences
        self.log = Log.of(sequences, items)


@dataclass(frozen=True)
class Proposals:
    """The items proposed for each of some people, (people × widest), -1 where there are fewer, and what each part
    gives them, (people × widest × parts).
    """

    items: NDArray[np.int64]
    values: Scores
    histories: Sequences

    def top(self, weights: Mapping[str, float], limit: int) -> Tops:
        """The best `limit` of each by the weighted sum, best first."""
        sums = self._sums(weights)
        order = np.argsort(-sums, axis=1, kind="stable")[:, :limit]
        return Tops(
            items=np.take_along_axis(self.items, order, axis=1),
            sums=np.take_along_axis(sums, order, axis=1),
            values=np.take_along_axis(self.values, order[..., None], axis=1),
            histories=self.histories,
        )

    def places(self, weights: Mapping[str, float], wanted: NDArray[np.int64]) -> NDArray[np.float64]:
        """At which place, from 0, each one's `wanted` item comes; infinite where nobody proposed it."""
        sums = self._sums(weights)
        right = self.items == wanted[:, None]
        own = np.where(right, sums, -np.inf).max(axis=1, initial=-np.inf)
        return np.where(right.any(axis=1), (sums > own[:, None]).sum(axis=1), np.inf)

    def _sums(self, weights: Mapping[str, float]) -> NDArray[np.float64]:
        sums = self.values.astype(np.float64) @ np.array([weights.get(part, 0.0) for part in PARTS])
        return np.where(self.items >= 0, sums, -np.inf)


class NextItem:
    """Ranks the items that a person has not taken yet by how likely each is the next.

    Four parts see a history differently: `transitions` (what follows what), `alike` (EASE: who takes these takes
    those), `ahead` (a regression of the later on the earlier) and `transformer` (self-attention over the order).
    Each is scaled to a deviation of 1 over the items, and their weights are those that rank everyone's last
    known item best, when all parts are fitted without it; trees fitted on the same items order the top of the lists
    again where that proves better. Then the parts are fitted again on all, the transformer by going on.
    """

    def __init__(self, *, transformer: Settings | None = None, regressed: int | None = None) -> None:
        self._transformer = transformer or Settings()
        self._limits = {} if regressed is None else {"limit": regressed}
        self.weights: dict[str, float] = {}
        self.reranker: Reranker | None = None
        self._parts: dict[str, Part] = {}
        self._items = 0

    def fit(
        self, sequences: Sequences, items: int, *, seed: int = 0, told: Callable[[str, float], None] | None = None
    ) -> NextItem:
        """Fits on `sequences` of item numbers below `items`; `told` hears what is being done and how far it is."""
        tell = told or _silent
        self._items, self.reranker = items, None
        tell("fitting without the last items", 0.0)
        network = NextItemTransformer(self._transformer)
        earlier = [sequence[:-1] for sequence in sequences]
        network.fit(earlier, items, seed=seed)
        self._learn(earlier, network)
        tell("choosing the weights", 0.4)
        self._choose([sequence for sequence in sequences if len(sequence) > 1], seed)
        tell("fitting with them", 0.6)
        self._learn(sequences, network.fit_further(sequences, seed=seed))
        tell("fitting with them", 1.0)
        return self

    def rank(self, histories: Sequences, limit: int) -> NDArray[np.int64]:
        """The `limit` best items for each history, best first, (people × limit); -1 where no more are left."""
        blocks = [self.ranked(block, limit) for block in self.proposals(histories)]
        return np.concatenate(blocks) if blocks else np.zeros((0, limit), dtype=np.int64)

    def ranked(self, block: Proposals, limit: int, *, weights: Mapping[str, float] | None = None) -> NDArray[np.int64]:
        """The same for what was proposed; `weights` give the order of another weighted sum, without trees."""
        top = block.top(weights or self.weights, max(limit, RERANKED))
        ours = self.reranker.ordered(top) if self.reranker and not weights else top.items
        best = ours[:, :limit]
        return np.pad(best, ((0, 0), (0, limit - best.shape[1])), constant_values=-1)

    def proposals(self, histories: Sequences) -> Iterator[Proposals]:
        """What the parts propose, for some people at a time, in order."""
        step = max(1, SEEN_AT_ONCE // max(self._items, 1))
        for start in range(0, len(histories), step):
            some = Histories(histories[start : start + step], self._items)
            yield _proposed(np.stack([_scaled(part(some)) for part in self._parts.values()]), some)

    def _learn(self, sequences: Sequences, network: NextItemTransformer) -> None:
        log = Log.of(sequences, self._items)
        follows, together, later = transitions(log), alike(log, **self._limits), ahead(log, **self._limits)
        # A whisper of popularity, so that someone of whom nothing is known sees what most take.
        popular = (log.counts / max(log.counts.max(initial=0.0), 1.0) * 1e-6).astype(np.float32)
        if self.reranker is None:
            self.reranker = Reranker(log.counts, follows, PARTS)
        self.reranker.look_at(log.counts, follows)
        self._parts = {
            "transitions": lambda some: (some.log.histories(steeply) @ follows).toarray() + popular,
            "alike": lambda some: together.scores(some.log.histories(slowly)),
            "ahead": lambda some: later.scores(some.log.histories(steeply)),
            "transformer": lambda some: network.scores(some.sequences),
        }

    def _choose(self, sequences: Sequences, seed: int) -> None:
        """Weights by coordinate ascent on hit rate and NDCG at 10 of the last items of some people, then the trees."""
        weights = self.weights = {"transitions": 1.0, "alike": 0.5, "ahead": 0.5, "transformer": 0.5}
        if not len(sequences) or self.reranker is None:
            return
        some = np.random.default_rng(seed).permutation(len(sequences))[:CHOOSERS]
        wanted = np.array([sequences[row][-1] for row in some])
        blocks = list(self.proposals([sequences[row][:-1] for row in some]))
        sizes = np.cumsum([len(block.items) for block in blocks])[:-1]

        def value(tried: Mapping[str, float]) -> float:
            pairs = zip(blocks, np.split(wanted, sizes), strict=True)
            return worth(np.concatenate([block.places(tried, own) for block, own in pairs]))

        for _ in range(3):
            before = dict(weights)
            for part in PARTS[1:]:
                weights[part] = max(STEPS, key=lambda step: value(weights | {part: step}))
            if weights == before:
                break
        self.reranker.fit([block.top(weights, RERANKED) for block in blocks], wanted, seed=seed)


def _silent(what: str, share: float) -> None:
    """For callers who want to hear nothing."""


def _scaled(scores: Scores) -> Scores:
    """Each row less its mean, with a deviation of 1; a row of one value throughout becomes 0."""
    spread = scores.std(axis=1, keepdims=True)
    return np.asarray((scores - scores.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1.0))


def _proposed(scores: Scores, histories: Histories) -> Proposals:
    """`scores` is (parts × people × items)."""
    log = histories.log
    people, items = scores.shape[1:]
    taken = np.zeros((people, items), dtype=bool)
    taken[log.person, log.item] = True
    chosen = np.zeros_like(taken)
    pool = min(POOL, items)
    for part in scores:
        best = np.argpartition(np.where(taken, -np.inf, part), items - pool, axis=1)[:, items - pool :]
        np.put_along_axis(chosen, best, True, axis=1)
    chosen &= ~taken
    rows, columns = np.nonzero(chosen)
    counts = chosen.sum(axis=1)
    place = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    found = np.full((people, int(counts.max(initial=0))), -1, dtype=np.int64)
    values = np.zeros((*found.shape, len(scores)), dtype=np.float32)
    found[rows, place] = columns
    values[rows, place] = scores[:, rows, columns].T
    return Proposals(found, values, histories.sequences)
