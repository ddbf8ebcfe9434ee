"""The demo shop's customers as judges of a campaign: what a plan earns, and who buys, by the shop's own truth.

Frozen before the planner that it judges was built; a change to it makes every earlier figure void.

The truth (`data.demo_shop`) knows two treatments, an e-mail and an e-mail with 15% off, and for each the customer's
change in the chance to buy within 14 days and in profit (goods and message paid). What it does not know is defined
here, once, by three fixed rules:

- **A discount between none and 15%** works as far as it goes: effect and profit lie on the straight line between the
  e-mail without and the e-mail with 15% off. Above 15% the truth says nothing, and the plan is refused.
- **A text message** has 0.8 of the e-mail's effect (short, no pictures, and the demo shop's customers say nothing of
  liking it more), at a cost of 0.06 instead of 0.03. So its profit is 0.8 × (profit of the e-mail + 0.03) − 0.06.
- **The products shown** change nothing: the truth has no effect of a product on the chance to buy, and an order's
  margin in it is the mean of the customer's price tier, whatever the message was about.

Held-out customers and those whom the plan leaves out add 0. Advertising is not simulated.
"""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from campaign.plan import Member
from data.errors import SettingError

FULL_OFFER = 0.15
"""The discount of the truth's action `email_discount`, a share."""
SMS_SHARE = 0.8
"""Effect of a text message as a share of the e-mail's."""
COST: Mapping[str, float] = {"email": 0.03, "sms": 0.06}
"""Cost of one message, in the shop's currency; the truth's profits are after an e-mail's."""
EFFECT_DAYS, TRUTH_DAYS = 14, 30

Floats = NDArray[np.float64]


class CampaignSimulator:
    """Judges plans by a demo shop's `truth`: its tables `uplift` and `purchase`, by customer."""

    def __init__(self, truth: Mapping[str, pd.DataFrame]) -> None:
        by_action = truth["uplift"].pivot(index="customer_id", columns="action", values=["probability", "profit"])
        self._effects = by_action
        month = truth["purchase"].set_index("customer_id")["probability"]
        self._alone = 1 - (1 - month) ** (EFFECT_DAYS / TRUTH_DAYS)

    def profit(self, members: Iterable[Member]) -> Floats:
        """Expected incremental profit of each treated member within 14 days, in their order, in the shop's currency.

        `SettingError` for a channel other than email and sms, an offer outside 0 to 15%, or an unknown customer.
        """
        return self._mixed(members, "profit")

    def uplift(self, members: Iterable[Member]) -> Floats:
        """Change in each treated member's chance to buy within 14 days."""
        return self._mixed(members, "probability")

    def buyers(self, members: Iterable[Member], *, seed: int) -> pd.DataFrame:
        """Who buys within 14 days, drawn: customer_id, alone (without the campaign) and buys (with it).

        One draw a customer decides both, so they differ only where the message tips the balance. The chance alone
        is the truth's of 30 days, spread evenly over them; held-out members have alone = buys.
        """
        everyone = list(members)
        ids = [member.customer_id for member in everyone]
        treated = [member for member in everyone if member.arm == "treated"]
        change = pd.Series(0.0, index=pd.Index(ids, dtype=object))
        change.loc[[member.customer_id for member in treated]] = self.uplift(treated)
        alone = self._alone.loc[ids].to_numpy(float)
        draw = np.random.default_rng(seed).random(len(ids))
        return pd.DataFrame(
            {"customer_id": ids, "alone": draw < alone, "buys": draw < np.clip(alone + change.to_numpy(), 0, 1)}
        )

    def _mixed(self, members: Iterable[Member], what: str) -> Floats:
        """`what` of each treated member: between plain and full offer, scaled to the channel."""
        treated = [member for member in members if member.arm == "treated"]
        if wrong := sorted({member.channel for member in treated} - set(COST)):
            raise SettingError(f"the truth has no effect of {wrong[0]}: simulate email and sms alone")
        if any(not 0 <= member.offer <= FULL_OFFER for member in treated):
            raise SettingError(f"the truth knows discounts from 0 to {FULL_OFFER:.0%}: plan with one of those")
        ids = [member.customer_id for member in treated]
        if stranger := next((one for one in ids if one not in self._effects.index), None):
            raise SettingError(f"the truth has no customer {stranger}: simulate a plan of the same shop")
        effects = self._effects.loc[ids]
        plain, full = (effects[(what, action)].to_numpy(float) for action in ("email", "email_discount"))
        part = np.array([member.offer for member in treated]) / FULL_OFFER
        sms = np.array([member.channel == "sms" for member in treated], bool)
        mixed = plain + part * (full - plain)
        if what == "probability":
            return np.where(sms, SMS_SHARE * mixed, mixed)
        return np.where(sms, SMS_SHARE * (mixed + COST["email"]) - COST["sms"], mixed)
