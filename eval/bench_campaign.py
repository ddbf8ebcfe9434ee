"""Bench `campaign`: what the joint plan earns in the demo shop's simulator, beside an oracle and the usual rule.

For each seed a demo shop (3,000 customers, 120 products, 18 months, so that twenty shops train in half an hour) is
generated and its models are trained. The brief is "win back 1,000 lapsed customers, 800 to spend, email and sms, 15%
off for whom it pays". Every way is judged by `eval.campaign_simulator`, everyone whom it chooses being contacted: the
hold-out is the price of measuring, and the same for all.

- **Oracle**: the truth's profit of each action, regressed on the customer's features by boosted trees, cross-fitted
  over customers so that nobody's own truth enters their value; then the same optimiser over the same audience,
  channels, budget and consent. It knows what features can say of the effect, not what they cannot.
- **Usual rule**: lapsed customers by RFM score, half of the budget a channel, the discount for everyone, best sellers.
"""

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from campaign import contact, offers, records
from campaign.audience import Audience, select
from campaign.draft import Brief, Proposal, propose
from campaign.optimise import Limits, Options, solve
from campaign.plan import Member
from data.demo_shop import generate
from data.errors import SettingError
from data.features import customer_features
from data.operations import Operations
from data.store import Snapshot, Store
from eval.campaign_simulator import COST, CampaignSimulator
from eval.task import Inputs, Outcome
from models.registry import ModelSet, train

SEEDS = 20
CUSTOMERS, PRODUCTS, MONTHS = 3000, 120, 18
SIZE, BUDGET, CHANNELS, DISCOUNT = 1000, 800.0, ("email", "sms"), 0.15
SCALES = ((5_000, 200), (100_000, 200))
"""Customers and products of the solver's own rows, with four channels each."""
_BOOTSTRAPS = 2000
_FOLDS = 5
_ACTIONS = ("email", "email_discount")

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Earned:
    """Simulated profit of one seed's campaign by each way, and the seconds of drafting."""

    joint: float
    oracle: float
    usual: float
    discount_for_all: float
    mail_for_all: float
    launched: float
    seconds: float


def evaluate(inputs: Inputs, *, seeds: int = SEEDS) -> Outcome:
    """The joint plan's share of the oracle and ratio to the usual rule over `seeds` shops, and the solver at scale.

    Both are ratios of sums over seeds, with 95% intervals from seeds drawn with replacement. `drafting_s` is the
    median of audience and draft; `seconds/…` and `gap/…` are the solver's.
    """
    if seeds < 1:
        raise SettingError("a bench of campaigns needs 1 seed or more")
    earned = []
    with tempfile.TemporaryDirectory(prefix="shopkeeper-campaign-") as folder:
        root = Path(folder) if inputs.keep is None else inputs.keep / "campaigns"
        for done in range(seeds):
            inputs.report("shops", done, seeds)
            earned.append(_judged(_shop(root / str(inputs.seed + done + 1), inputs.seed + done + 1)))
    table = pd.DataFrame([one.__dict__ for one in earned])
    metrics, intervals = {}, {}
    for name, other in (("share_of_oracle", "oracle"), ("ratio_to_usual_rule", "usual")):
        metrics[name], intervals[name] = _ratio(table["joint"].to_numpy(), table[other].to_numpy())
    metrics["launched_share_of_oracle"] = float(table["launched"].sum() / table["oracle"].sum())
    metrics |= {"profit": float(table["joint"].mean()), "drafting_s": float(table["seconds"].median())}
    inputs.report("shops", seeds, seeds)
    metrics |= _scaled(inputs)
    floors = {
        name.replace("_", " "): {"profit": float(table[name].mean())}
        for name in ("oracle", "usual", "discount_for_all", "mail_for_all")
    }
    misses = [f"seed {inputs.seed + n + 1}: {one}" for n, one in enumerate(earned)]
    return Outcome(metrics=metrics | {"seeds": float(seeds)}, intervals=intervals, floors=floors, misses=misses)


def _shop(root: Path, seed: int) -> tuple[Store, Mapping[str, pd.DataFrame]]:
    """The trained shop of a seed; what is there already is kept."""
    shop = generate(seed=seed, customers=CUSTOMERS, products=PRODUCTS, months=MONTHS)
    store = Store(root)
    store.write(shop.tables, name=shop.name, currency=shop.currency, source="demo", truth=shop.truth)
    if not ModelSet(store.models_path).complete:
        train(store)
    return store, shop.truth


def _judged(made: tuple[Store, Mapping[str, pd.DataFrame]]) -> Earned:
    store, truth = made
    snapshot, models, judge = store.snapshot(), ModelSet(store.models_path), CampaignSimulator(truth)
    with tempfile.TemporaryDirectory(prefix="shopkeeper-campaign-") as folder:
        operations = Operations(Path(folder) / "shop.db")
        try:
            select(snapshot, models, goal="win_back", size=10)  # the models are loaded before the clock counts
            start = time.perf_counter()
            audience = select(snapshot, models, goal="win_back", size=SIZE)
            brief = Brief("Come back", audience, channels=CHANNELS, budget=BUDGET, discount=DISCOUNT)
            proposal = propose(snapshot, operations, models, brief, as_of=snapshot.as_of)
            plan = records.keep(operations, proposal)
            seconds = time.perf_counter() - start
            usual = _usual(snapshot, models, operations, audience)
        finally:
            operations.close()
    everyone = _reachable(proposal)
    ways = {
        "joint": _chosen(proposal),
        "oracle": _oracle(snapshot, truth, proposal),
        "usual": usual,
        "discount_for_all": [replace(one, offer=DISCOUNT) for one in everyone],
        "mail_for_all": everyone,
        "launched": plan.members,
    }
    return Earned(**{name: float(judge.profit(members).sum()) for name, members in ways.items()}, seconds=seconds)


def _treated(customer: str, channel: str, offer: float) -> Member:
    return Member(customer, "treated", channel, 1.0, offer)


def _chosen(proposal: Proposal) -> list[Member]:
    table = proposal.decisions[proposal.decisions["reason"] == offers.CONTACTED]
    rows = zip(table.index, table["channel"], table["offer"], strict=True)
    return [_treated(str(customer), str(channel), float(offer)) for customer, channel, offer in rows]


def _reachable(proposal: Proposal) -> list[Member]:
    """Everyone of the audience who may be written to, without an offer, on the cheapest channel."""
    return [
        _treated(str(customer), next(c for c in CHANNELS if row[c]), 0.0)
        for customer, row in proposal.reach.to_dict("index").items()
        if any(row[c] for c in CHANNELS)
    ]


def _oracle(snapshot: Snapshot, truth: Mapping[str, pd.DataFrame], proposal: Proposal) -> list[Member]:
    """The same problem with the profit that features can tell from the truth."""
    known = expected_given_features(snapshot, truth).reindex([str(c) for c in proposal.reach.index])
    chance = proposal.decisions["chance"].to_numpy(float)
    value = proposal.decisions["value"].to_numpy(float)
    rows: list[tuple[int, int, float, float, float]] = []  # customer, channel, offer, profit, cost
    for place, (customer, reach) in enumerate(zip(known.index, proposal.reach.to_dict("records"), strict=True)):
        for number, channel in enumerate(CHANNELS):
            if not reach[channel]:
                continue
            for action, offer in zip(_ACTIONS, (0.0, DISCOUNT), strict=True):
                member = known.loc[customer]
                profit = _of_channel(float(member[action]), channel)
                cost = COST[channel] + offer * chance[place] * value[place]
                rows.append((place, number, offer, profit, cost))
    table = np.array(rows)
    size, nobody = len(table), np.full(len(table), -1)
    options = Options(table[:, 0].astype(np.int64), table[:, 3], table[:, 4], np.zeros(size), nobody, nobody, nobody)
    choice = solve(options, Limits(budget=BUDGET), len(known))
    picked = table[choice.option[choice.option >= 0]]
    return [
        _treated(str(known.index[int(who)]), CHANNELS[int(where)], float(offer)) for who, where, offer, *_ in picked
    ]


def _of_channel(profit: float, channel: str) -> float:
    """Profit of an e-mail as that of the channel's message, by the simulator's own rule."""
    from eval.campaign_simulator import SMS_SHARE

    return profit if channel == "email" else SMS_SHARE * (profit + COST["email"]) - COST["sms"]


def expected_given_features(snapshot: Snapshot, truth: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Truth's profit of each action given features (index customer_id), each customer by a fit on the others."""
    from lightgbm import LGBMRegressor

    real = truth["uplift"].pivot(index="customer_id", columns="action", values="profit")
    features = customer_features(snapshot, as_of=snapshot.as_of).reindex(real.index)
    fold = np.random.default_rng(0).permutation(len(real)) % _FOLDS
    found = pd.DataFrame(0.0, index=real.index, columns=list(_ACTIONS))
    for action in _ACTIONS:
        target, guess = real[action].to_numpy(float), np.zeros(len(real))
        for held in range(_FOLDS):
            model = LGBMRegressor(
                n_estimators=300, learning_rate=0.04, num_leaves=15, min_child_samples=30, colsample_bytree=0.5,
                subsample=0.8, subsample_freq=1, verbose=-1, n_jobs=1, random_state=held, deterministic=True,
            )  # fmt: skip
            model.fit(features[fold != held], target[fold != held])
            guess[fold == held] = model.predict(features[fold == held])
        found[action] = guess
    return found


def _usual(snapshot: Snapshot, models: ModelSet, operations: Operations, audience: Audience) -> list[Member]:
    """Lapsed customers by RFM score; half of the budget a channel; the discount for everyone.

    The score adds the fifths of recency, orders and money. A message is reckoned at its price and the discount at the
    mean order of the audience times its mean chance of one, as a shop without models would from its totals.
    """
    lapsed = select(snapshot, models, goal="win_back", size=CUSTOMERS).members
    score = sum(
        np.ceil(5 * column.rank(pct=True)) for column in (-lapsed["quiet_days"], lapsed["orders"], lapsed["revenue"])
    )
    ranked = lapsed.assign(rfm=score).sort_values("rfm", ascending=False, kind="stable").head(SIZE)
    reach = contact.reach(snapshot, operations, [str(c) for c in ranked.index])
    chance = 1 - (1 - float(audience.members["chance"].mean())) ** (14 / 30)
    gift = DISCOUNT * chance * float(audience.members["value"].mean())
    members: list[Member] = []
    left = {channel: BUDGET / len(CHANNELS) for channel in CHANNELS}
    for customer, row in reach.to_dict("index").items():
        for channel in CHANNELS:
            price = COST[channel] + gift
            if row[channel] and left[channel] >= price:
                left[channel] -= price
                members.append(_treated(str(customer), channel, DISCOUNT))
                break
    return members


def _ratio(ours: Floats, theirs: Floats) -> tuple[float, tuple[float, float]]:
    """Ratio of the sums, and its 95% interval by drawing seeds with replacement."""
    drawn = np.random.default_rng(0).integers(0, len(ours), (_BOOTSTRAPS, len(ours)))
    low, high = np.quantile(ours[drawn].sum(axis=1) / theirs[drawn].sum(axis=1), [0.025, 0.975])
    return float(ours.sum() / theirs.sum()), (float(low), float(high))


def _scaled(inputs: Inputs) -> dict[str, float]:
    """Seconds and gap of the solver on made-up campaigns: four channels, two offers, five products a customer."""
    found: dict[str, float] = {}
    for customers, products in SCALES:
        inputs.report(f"{customers:,} customers", 0, 1)
        options, limits = campaign_of(customers, products)
        start = time.perf_counter()
        choice = solve(options, limits, customers)
        name = f"{customers}x{products}x4"
        found |= {f"seconds/{name}": time.perf_counter() - start, f"gap/{name}": choice.gap}
        found[f"options/{name}"] = float(len(options))
    return found


def campaign_of(customers: int, products: int, *, seed: int = 0) -> tuple[Options, Limits]:
    """A made-up campaign in which budget, capacities, a minimum spend and the stock of what many like all bind.

    Effects, chances and order values are as spread as the demo shop's; what customers like follows Zipf's law.
    """
    rng = np.random.default_rng([seed, customers])
    uplift, chance = rng.gamma(0.8, 0.05, customers), rng.beta(0.6, 4, customers)
    value, reach = rng.lognormal(3.8, 0.4, customers), rng.random((customers, 4)) < 0.6
    liked = rng.zipf(1.3, (customers, 5)) % products
    margin, answer = rng.uniform(0.3, 0.7, products), rng.uniform(1.0, 2.0, customers)
    parts = []
    for channel, message in enumerate((0.03, 0.06, 0.02, 0.10)):
        who = np.flatnonzero(reach[:, channel])
        for offer in (0.0, DISCOUNT):
            strength = uplift[who] * (answer[who] if offer else 1.0) * rng.uniform(0.7, 1.0, len(who))
            for rank in range(liked.shape[1]):
                product, effect = liked[who, rank], strength * 0.98**rank
                kept = 0.35 + 0.3 * margin[product] - offer
                gain = effect * value[who] * kept - chance[who] * value[who] * offer - message
                cost = message + (chance[who] + effect) * value[who] * offer
                parts.append(np.column_stack([who, gain, cost, effect, product, np.full(len(who), channel)]))
    table = np.concatenate(parts)
    table = table[np.argsort(table[:, 0], kind="stable")]
    codes = table[:, [0, 4, 5]].astype(np.int64)
    options = Options(codes[:, 0], table[:, 1], table[:, 2], table[:, 3], codes[:, 1], codes[:, 2], codes[:, 2])
    limits = Limits(
        budget=0.08 * customers,
        stock=np.full(products, 0.06 * customers / products * 2),
        capacity=np.array([0.35, 0.15, 0.2, 0.1]) * customers,
        minimum=np.array([0.0, 0.02 * customers, 0.0, 0.0]),
    )
    return options, limits
