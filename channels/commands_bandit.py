"""`shopkeeper bandit`: moves messages to what works while a campaign runs, batch by batch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from channels.options import DEFAULT_STORE, DebugOption, StoreOption, at_store, records_of, store_at
from data.errors import CampaignError, SettingError

if TYPE_CHECKING:
    from campaign.switching import Standing, Switching
    from data.operations import Operations
    from data.store import Store

bandits = typer.Typer(
    help="Messages that move to what works, with the chance of each decision kept.", no_args_is_help=True
)
FOLDER = "bandits"
NameArgument = Annotated[str, typer.Argument(help="The bandit's name, such as winter-letters.", show_default=False)]


@bandits.command("plan")
def plan_bandit(
    *,
    name: NameArgument,
    action: Annotated[
        list[str],
        typer.Option("--action", metavar="NAME=COST", help="What may be done, and its cost each time. Repeat it."),
    ],
    worth: Annotated[float, typer.Option("--worth", help="About what an order brings, in the shop's money.")],
    days: Annotated[float, typer.Option("--days", help="Days in which an order counts as an answer.")] = 14.0,
    margin: Annotated[float, typer.Option("--margin", help="The share of revenue that is kept.")] = 0.4,
    floor: Annotated[float, typer.Option("--floor", help="The share of decisions left to pure chance.")] = 0.1,
    store: StoreOption = None,
    _debug: DebugOption = False,
) -> None:
    """Plans a bandit: its actions and what they cost. With an action none it learns whom to leave alone, too.

    Examples:

    - `shopkeeper bandit plan winter --action none=0 --action email=0.01 --action sms=0.05 --worth 40`
    - `shopkeeper bandit plan subjects --action plain=0 --action question=0 --worth 40 --days 7 --margin 0.35`
    """
    from campaign import plan_files, switching
    from channels.terminal import Screen

    made = switching.planned(name, _costs(action), days=days, margin=margin, scale=worth * margin, floor=floor)
    path = plan_files.write((store or DEFAULT_STORE) / FOLDER, name, made.to_json())
    screen = Screen()
    screen.say(f"→ {path}")
    screen.say(f"Next: shopkeeper bandit decide {name} customers.csv")


@bandits.command("decide")
def decide_batch(
    *,
    name: NameArgument,
    customers: Annotated[Path, typer.Argument(help="A file with a column customer_id.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option("--out", help="The file to write; NAME-batch-1.csv and so on unless given.")
    ] = None,
    store: StoreOption = None,
    _debug: DebugOption = False,
) -> None:
    """Decides for a batch of customers by what is known so far, keeps the decisions, and writes them as CSV.

    The first batch is chance alone. Each decision's propensity is kept, so that the log can be judged fairly later.
    Where actions are called email or sms (or email-short and the like), whoever has not consented to these is left out.

    Example:

    - `shopkeeper bandit decide winter customers.csv --out batch-1.csv`
    """
    import pandas as pd

    from campaign import bandit, switching
    from campaign.policy_value import known_before
    from channels.mail.worker import wall_clock
    from channels.options import require_customer
    from channels.result_files import customers_of
    from channels.terminal import Screen

    ids = [str(one) for one in customers_of(customers)["customer_id"]]
    with _open(name, store) as (place, operations, plan):
        snapshot = place.snapshot()
        there = set(snapshot.frame("customers")["customer_id"].astype(str))
        if stranger := next((one for one in ids if one not in there), None):
            require_customer(snapshot, stranger)
        kept = switching.reachable(plan, snapshot, operations, ids)
        if not kept:
            raise CampaignError(f"none of these customers has consented to {_both(plan)} with a known address")
        log, now = bandit.logged(operations, name), wall_clock()
        batch = 1 + max((int(str(one).split("/")[1]) for one in log["decision_id"]), default=0)
        known = known_before(snapshot, pd.DataFrame({"customer_id": kept, "at": now}))
        made = bandit.decide(plan.policy, switching.past(snapshot, log), kept, known, batch=batch, at=now)
        bandit.record(operations, made)
    path = out or Path(f"{name}-batch-{batch}.csv")
    made[["decision_id", "customer_id", "action", "propensity"]].to_csv(path, index=False)
    shares = made["action"].value_counts(normalize=True)
    split = ", ".join(f"{one} {100 * float(shares.get(one, 0.0)):.0f}%" for one in plan.costs)
    screen = Screen()
    screen.say(f"→ {path}  batch {batch}, {len(made):,} customers: {split}")
    if left := len(ids) - len(kept):
        screen.note(f"{left:,} of {len(ids):,} are left out: no consent to {_both(plan)} recorded, or no address.")
    screen.say(f"Next: act on it, then shopkeeper bandit results {name}{at_store(place)}")


@bandits.command("results")
def take_results(
    *,
    name: NameArgument,
    file: Annotated[
        Path | None,
        typer.Argument(
            help="A file with decision_id and reward; without it the shop's live events.", show_default=False
        ),
    ] = None,
    store: StoreOption = None,
    _debug: DebugOption = False,
) -> None:
    """Takes in what came of decisions, then says which action earns what, and where the messages go now.

    Without a file each decision whose days have passed gets what its customer has paid since, by the live events,
    times the margin, less the action's cost. A file brings your own rewards, in money; it may be read again.

    Examples:

    - `shopkeeper bandit results winter`
    - `shopkeeper bandit results winter rewards.csv`
    """
    from campaign import bandit, switching
    from channels.mail.worker import wall_clock
    from channels.result_files import numbers, rows_of
    from channels.terminal import Screen

    with _open(name, store) as (place, operations, plan):
        if file is None:
            costs = dict(plan.costs)
            taken = bandit.settle(operations, name, as_of=wall_clock(), days=plan.days, margin=plan.margin, costs=costs)
        else:
            rows = rows_of(file, ["decision_id", "reward"])
            values = numbers(file, rows, "reward")
            taken = bandit.reward(operations, name, dict(zip(rows["decision_id"], map(float, values), strict=True)))
        log, currency = bandit.logged(operations, name), place.snapshot().currency
    screen, found = Screen(), switching.standings(plan, log)
    waiting = int(log["reward"].isna().sum())
    screen.say(f"{taken:,} results taken in; {len(log):,} decisions so far, {waiting:,} of them without a result.")
    if waiting and file is None:
        screen.note(f"A decision has its result {plan.days:g} days after it.")
    head = ["action", "decisions", "settled", "last batch", f"profit each, {currency}", "95% interval"]
    screen.table(head, [_row(one) for one in found])
    screen.say(_verdict(found))


@contextmanager
def _open(name: str, store: Path | None) -> Iterator[tuple[Store, Operations, Switching]]:
    from campaign import switching

    place = store_at(store)
    plan = switching.read(place.root / FOLDER, name)
    operations = records_of(place)
    try:
        yield place, operations, plan
    finally:
        operations.close()


def _both(plan: Switching) -> str:
    return " and ".join(plan.channels)


def _row(one: Standing) -> list[str]:
    earned = ["too few yet", ""] if math.isnan(one.mean) else [f"{one.mean:.2f}", f"{one.low:.2f} to {one.high:.2f}"]
    share = "" if math.isnan(one.share) else f"{100 * one.share:.0f}%"
    return [one.action, f"{one.decided:,}", f"{one.settled:,}", share, *earned]


def _verdict(found: list[Standing]) -> str:
    """What the intervals say together."""
    told = [one for one in found if not math.isnan(one.mean)]
    if len(told) < len(found):
        return "Not every action has 30 results yet, so nothing is said of a winner. Go on with the next batch."
    first = max(told, key=lambda one: one.mean)
    rest = [one for one in told if one is not first]
    if all(one.high < first.low for one in rest):
        return f"{first.action} earns most, beyond chance. The next batches lean to it, customer by customer."
    near = " and ".join(one.action for one in rest if one.high >= first.low)
    return f"{first.action} earns most so far, but {near} may be as good: the intervals overlap. Go on."


def _costs(given: list[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for text in given:
        name, mark, cost = (part.strip() for part in text.partition("="))
        try:
            value = float(cost)
        except ValueError:
            value = math.nan
        if not mark or not name or not math.isfinite(value) or value < 0:
            raise SettingError(f"--action {text} is not NAME=COST: write it as email=0.01")
        if name in found:
            raise CampaignError(f"the action {name} is given twice: keep one")
        found[name] = value
    return found
