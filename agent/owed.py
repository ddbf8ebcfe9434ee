"""What an answer over each kind of result owes its reader: what training teaches, and evaluation measures."""

from collections.abc import Collection, Mapping

OWED: Mapping[str, tuple[str, ...]] = {
    "search_products": ("title", "price"),
    "recommend_products": ("title", "anchor|share|buyers|similarity|friends"),
    "get_product": ("title", "price", "stock|sold|rating"),
    "compare_products": ("title|cheapest|bestseller", "price|gap|cheapest", "sold|share|rating|bestseller"),
    "add_to_cart": ("title", "quantity|price|total"),
    "track_order": ("status", "expected|placed"),
    "predict_behaviour": ("buy_chance", "reason|segment|quiet|orders"),
    "analyse_behaviour/segments": ("segment", "customers|share|revenue|revenue_share"),
    "analyse_behaviour/funnel": ("weakest|step", "conversion|rate"),
    "analyse_behaviour/cohorts": ("kept|best_kept", "customers|cohort|best"),
    "analyse_behaviour/top_products": ("title", "units|revenue|revenue_share"),
    "analyse_behaviour/channels": ("channel|best", "return|revenue|orders|spend"),
    "find_audience": ("audience>size", "audience>mailable|eligible|buy_chance|quiet"),
    "forecast_sales": ("units", "low|high|error"),
    "plan_inventory": ("title>title|reorder", "title>order|units|level|cost"),
    "allocate_budget": ("channel", "spend|share"),
    "write_copy": ("title|channel",),
    "draft_campaign": ("campaign", "profit", "contacted|size|cost|budget"),
    "simulate_campaign": ("profit", "low|high"),
    "launch_campaign": ("campaign", "command|queued|approver"),
    "measure_campaign": ("lift|profit", "low|high|orders|verdict"),
    "error": ("message",),
}
"""By kind of result; of alternatives one is enough, where the result has any.

Before ">" stands a key without which nothing was found: then the answer owes no more than to say so.
"""


def owed(kind: str, known: Collection[str], said: Collection[str]) -> dict[str, bool]:
    """What an answer over a result of `kind` with the keys `known` owes, each with whether the keys `said` tell it."""
    found = {}
    for rule in OWED.get(kind, ()):
        found_by, _, alternatives = rule.rpartition(">")
        if found_by and found_by not in known:
            continue
        keys = set(alternatives.split("|"))
        if keys & set(known):
            found[alternatives] = bool(keys & set(said))
    return found
