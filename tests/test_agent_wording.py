"""What words claim without a figure: movements, stock, evidence, verdicts, causes and certainty against the cues."""

import pytest

from agent.wording import Cue, unfounded


def _cues(**levels: tuple[str, str]) -> dict[str, Cue]:
    return {level: Cue(tool, frozenset(words.split())) for level, (tool, words) in levels.items()}


FORECAST = _cues(a=("forecast_sales", "down"))
PICKS = _cues(
    a=("recommend_products", "personal"),
    a1=("recommend_products", "together weak"),
    a2=("recommend_products", "similar strong"),
)
FOUND = _cues(a=("search_products", "found"), a1=("search_products", "out"), a2=("search_products", "available"))
DRAFT = _cues(a=("draft_campaign", "risky"))


@pytest.mark.parametrize(
    ("sentence", "cues"),
    [
        ("{a.target} should sell {a.units} units, which is a decline of {a.change}.", FORECAST),
        ("I see no growth for {a.target}.", FORECAST),
        ("Between {a.low} and {a.high} units, down to {a.low} at worst.", FORECAST),
        ("{a1.title} and {a2.title} cost {a1.price} and {a2.price}.", PICKS),
        ("{a1.title} comes before the rest. The others are {a2.title} and {a3.title}.", PICKS),
        ("{a1.title} was bought together with {a1.anchor}, though the evidence is weak.", PICKS),
        ("{a2.title} reads much like {a2.anchor}, because the descriptions match by {a2.similarity}.", PICKS),
        ("{a1.title} costs {a1.price} and is sold out, {a2.title} is in stock.", FOUND),
        ("The plan may end in a loss, since the range starts at {a.low}.", DRAFT),
        ("The last order was {a.quiet} ago; it has been quiet since the last order.", {}),
        ("That is no guarantee, and nobody can promise more.", {}),
        ("It has not been shown again since {a.start}.", {}),
    ],
)
def test_what_the_cues_carry_passes(sentence: str, cues: dict[str, Cue]) -> None:
    assert unfounded(sentence, cues) == []


@pytest.mark.parametrize(
    ("sentence", "cues", "reason"),
    [
        ("Sales of {a.target} will climb to {a.units} units.", FORECAST, "where the result says down"),
        ("Business picks up.", FORECAST, "where the result says down"),
        ("Expect between {a.high} and {a.low} units.", FORECAST, "lower and the upper end"),
        ("At least {a.high} units will go.", FORECAST, "lower and the upper end"),
        ("{a1.title} costs {a2.price}.", PICKS, "a figure of a2"),
        ("{a1.title} has strong evidence.", PICKS, "where the result says weak"),
        ("{a1.title} is similar to {a1.anchor}.", PICKS, "where the evidence is together"),
        ("{a1.title} is available at {a1.price}.", FOUND, "sold out"),
        ("{a2.title} is sold out.", FOUND, "available"),
        ("The plan is safe, with {a.profit} expected.", DRAFT, "where the result says risky"),
        ("Sales fall because the weather was bad.", FORECAST, "a cause"),
        ("{a.units} units will go, thanks to our newsletter.", FORECAST, "a cause"),
        ("Summer is over, which is why {a.units} units remain.", FORECAST, "a cause"),
        ("{a.units} units will definitely go.", FORECAST, "promises"),
        ("The rest: {a1.title} and {a2.title}.", PICKS, "calls a1 one of the rest"),
    ],
)
def test_what_no_cue_carries_is_named(sentence: str, cues: dict[str, Cue], reason: str) -> None:
    assert any(reason in found for found in unfounded(sentence, cues))
