"""Words of product texts and queries: tokens for BM25, and tolerant matching of category names."""

import difflib
import re
from collections.abc import Iterable

MAX_CHARACTERS = 5000
"""Longer texts are cut before they are split into words."""

_WORD = re.compile(r"[^\W_]+")
_SINGLE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")  # scripts that put no blanks between words
STOP = frozenset(
    re.findall(
        r"\w+",
        "a an and any are as at be by can do for from give have i in is it me my of on or our please show some "
        "something that the their them these this those to us we what which with you your",
    )
)


def tokens(text: str) -> list[str]:
    """The words of `text` in lower case and singular, without stop words; `[]` for emoji alone.

    >>> tokens("The Enamel Camping Kettles, 2 boxes")
    ['enamel', 'camping', 'kettle', '2', 'box']
    """
    found: list[str] = []
    for word in _WORD.findall(text[:MAX_CHARACTERS].lower().replace("'s", "")):
        if _SINGLE.search(word):
            found.extend(word)
        elif word not in STOP:
            found.append(singular(word))
    return found


def singular(word: str) -> str:
    """A plain English plural's singular; other words unchanged.

    >>> [singular(w) for w in ("lanterns", "berries", "boxes", "glass", "bus")]
    ['lantern', 'berry', 'box', 'glass', 'bus']
    """
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("ches", "shes", "sses", "xes", "zes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def match_categories(known: Iterable[str], wanted: str, *, strict: bool = False) -> list[str]:
    """The categories of `known` that `wanted` means, `[]` when none does.

    Without case, in singular or plural; else those whose words contain the wanted ones ("lighting" finds
    "Garden Lighting"). Unless `strict`, else those whose words are all wanted; else the closest spelling.

    >>> match_categories(["Garden", "Home & Kitchen", "Tea"], "kitchens")
    ['Home & Kitchen']
    """
    wish = set(tokens(wanted))
    if not wish:
        return []
    names = sorted(set(known))
    by_name = {name: set(tokens(name)) for name in names}
    found = [name for name, words in by_name.items() if words == wish]
    found = found or [name for name, words in by_name.items() if wish <= words]
    if strict or found:
        return found
    found = [name for name, words in by_name.items() if words and words <= wish]
    if found:
        return found
    spelt = {" ".join(tokens(name)): name for name in names}
    close = difflib.get_close_matches(" ".join(tokens(wanted[:100])), list(spelt), n=1, cutoff=0.8)
    return [spelt[one] for one in close]
