"""From a proposal to a plan: the split into arms, what to expect of the contacted, and what to doubt."""

from __future__ import annotations

import math
from typing import Literal

import pandas as pd
from scipy.stats import norm

from campaign import offers
from campaign.doubts import blind_channels, changes_of, risks_of, unknown_of
from campaign.draft import Proposal
from campaign.experiment import Assignment, assign, detectable_effect, holdout_share
from campaign.plan import Audience, Channel, Cue, Experiment, Figure, Member, Outlook, Person, Plan

_EIGHTY = float(norm.ppf(0.9))
"""Standard deviations of an 80% interval, one side."""


def finish(proposal: Proposal, campaign_id: str) -> Plan:
    """The plan of `proposal` under `campaign_id`, whose hash decides who is held out."""
    return Plan.from_json(_plan(proposal, campaign_id).to_json())  # as it will be read, so that both have one hash


def _plan(proposal: Proposal, campaign_id: str) -> Plan:
    chosen = proposal.decisions[proposal.decisions["reason"] == offers.CONTACTED]
    baseline = float(chosen["chance"].mean()) if len(chosen) else 0.0
    effect = float(chosen["uplift"].mean()) if len(chosen) else 0.0
    share = holdout_share(len(chosen), baseline, effect)
    split = assign(campaign_id, [str(c) for c in chosen.index], share)
    treated = chosen.loc[sorted(split.treated)]
    outlook = _outlook(proposal, treated)
    verdict = proposal.start + pd.Timedelta(days=proposal.terms.window_days)
    test = _test(split, share, baseline, effect, verdict)
    channels = _channels(proposal, treated)
    spent = outlook.cost.value
    budget = proposal.brief.budget
    brief = proposal.brief
    return Plan(
        campaign_id=campaign_id,
        name=brief.name.strip(),
        goal=brief.audience.goal,
        shop=proposal.shop,
        currency=proposal.currency,
        as_of=str(proposal.as_of.date()),
        start=str(proposal.start.date()),
        end=str(verdict.date()),
        window_days=proposal.terms.window_days,
        budget=budget,
        kept=0.0 if budget is None else max(budget - spent, 0.0),
        discount=brief.discount,
        margin=Figure(proposal.terms.margin.rate, "percent", proposal.terms.margin.source),
        audience=_audience(proposal),
        products=proposal.products,
        channels=channels,
        copies=brief.copies,
        outlook=outlook,
        test=test,
        members=_members(proposal, split, chosen),
        demand_of=proposal.demand_of,
        demand=proposal.demand,
        risks=risks_of(proposal, outlook, test),
        unknown=unknown_of(proposal),
        changes=changes_of(proposal),
        assumptions=_assumptions(proposal),
        snapshot_id=proposal.snapshot_id,
        models=dict(sorted(proposal.models.items())),
        fingerprint=proposal.fingerprint,
        solution=proposal.solution,
    )


def _members(proposal: Proposal, split: Assignment, chosen: pd.DataFrame) -> tuple[Member, ...]:
    """Everyone of the experiment by id, with the probability of the arm (0 < p ≤ 1) and what the joint plan gives."""
    arms: dict[str, tuple[Literal["treated", "holdout"], float]] = {}
    arms |= dict.fromkeys(split.treated, ("treated", 1 - split.share))
    arms |= dict.fromkeys(split.holdout, ("holdout", split.share))
    columns = ["channel", "offer", "shown", "segment", "day"]
    given = {str(c): row for c, row in zip(chosen.index, chosen[columns].to_dict("records"), strict=True)}
    return tuple(
        Member(
            customer,
            arm,
            str(given[customer]["channel"]),
            probability,
            float(given[customer]["offer"]),
            tuple(given[customer]["shown"]),
            str(given[customer]["segment"]),
            _send_at(proposal, int(given[customer]["day"])) if given[customer]["day"] else None,
        )
        for customer, (arm, probability) in sorted(arms.items())
    )


def _send_at(proposal: Proposal, day: int) -> str:
    """The time of the messages of a day, counted from the start."""
    return f"{(proposal.start + pd.Timedelta(days=day)).date()} {proposal.send_hour:02d}:00 UTC"


def _outlook(proposal: Proposal, treated: pd.DataFrame) -> Outlook:
    """Expected extra profit of the treated and the advertising, with an 80% interval.

    Two doubts are added in quadrature: the mean uplift itself (its interval in the logs; where it is assumed,
    anything from none to twice as much), and chance, since each extra order comes or does not.
    """
    direct = float(treated["profit"].sum())
    per_order = treated["per_order"]
    effect = proposal.effect
    measured = proposal.evidence == "experiment" and effect.supported
    assumed = abs(float(treated["gain"].sum()))
    doubt = (effect.high - effect.low) / 2 * float(per_order.sum()) if measured else assumed
    extra = treated["uplift"].abs().clip(upper=1.0)
    chance = _EIGHTY * math.sqrt(float((per_order**2 * extra * (1 - extra)).sum()))
    half = math.sqrt(doubt**2 + chance**2 + proposal.paid_half_width**2)
    profit = direct + sum(c.profit for c in proposal.paid)
    spend = float(treated["cost"].sum()) + sum(c.spend for c in proposal.paid)
    uplift = f"model uplift {proposal.models['uplift']}"
    paid = "" if not proposal.paid else f" + response curves (model response {proposal.models['response']})"
    formula = (
        "sum over the contacted of uplift × order value × (margin − own discount) − discounts given anyway − messages, "
        f"{uplift}{paid}"
    )
    spread = "80% interval: uncertainty of the uplift and of chance added in quadrature, " + uplift
    return Outlook(
        profit=Figure(profit, "money", formula),
        low=Figure(profit - half, "money", spread),
        high=Figure(profit + half, "money", spread),
        orders=Figure(float(treated["uplift"].sum()), "count", f"sum of the expected extra orders, {uplift}"),
        cost=Figure(spend, "money", "messages at the assumed price + discounts expected to be used + advertising"),
        discounts=Figure(
            float(treated["redeemed"].sum()), "money", "discount × order value × chance of an order, contacted"
        ),
        evidence="experiment" if measured else "assumed",
        evidence_words=_evidence(proposal, measured),
        from_logs=_from_logs(proposal),
        cue=_cue(proposal, profit, profit - half),
    )


def _cue(proposal: Proposal, profit: float, low: float) -> Cue:
    """As `cue_of`; a loss where nobody is worth a message, `nobody` where nobody consented to one.

    Where a return is unknown it is a risk at most.
    """
    if _pointless(proposal):
        return "loss"
    if set(proposal.decisions["reason"]) == {offers.NO_CONSENT} and not proposal.paid:
        return "nobody"
    cue = cue_of(profit, low)
    return "risky" if cue == "loss" and blind_channels(proposal) else cue


def _pointless(proposal: Proposal) -> bool:
    """Whether everyone who could be written to is left out since the message would cost more than it brings."""
    reasons = set(proposal.decisions["reason"])
    return offers.NOT_WORTH in reasons and offers.CONTACTED not in reasons and not proposal.paid


def cue_of(profit: float, low: float) -> Cue:
    """loss when a loss is expected, risky when the interval reaches zero, else sound."""
    return "loss" if profit < 0 else "sound" if low > 0 else "risky"


def _evidence(proposal: Proposal, measured: bool) -> str:
    if measured:
        return "the effect of a message was learnt from past messages sent or withheld by chance"
    if proposal.evidence == "experiment":
        return (
            "the effect of a message was learnt from a past experiment that cannot bound it for these customers; "
            "it may be none, or twice as much"
        )
    return (
        "the effect of a message is assumed, since this shop's log holds too few messages sent or withheld by chance; "
        "it may be none, or twice as much"
    )


def _from_logs(proposal: Proposal) -> str:
    effect = proposal.effect
    if not effect.supported:
        return f"Past logs cannot say: {effect.why}."
    whom = {
        "audience": "of these customers",
        "alike": "of customers, weighted by how alike they are to these,",
        "everyone": "of all customers, not just these",
    }[effect.scope]
    return (
        f"{effect.decisions:,} past decisions {whom} say: {100 * effect.value:.2f} extra orders per 100 contacted by "
        f"{effect.action} (80% interval {100 * effect.low:.2f} to {100 * effect.high:.2f})."
    )


def _test(split: Assignment, share: float, baseline: float, effect: float, verdict: pd.Timestamp) -> Experiment:
    treated, held = len(split.treated), len(split.holdout)
    smallest = detectable_effect(treated, held, baseline)
    if smallest is None:
        words = "Too few customers can be contacted for a hold-out, so the campaign cannot be measured."
    elif smallest <= effect:
        words = "The hold-out is large enough to show the expected effect in 4 of 5 cases."
    else:
        words = (
            f"The hold-out can show a difference of {100 * smallest:.1f} points or more; {100 * effect:.1f} is "
            "expected, so the verdict may well stay open."
        )
    return Experiment(
        holdout=held,
        share=share if held else 0.0,
        baseline=baseline,
        expected=effect,
        detectable=smallest,
        verdict=str(verdict.date()),
        words=words,
    )


def _channels(proposal: Proposal, treated: pd.DataFrame) -> tuple[Channel, ...]:
    send_at = _send_at(proposal, 0)
    direct = []
    for channel in proposal.brief.channels:
        if channel in proposal.terms.contact_cost:
            going = treated[treated["channel"] == channel]
            direct.append(
                Channel(
                    channel=channel,
                    contacts=len(going),
                    spend=float(going["cost"].sum()),
                    profit=float(going["profit"].sum()),
                    send_at=send_at if len(going) else None,
                    curve=(),
                    source=f"{len(going)} messages at {proposal.terms.contact_cost[channel]:g} {proposal.currency} "
                    "(assumed) and the discounts expected to be used",
                )
            )
    return tuple(direct) + proposal.paid


def _audience(proposal: Proposal) -> Audience:
    audience, table, reach = proposal.brief.audience, proposal.decisions, proposal.reach
    direct = [c for c in proposal.brief.channels if c in proposal.terms.contact_cost]
    reachable = table["channel"].notna()
    unknown = (
        (reach[[f"{c}_consent" for c in direct]] == "unknown").all(axis=1)
        if direct
        else pd.Series(False, index=reach.index)
    )
    cheapest = min((proposal.terms.contact_cost[c] for c in direct), default=0.0)
    anyone = table["gain"] - table["giveaway"] - cheapest
    counts = table["reason"].value_counts()
    return Audience(
        audience_id=proposal.brief.audience_id,
        meaning=audience.meaning,
        eligible=audience.eligible,
        size=len(table),
        reachable=int(reachable.sum()),
        unknown_consent=int(unknown.sum()),
        chosen=int(counts.get(offers.CONTACTED, 0)),
        left_out={r: int(counts[r]) for r in offers.REASONS if r != offers.CONTACTED and r in counts},
        typical=_typical(table),
        profit_if_all_consented=float(anyone.clip(lower=0).sum()) if direct else 0.0,
        notes=audience.notes,
    )


def _typical(table: pd.DataFrame) -> tuple[Person, ...]:
    """Members at one, two and three quarters of the ranking, of the chosen where there are any."""
    going = table[table["reason"] == offers.CONTACTED]
    frame = going if len(going) else table
    places = sorted({(len(frame) - 1) * quarter // 4 for quarter in (1, 2, 3)})
    return tuple(
        Person(
            customer_id=str(customer),
            orders=int(row["orders"]),
            quiet_days=float(row["quiet_days"]),
            value=float(row["value"]),
            chance=float(row["chance"]),
            uplift=float(row["uplift"]),
        )
        for customer, row in frame.iloc[places].to_dict("index").items()
    )


def _assumptions(proposal: Proposal) -> tuple[str, ...]:
    direct = [c for c in proposal.brief.channels if c in proposal.terms.contact_cost]
    said = [f"one {c} message costs {proposal.terms.contact_cost[c]:g} {proposal.currency}" for c in direct] + [
        "extra orders are worth what the customer's orders were worth so far"
    ]
    if proposal.terms.discount:
        said.append("every buyer who is offered the discount uses it")
        if not proposal.offer_measured:
            said.append(
                f"one percent off the price brings {offers.ELASTICITY:g}% more orders, the mean of published "
                "elasticities, since this shop has no experiment with a discount"
            )
    if not proposal.terms.margin.known:
        said.append(f"the gross margin is {proposal.terms.margin.rate:.0%} of the price")
    if proposal.evidence != "experiment":
        said.append("a message adds to the chance of an order what the uplift model assumes")
    if proposal.products:
        said.append("each extra order takes one of the product that its message is about")
    return tuple(said)
