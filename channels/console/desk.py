"""What every page of the console shares: the app's state, who is signed in, and the conversations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from channels.console.jobs import Jobs
from channels.console.sessions import Act, Sessions, Visitor, visitor
from channels.console.turns import Talks
from data.errors import CampaignError

if TYPE_CHECKING:
    from starlette.requests import Request

    from channels.api.state import State
    from channels.console.oidc import Provider


class SignedOutError(CampaignError):
    """The session is over."""


@dataclass(frozen=True)
class Desk:
    """One console over one app's state."""

    state: State
    sessions: Sessions
    talks: Talks
    jobs: Jobs
    provider: Provider | None = None

    def visitor(self, request: Request) -> Visitor | None:
        """Who asks for a page."""
        return visitor(self.sessions, request.cookies)

    def require(self, who: Visitor, act: Act | None = None) -> None:
        """Looks once more, at the moment of an action, whether it is allowed: pages stay open for hours.

        Raises `SignedOutError` for a session that is over, and `CampaignError` for a role that may not.
        """
        person = self.sessions.person(who.token)
        if person is None:
            raise SignedOutError(who.say("error.signed_out"))
        now = Visitor(person, who.token, who.language, who.theme)
        if act is not None and not now.may(act):
            raise CampaignError(who.say("error.may_not", role=who.say.of("role", person.role)))
