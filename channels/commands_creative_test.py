"""`shopkeeper creative-test`: which words work, several factors at once, planned, shown and judged."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from channels.options import DEFAULT_STORE, DebugOption, StoreOption
from data.errors import SettingError

if TYPE_CHECKING:
    from campaign.creative_test import Comparison, CreativeTest, Judgement
    from channels.terminal import Screen

creative_tests = typer.Typer(
    help="Tests of words: subjects, tones, offers, several factors at once.", no_args_is_help=True
)
FOLDER = "creative-tests"
NameArgument = Annotated[str, typer.Argument(help="The test's name, such as spring-subjects.", show_default=False)]


@creative_tests.command("plan")
def plan_test(
    *,
    name: NameArgument,
    factor: Annotated[
        list[str],
        typer.Option(
            "--factor", metavar="NAME=A,B", help="What varies, and its levels; the first is today's. Repeat it."
        ),
    ],
    baseline: Annotated[float, typer.Option("--baseline", help="The rate of answers today, such as 0.05.")],
    matters: Annotated[
        float, typer.Option("--matters", help="The smallest change of the rate that you would act on, such as 0.01.")
    ],
    fraction: Annotated[
        int, typer.Option("--fraction", help="2 or 4: write a half or a quarter of the combinations only.")
    ] = 1,
    store: StoreOption = None,
    _debug: DebugOption = False,
) -> None:
    """Plans a test: its combinations, how many customers it takes, and when it stops.

    Each customer gets one combination by a hash of the name and the customer's id. A test is not changed later.

    Examples:

    - `shopkeeper creative-test plan spring --factor tone=warm,bold --baseline 0.05 --matters 0.01`
    - `shopkeeper creative-test plan mail --factor subject=a,b --factor tone=warm,bold --baseline 0.1 --matters 0.02`
    """
    from campaign import creative_test, plan_files
    from channels.terminal import Screen

    if fraction not in {1, 2, 4}:
        raise SettingError(f"there is no 1/{fraction} of a test: give --fraction 2 or 4, or leave it out")
    test = creative_test.planned(name, _factors(factor), baseline=baseline, matters=matters, of=fraction)
    screen = Screen()
    path = plan_files.write((store or DEFAULT_STORE) / FOLDER, name, test.to_json())
    screen.say(f"Test {name}: {len(test.design.cells)} combinations, {test.customers:,} customers at most.")
    screen.table(
        ["combination", *test.design.factors], [[str(n), *cell] for n, cell in enumerate(test.design.cells, 1)]
    )
    screen.note(
        f"A change of {_points(matters)} from {100 * baseline:g}% is found in at least 4 of 5 tests. Look as often as "
        "you like: it stops once all is clear, and at that number of customers whatever it says."
    )
    screen.say(f"→ {path}")
    screen.say(f"Next: shopkeeper creative-test assign {name} customers.csv{_at(store)}")


@creative_tests.command("assign")
def assign_test(
    *,
    name: NameArgument,
    customers: Annotated[Path, typer.Argument(help="A file with a column customer_id.", show_default=False)],
    out: Annotated[Path | None, typer.Option("--out", help="The file to write; NAME-cells.csv unless given.")] = None,
    store: StoreOption = None,
    _debug: DebugOption = False,
) -> None:
    """Writes which combination each customer gets, as CSV: customer_id, combination, and a column a factor.

    Example:

    - `shopkeeper creative-test assign spring customers.csv --out spring-cells.csv`
    """
    from campaign import creative_test
    from channels.result_files import customers_of
    from channels.terminal import Screen

    test = creative_test.read((store or DEFAULT_STORE) / FOLDER, name)
    ids = customers_of(customers)["customer_id"].tolist()
    cells = test.design.assign(test.name, ids)
    numbers = {cell: number for number, cell in enumerate(test.design.cells, 1)}
    cells.insert(0, "combination", [numbers[tuple(row)] for row in cells.itertuples(index=False)])
    path = out or Path(f"{name}-cells.csv")
    cells.to_csv(path)
    Screen().say(f"→ {path}  {len(cells):,} customers in {len(numbers)} combinations")


@creative_tests.command("results")
def judge_test(
    *,
    name: NameArgument,
    results: Annotated[
        Path, typer.Argument(help="A file with the columns customer_id and outcome, 1 or 0.", show_default=False)
    ],
    store: StoreOption = None,
    _debug: DebugOption = False,
) -> None:
    """Says what the results so far show, and whether to stop.

    Give all results since the start each time; a customer who did not answer counts with 0. The intervals hold however
    often you look. The same file gives the same verdict.

    Example:

    - `shopkeeper creative-test results spring results.csv`
    """
    from campaign import creative_test
    from channels.result_files import customers_of, numbers
    from channels.terminal import Screen

    test = creative_test.read((store or DEFAULT_STORE) / FOLDER, name)
    rows = customers_of(results, "outcome")
    rows["outcome"] = numbers(results, rows, "outcome", least=0.0, most=1.0)
    _tell(Screen(), test, creative_test.judge(test, rows))


def _tell(screen: Screen, test: CreativeTest, found: Judgement) -> None:
    screen.say(f"Test {test.name}: {found.seen:,} of at most {test.customers:,} customers seen.")
    for one in found.comparisons:
        screen.say(f"  {_words(one)}")
    if not found.over:
        screen.say("Go on: not everything is clear yet. Nothing is lost by looking again later.")
        return
    chosen = ", ".join(f"{factor}={level}" for factor, level in found.best.items())
    screen.say(f"Stop. Go on with {chosen}.")
    if found.seen >= test.customers and any(one.look.call == "open" for one in found.comparisons):
        screen.note("What is still unclear differs by too little for this test to tell; the first level stays.")
    for term in found.terms:
        if term.clear and " × " in term.name:
            alike = f", which this fraction cannot tell from {', '.join(term.same_as)}" if term.same_as else ""
            screen.note(f"Together, {term.name} adds {_points(term.effect)} ({_range(term.low, term.high)}){alike}.")


def _words(one: Comparison) -> str:
    seen, pair = one.look, f"{one.factor}: {one.level} against {one.base}"
    if seen.call == "better":
        return f"{pair}: better by {_points(seen.difference)} ({_range(seen.low, seen.high)})"
    if seen.call == "worse":
        return f"{pair}: worse by {_points(-seen.difference)} ({_range(-seen.high, -seen.low)})"
    if seen.call == "alike":
        return f"{pair}: no difference that matters ({_range(seen.low, seen.high)})"
    if abs(seen.low) > 1 or abs(seen.high) > 1:
        return f"{pair}: too early to say anything"
    return f"{pair}: open, {_points(seen.difference)} so far ({_range(seen.low, seen.high)})"


def _factors(given: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for text in given:
        name, mark, levels = text.partition("=")
        if not mark or not name.strip():
            raise SettingError(f"--factor {text} is not NAME=A,B: write it as tone=friendly,playful")
        if name.strip() in found:
            raise SettingError(f"the factor {name.strip()} is given twice: put all its levels into one --factor")
        found[name.strip()] = [level.strip() for level in levels.split(",") if level.strip()]
    return found


def _points(share: float) -> str:
    """A share in percentage points, as a person says it."""
    shown = f"{100 * share:.2g}" if abs(share) < 0.1 else f"{100 * share:.0f}"
    return f"{shown} percentage point{'' if shown == '1' else 's'}"


def _range(low: float, high: float) -> str:
    return f"{100 * low:.1f} to {100 * high:.1f}"


def _at(store: Path | None) -> str:
    return "" if store is None or store == DEFAULT_STORE else f" --store {store}"
