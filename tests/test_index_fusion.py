"""Learned search: channels, features and the fusion, on a catalogue in miniature."""

import numpy as np
import pytest

from index.adapter import Adapter
from index.channels import CHANNELS, COVERAGE, Channels
from index.embed import Vectors
from index.fusion import FEATURES, Judged, LearnedSearch, _label

THINGS = "faucet hammer ladder mower heater lantern shovel bucket drill saw".split()
KINDS = "steel brass copper oak garden kitchen bath cordless folding solar".split()
TITLES = [f"{kind} {thing} {size} in." for thing in THINGS for kind in KINDS for size in (2, 4)]


def vectors_of(texts: list[str], seed: int = 0) -> Vectors:
    """Each word has a random direction."""
    rng = np.random.default_rng(seed)
    directions = {word: rng.normal(size=32) for word in sorted({w for text in TITLES for w in text.split()})}
    found = np.array(
        [sum((directions.get(w, np.zeros(32)) for w in text.split()), np.full(32, 1e-3)) for text in texts]
    )
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def channels() -> Channels:
    return Channels(TITLES, vectors_of(TITLES))


def best(scores: Vectors) -> str:
    return TITLES[int(np.argmax(scores))]


def test_every_channel_scores_every_title(channels: Channels) -> None:
    scores = channels.scores("brass faucet", vectors_of(["brass faucet"])[0])
    assert set(scores) == set(CHANNELS)
    assert all(values.shape == (len(TITLES),) for values in scores.values())
    assert all("brass faucet" in best(values) for values in scores.values())


@pytest.mark.parametrize("query", ["brass fauset", "brassfaucet", "Faucets of BRASS"])
def test_words_survive_spelling_and_order(channels: Channels, query: str) -> None:
    assert "brass faucet" in best(channels.scores(query, vectors_of([query])[0])["words"])


def test_coverage_by_hand(channels: Channels) -> None:
    at = np.array([TITLES.index("brass faucet 4 in."), TITLES.index("oak ladder 2 in.")])
    found = dict(zip(COVERAGE, channels.coverage("faucet 4 inch zzzz", at).T.tolist(), strict=True))
    assert found["covered"] == [0.75, 0.25]  # faucet, 4, in; zzzz is in no title
    assert found["numbers_found"] == [1, 0]
    assert found["numbers_missing"] == [0, 1]
    assert found["first_found"] == [1, 0]
    assert found["query_length"] == [4, 4]


@pytest.mark.parametrize("query", ["", "😀", "!!!", "of the"])
def test_odd_queries_do_not_fail(channels: Channels, query: str) -> None:
    at = np.arange(3)
    assert np.isfinite(channels.coverage(query, at)).all()
    assert all(np.isfinite(values).all() for values in channels.scores(query, vectors_of([query])[0]).values())


def test_the_maps_bring_searches_to_their_titles() -> None:
    rng = np.random.default_rng(1)
    titles = rng.normal(size=(300, 16)).astype(np.float32)
    titles /= np.linalg.norm(titles, axis=1, keepdims=True)
    asked = np.ascontiguousarray(titles[:, ::-1])  # whoever asks speaks another language
    pairs = np.tile(np.arange(300), 7)
    adapter = Adapter.fit(asked, titles, pairs, pairs)
    before = (asked * titles).sum(axis=1).mean()
    after = (adapter.of_queries(asked) * adapter.of_titles(titles)).sum(axis=1).mean()
    assert after > before + 0.005


def slang() -> Judged:
    """Shoppers call a faucet "tap", and want the second kind of any thing least of all."""
    names = {thing: thing for thing in THINGS} | {"faucet": "tap"}
    queries, query, title, relevance = [], [], [], []
    for thing in THINGS:
        for kind in KINDS:
            queries.append(f"{kind} {names[thing]}")
            for size, value in ((2, 3.0), (4, 1.0)):
                query.append(len(queries) - 1)
                title.append(TITLES.index(f"{kind} {thing} {size} in."))
                relevance.append(value)
    return Judged(queries, vectors_of(queries), np.array(query), np.array(title), np.array(relevance))


def test_the_fusion_learns_what_people_judged() -> None:
    judged = slang()
    model = LearnedSearch(TITLES, vectors_of(TITLES)).fit(judged)
    first = [best(model.scores(query, vector)) for query, vector in zip(judged.queries, judged.vectors, strict=True)]
    right = [TITLES[int(at)] for at in judged.title[judged.relevance > 2]]
    assert np.mean([found == wanted for found, wanted in zip(first, right, strict=True)]) > 0.8
    assert model._ranker is not None
    assert model._ranker.num_feature() == len(FEATURES)


def test_a_search_does_not_see_its_own_judgements() -> None:
    judged = slang()
    model = LearnedSearch(TITLES, vectors_of(TITLES)).fit(judged)
    asked = judged.vectors[0]
    with_itself, without = model._others(asked, None), model._others(asked, 0)
    own = judged.title[judged.query == 0]
    assert (with_itself[own] != without[own]).all()


@pytest.mark.parametrize("relevance", [1.0, 3.0])
def test_with_few_judgements_the_plain_sum_ranks(relevance: float) -> None:
    at = np.array([TITLES.index("oak saw 2 in.")])
    judged = Judged(["oak saw"], vectors_of(["oak saw"]), np.array([0]), at, np.array([relevance]))
    model = LearnedSearch(TITLES, vectors_of(TITLES)).fit(judged)
    assert "oak saw" in best(model.scores("oak saw", vectors_of(["oak saw"])[0]))


def test_the_same_judgements_give_the_same_order() -> None:
    judged = slang()
    one, two = (LearnedSearch(TITLES, vectors_of(TITLES)).fit(judged) for _ in range(2))
    np.testing.assert_array_equal(
        one.scores("solar tap", judged.vectors[3]), two.scores("solar tap", judged.vectors[3])
    )


def test_relevance_as_a_label() -> None:
    assert [_label(relevance) for relevance in (1.0, 2.0, 3.0)] == [0, 0, 1]
