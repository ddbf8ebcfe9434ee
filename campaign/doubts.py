"""What speaks against a plan: its risks (the biggest first), what nobody knows, and what would change it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from campaign import offers

if TYPE_CHECKING:
    from campaign.draft import Proposal
    from campaign.joint import Advice
    from campaign.plan import Experiment, Outlook


def risks_of(proposal: Proposal, outlook: Outlook, test: Experiment) -> tuple[str, ...]:
    """Risks in words, the biggest first."""
    found: list[str] = []
    counts = proposal.decisions["reason"].value_counts()
    if not counts.get(offers.CONTACTED, 0):
        found.append(f"Nobody would get a message: {_why_nobody(proposal)}.")
    if outlook.cue == "loss" and counts.get(offers.CONTACTED, 0):
        found.append("The campaign is expected to lose money.")
    elif outlook.cue == "risky" and counts.get(offers.CONTACTED, 0):
        found.append("A loss is possible: the interval of the expected profit reaches below zero.")
    if outlook.evidence == "assumed" and not counts.get(offers.NO_CHANNEL, 0):
        found.append(outlook.evidence_words[0].upper() + outlook.evidence_words[1:] + ".")
    blind = blind_channels(proposal)
    if blind:
        found.append(f"What {' and '.join(blind)} would return is unknown, so only the cost is counted.")
    short = [p.title for p in proposal.products if p.stock_after is not None and p.stock_after < 0]
    if short:
        found.append(f"Stock may run out before the verdict: {', '.join(short)}.")
    if test.detectable is not None and test.detectable > test.expected:
        found.append(test.words)
    giveaway = float(proposal.decisions.loc[proposal.decisions["reason"] == offers.CONTACTED, "giveaway"].sum())
    if giveaway > 0:
        found.append(f"About {giveaway:,.2f} {proposal.currency} of discount goes to customers who would buy anyway.")
    return tuple(found) or ("No risk stands out; the usual one is that the past is no promise.",)


def blind_channels(proposal: Proposal) -> list[str]:
    """Advertising channels of the plan that have no history."""
    return [c.channel for c in proposal.paid if c.spend > 0 and not c.curve]


def _why_nobody(proposal: Proposal) -> str:
    """The commonest reason to leave a member out, in words."""
    counts = proposal.decisions["reason"].value_counts()
    return {
        offers.NO_CHANNEL: offers.NO_CHANNEL,
        offers.NO_CONSENT: "no recorded consent allows it",
        offers.NO_ADDRESS: "no address is known",
        offers.CAPPED: "they had enough messages lately",
        offers.NOT_WORTH: "each would cost more, discount included, than it is expected to bring",
        offers.OVER_BUDGET: "the budget does not pay for one",
        offers.NO_STOCK: "too little is left in stock of what suits them",
        offers.CHANNEL_FULL: "the channels may send too few messages",
    }[str(counts.index[0])]


def unknown_of(proposal: Proposal) -> tuple[str, ...]:
    """What the shop's data does not say, and how it could."""
    found: list[str] = []
    table, direct = proposal.reach, [c for c in proposal.brief.channels if c in proposal.terms.contact_cost]
    for channel in direct:
        silent = int((table[f"{channel}_consent"] == "unknown").sum())
        if silent:
            found.append(
                f"Consent to {channel} is unknown for {silent:,} of {len(table):,}, and unknown is not a yes: "
                "record it, or override it with ingest --assume-consent REASON."
            )
        homeless = int(table[f"{channel}_address"].isna().sum())
        if homeless:
            kind = "e-mail address" if channel == "email" else "phone number"
            found.append(f"{homeless:,} of {len(table):,} have no {kind} in the data.")
    if any(p.stock is None for p in proposal.products):
        found.append("Stock is unknown for some of the products, so nobody can say whether it suffices.")
    if any(p.margin_left is None for p in proposal.products):
        found.append(
            f"Cost is unknown for some of the products; the margin is taken from: {proposal.terms.margin.source}."
        )
    if any(p.price is None for p in proposal.products):
        found.append("Some of the products have no price in the data.")
    if not proposal.effect.supported:
        found.append(f"Past logs cannot test this plan: {proposal.effect.why}.")
    return tuple(found)


def changes_of(proposal: Proposal) -> tuple[str, ...]:
    """What would change the plan, as advice."""
    decisions, currency = proposal.decisions, proposal.currency
    found = [_advised(proposal, one) for one in proposal.advice]
    found += _discounted(proposal)
    silent = decisions[decisions["reason"].isin([offers.NO_CONSENT, offers.NO_ADDRESS])]
    if len(silent):
        more = float((silent["gain"] - silent["giveaway"]).clip(lower=0).sum())
        found.append(
            f"With consent and an address for the {len(silent):,} others, about {more:,.2f} {currency} more "
            "could be expected."
        )
    going = decisions[decisions["reason"] == offers.CONTACTED]
    gain, profit = float(going["gain"].sum()), float(going["profit"].sum())
    if profit > 0 and gain > 0:
        found.append(
            f"If the true effect of a message were below {100 * (1 - profit / gain):.0f}% of the estimate, "
            "the messages would bring nothing."
        )
    return tuple(found)


def _advised(proposal: Proposal, one: Advice) -> str:
    """A limit that binds, and what loosening it would bring, in words."""
    brings, money = f"{one.brings:,.2f} {proposal.currency}", f"{one.more:,.2f} {proposal.currency}"
    if one.what == "budget":
        beyond = int((proposal.decisions["reason"] == offers.OVER_BUDGET).sum())
        whom = f" ({beyond:,} who would pay off are beyond it)" if beyond else ""
        return f"{money} more of budget would bring about {brings} more profit{whom}."
    if one.what == "stock":
        title = next((p.title for p in proposal.products if p.product_id == one.name), one.name)
        return f"Stock of {title} is what limits this: {one.more:,.0f} more would bring about {brings} more profit."
    if one.what == "capacity":
        return (
            f"{one.name} may send {proposal.brief.capacity[one.name]:,} a day: {one.more:,.0f} more a day would bring "
            f"about {brings} more profit."
        )
    return f"The minimum spend of {money} on {one.name} costs about {brings} of profit."


def _discounted(proposal: Proposal) -> list[str]:
    """That nobody gets the discount, where the brief has one."""
    going = proposal.decisions[proposal.decisions["reason"] == offers.CONTACTED]
    if not proposal.terms.discount or going.empty:
        return []
    if (going["offer"] > 0).any():
        return []
    return [
        f"The discount of {proposal.terms.discount:.0%} goes to nobody: it would cost more margin than it adds. "
        "A smaller one may pay."
    ]
