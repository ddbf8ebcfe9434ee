"""Writes copy over a product's facts: the chat model tries, sentences that can't stand are dropped, the best text wins.

What is left without a text of the model's own gets a template. The chat model sees keys of facts and never a figure or
a title, so its text with references serves every product; only the checks look at one product.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from campaign import copy_score, sentences, wording
from campaign.plan import Copy
from campaign.wording import Language
from tools.base import Fact, Writer, render

ENOUGH = 0.7
"""From this score on a text is taken without another try."""

_HEADS = frozenset({"subject", "headline"})


@dataclass(frozen=True)
class Ask:
    """What is to be written: where, how, over which facts, for which markets; `available` when it can be bought."""

    channel: str
    tone: str
    language: Language
    known: Mapping[str, Fact]
    markets: tuple[str, ...]
    available: bool = True

    @property
    def offer(self) -> bool:
        """Whether there is a discount to tell of."""
        return "discount" in self.known

    @property
    def references(self) -> dict[str, Fact]:
        """The facts by the references that prose makes to them."""
        return {f"p.{key}": fact for key, fact in self.known.items()}


@dataclass(frozen=True)
class Text:
    """A text by part, its references not yet filled in, with its score; `own_words` where all parts are the model's."""

    prose: Mapping[str, str]
    own_words: bool
    score: float


def write(writer: Writer | None, ask: Ask, *, tries: int = 2) -> Text:
    """The best of the model's `tries` (fewer where one is good enough), or a template."""
    best: Text | None = None
    for known in fact_sets(ask)[:tries] if writer else []:
        assert writer is not None
        prose = _asked(writer, ask, known)
        text = usable(ask, prose)
        if text and (best is None or _worth(text) > _worth(best)):
            best = text
        if (best and best.own_words and best.score >= ENOUGH) or not _may_improve(ask, prose):
            break
    return best or template(ask)


def variants(writer: Writer | None, ask: Ask, count: int = 2) -> list[Text]:
    """Up to `count` texts that truly differ, the best first; what the model can't write differently is a template.

    A second text comes from other facts, then a near channel, then a near tone (`wording.yaml`).
    """
    chosen: list[Text] = []
    for group in _groups(ask) if writer else []:
        assert writer is not None
        found = [usable(ask, _asked(writer, request, known)) for request, known in group]
        for text in sorted((t for t in found if t), key=_worth, reverse=True):
            if len(chosen) < count and text.own_words and all(_apart(ask, text, other) for other in chosen):
                chosen.append(text)
        if len(chosen) == count:
            return chosen
    for text in _templates(ask):
        if len(chosen) < count and all(_apart(ask, text, other) for other in chosen):
            chosen.append(text)
    return chosen or [template(ask)]


def fact_sets(ask: Ask) -> list[dict[str, Fact]]:
    """The facts to give the model, try by try: all, then fewer, then in another order, which changes its words."""
    every = dict(ask.known)
    fewer = {k: f for k, f in every.items() if k != "category"}
    first = ("discount", "title", "new_price", "price") if ask.offer else ("category", "title", "price")
    turned = {k: every[k] for k in first if k in every}
    last = ("title", "new_price", "price", "discount") if ask.offer else ("price", "title", "category")
    again = {k: every[k] for k in last if k in every}
    found: dict[tuple[str, ...], dict[str, Fact]] = {}
    for known in (every, fewer, turned, again):
        found.setdefault(tuple(known), known)
    return list(found.values())


def usable(ask: Ask, prose: str) -> Text | None:
    """`prose` as a text by part, without the sentences that can't stand; None when too little is left of it."""
    written = {part: _standing(ask, part, text) for part, text in _parts(ask, prose).items()}
    names = list(wording.parts(ask.channel))
    if not sentences.references(written.get(names[-1]) or ""):
        return None
    found = {part: written.get(part) or _template_part(ask, part) for part in names}
    said = set(sentences.references("\n".join(found.values())))
    if "title" not in said or (ask.offer and not said & {"discount", "new_price"}):
        return None
    return _scored(ask, found, own_words=all(written.get(part) for part in names))


def template(ask: Ask) -> Text:
    """The text of the first templates that fit."""
    return _scored(ask, {part: _template_part(ask, part) for part in wording.parts(ask.channel)}, own_words=False)


def to_copy(ask: Ask, product_id: str, text: Text) -> Copy:
    """The text with its facts filled in, as a plan keeps it."""
    filled = {part: fill(ask, one) for part, one in text.prose.items()}
    length, limit = max((measure(ask, part, one) for part, one in filled.items()), key=lambda m: m[0] / m[1])
    used = set(sentences.references("\n".join(text.prose.values())))
    return Copy(
        channel=ask.channel,
        product_id=product_id,
        language=ask.language,
        text="\n".join(filled.values()),
        length=length,
        limit=limit,
        own_words=text.own_words,
        claims={f.display: f.source for k, f in ask.known.items() if k in used},
        offer=float(ask.known["discount"].value) if ask.offer else 0.0,
    )


def fill(ask: Ask, prose: str) -> str:
    """`prose` with its facts filled in, and what must close it."""
    return render(prose, ask.references).text + wording.ending(ask.channel, ask.language)


def measure(ask: Ask, part: str, text: str) -> tuple[int, int]:
    """Characters of a filled-in part as its channel counts them, and the most that it may have."""
    length, limit = wording.length(ask.channel, text)
    return length, wording.parts(ask.channel)[part] if limit is None else limit


def _asked(writer: Writer, ask: Ask, known: Mapping[str, Fact]) -> str:
    return writer.write("copy", {"channel": ask.channel, "tone": ask.tone, "language": ask.language}, known)


def _may_improve(ask: Ask, prose: str) -> bool:
    """Whether another try is worth its time: a model that answers in another language can't write the one asked for."""
    wanted = "another language than Chinese"
    return wanted not in wording.faults(prose, language=ask.language, offer=ask.offer, markets=())


def _groups(ask: Ask) -> Iterator[list[tuple[Ask, dict[str, Fact]]]]:
    """Requests to the model in the order in which they are tried, those of a group weighed against each other."""
    sets = fact_sets(ask)
    yield [(ask, known) for known in sets[:3]]
    yield [(ask, known) for known in sets[3:]]
    near_tones: list[str] = wording.rules()["near_tones"][ask.tone]
    for channel in wording.rules()["near_channels"].get(ask.channel, []):
        yield [(replace(ask, channel=channel), known) for known in sets[:2]]
    for tone in near_tones:
        yield [(replace(ask, tone=tone), known) for known in sets[:2]]


def _worth(text: Text) -> tuple[bool, float]:
    return text.own_words, text.score


def _apart(ask: Ask, one: Text, other: Text) -> bool:
    return copy_score.different(one.prose, other.prose, ask.language)


def _parts(ask: Ask, prose: str) -> dict[str, str]:
    """What the model wrote, by part; a single line on a channel of two parts is the second."""
    names, prose = list(wording.parts(ask.channel)), prose.strip()
    if len(names) == 1:
        return {names[0]: prose.removeprefix("Subject: ")}
    head, _, rest = prose.partition("\n")
    found = {names[0]: head, names[1]: rest} if rest.strip() else {names[1]: prose}
    return {part: text.strip().removeprefix("Subject:").strip() for part, text in found.items()}


def _standing(ask: Ask, part: str, text: str) -> str | None:
    """The sentences of a part that can stand, as many as fit; None when a head can't, or nothing is left."""
    text = " ".join((wording.plain_marks(text) if ask.channel == "sms" else text).split())
    head = part in _HEADS
    kept = [one for one in ([text] if head else sentences.sentences(text)) if one and _stands(ask, one, head=head)]
    while len(kept) > 1 and not _fits(ask, part, _joined(ask, kept)):
        spare = [n for n, one in enumerate(kept) if not sentences.references(one)]
        del kept[spare[-1] if spare else -1]
    whole = _joined(ask, kept)
    return whole if kept and _fits(ask, part, whole) else None


def _stands(ask: Ask, sentence: str, *, head: bool) -> bool:
    if wording.faults(
        sentence, language=ask.language, offer=ask.offer, channel=ask.channel, markets=ask.markets
    ) and not (head and _bare(sentence)):
        return False
    if not ask.available and wording.says(sentence, wording.rules()["available"][ask.language]):
        return False
    loose = sentences.loose(sentence, language=ask.language, offer=ask.offer, known=list(ask.known))
    return not [one for one in loose if not (head and one == sentences.NO_FACT)]


def _bare(sentence: str) -> bool:
    """Whether a head is references alone, which is no language."""
    return not sentences.REFERENCE.sub("", sentence).strip()


def _joined(ask: Ask, kept: list[str]) -> str:
    return ("" if ask.language == "zh" else " ").join(kept)


def _fits(ask: Ask, part: str, prose: str) -> bool:
    try:
        length, limit = measure(ask, part, fill(ask, prose))
    except KeyError:  # a reference to a fact that was not given
        return False
    return length <= limit


def _scored(ask: Ask, prose: Mapping[str, str], *, own_words: bool) -> Text:
    sizes = [measure(ask, part, fill(ask, one)) for part, one in prose.items()]
    full = max(length / limit for length, limit in sizes)
    score = copy_score.score(prose, language=ask.language, tone=ask.tone, offer=ask.offer, fullness=full)
    return Text(prose, own_words, score)


def _template_part(ask: Ask, part: str, skip: int = 0) -> str:
    """The first template of the part, after `skip`, whose facts are known and which fits; else the tone's opening."""
    options = wording.templates(ask.channel, part, language=ask.language, offer=ask.offer, tone=ask.tone)
    fitting = [o for o in options if set(sentences.references(o)) <= set(ask.known) and _fits(ask, part, o)]
    last: str = wording.rules()["openings"][ask.language][ask.tone]
    return (fitting[skip:] or fitting or [last])[0]


def _templates(ask: Ask) -> Iterator[Text]:
    """Templates in the asked tone and its neighbours, the preferred first."""
    for tone in (ask.tone, *wording.rules()["near_tones"][ask.tone]):
        for skip in (0, 1, 2):
            toned = replace(ask, tone=tone)
            prose = {part: _template_part(toned, part, skip) for part in wording.parts(ask.channel)}
            yield _scored(ask, prose, own_words=False)
