"""From the model's raw answer to what is shown: faulty sentences left out, references filled in, or a safe template."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agent import claims
from llm.grammar import SAID_ALL
from tools.base import BRIEF_ROWS, REFERENCE, Call, Fact, Rendered, render

_LABELS = {
    "buy_chance": "chance of a purchase",
    "share": "share",
    "quiet": "time since the last order",
    "low": "lower end",
    "high": "upper end",
    "holdout": "hold-out",
    "left_out": "left out",
    "kept": "better kept",
    "mailable": "may be mailed",
    "anchor": "goes with",
    "cover": "lasts",
    "new_price": "reduced price",
    "best_kept": "best share kept",
    "revenue_share": "share of revenue",
    "return": "brings back",
}


@dataclass(frozen=True)
class Finished:
    """An answer ready to show; `raw` keeps its references, `fallback` says that it is the safe template."""

    raw: str
    rendered: Rendered
    fallback: bool
    faults: tuple[claims.Fault, ...]


def finish(raw: str, calls: Sequence[Call], fresh: Sequence[Call], names: claims.Names) -> Finished:
    """What to show for the model's `raw` answer.

    `calls` are all calls in sight, `fresh` those of this turn. Sentences with a fault are left out; if then
    nothing is left, or no reference although the turn's last result owes one, the template speaks.
    """
    ground = claims.Ground.of(calls, names)
    kept: list[str] = []
    faults: list[claims.Fault] = []
    for sentence in claims.sentences(raw):
        found = claims.check_sentence(sentence, ground)
        faults += found
        if not found:
            kept.append(sentence)
    text = raw.strip() if not faults else " ".join(kept)
    if text and (not fresh or fresh[-1].result.cue in SAID_ALL or REFERENCE.search(text)):
        text += _others(text, fresh)
        return Finished(text, render(text, ground.known), False, tuple(faults))
    safe = template(fresh)
    return Finished(safe, render(safe, ground.known), True, tuple(faults))


def _others(text: str, fresh: Sequence[Call]) -> str:
    """A sentence that names the rows which the answer leaves out, where a number of them was asked for."""
    last = fresh[-1] if fresh else None
    if last is None or last.result.failed or "limit" not in last.arguments:
        return ""
    said = set(REFERENCE.findall(text))
    titles = [f"{last.letter}{n}.title" for n, row in enumerate(last.result.rows, start=1) if "title" in row.facts]
    left = [f"{{{title}}}" for title in titles if title not in said]
    if not left or len(left) == len(titles):
        return ""
    return " Also: " + (", ".join(left[:-1]) + " and " if len(left) > 1 else "") + left[-1] + "."


def template(calls: Sequence[Call]) -> str:
    """A plain list of the last result's facts, as references: dull, and always true."""
    if not calls:
        return "I am not sure how to put this. Could you ask in other words?"
    last = calls[-1]
    parts = [f"{_label(key)} {{{last.letter}.{key}}}" for key in last.result.facts]
    if last.result.failed:
        return f"That did not work: {{{last.letter}.message}}."
    lines = ["Here is what I found" + (f": {'; '.join(parts)}." if parts else ".")]
    for number, row in enumerate(last.result.rows[:BRIEF_ROWS], start=1):
        lines.append(_row(f"{last.letter}{number}", row.facts))
    return "\n".join(lines)


def _row(level: str, facts: Mapping[str, Fact]) -> str:
    head, *rest = facts
    details = ", ".join(f"{_label(key)} {{{level}.{key}}}" for key in rest)
    return f"- {{{level}.{head}}}" + (f": {details}" if details else "")


def _label(key: str) -> str:
    return _LABELS.get(key, key.replace("_", " "))
