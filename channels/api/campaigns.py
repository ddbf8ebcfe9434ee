"""Routes for campaigns: what was planned, how it stands, a plan from a brief. No program may approve one."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import uuid4

from fastapi import APIRouter, Depends, HTTPException, Path, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import func, select

from campaign import records
from channels import plan_page
from channels.access import Key
from channels.api.answering import pieces
from channels.api.results import ResultOut, asked
from channels.api.security import needs, state_of
from channels.commands_plan import drafted
from data.errors import CampaignError
from data.operations import Campaign, OutboxMessage

routes = APIRouter(prefix="/api/campaigns", tags=["campaigns"])
Allowed = Annotated[Key, Depends(needs("campaigns"))]
CampaignId = Annotated[str, Path(pattern=r"^[Cc]-\d{1,9}$", examples=["C-0001"])]

PLAN_CSP = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"


class CampaignOut(BaseModel):
    """A campaign and how it stands. `outbox` counts its messages by status."""

    campaign_id: str
    name: str
    status: str
    plan_hash: str
    approver: str | None
    created_at: datetime
    launched_at: datetime | None
    outbox: dict[str, int]


class BriefIn(BaseModel):
    """What the marketer wants, in words."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"brief": "win back 500 lapsed customers with 400 to spend, email and sms"}]},
    )

    brief: Annotated[str, Field(min_length=1, max_length=4000)]


@routes.get("", summary="All campaigns, the latest first")
def every(request: Request, _key: Allowed) -> list[CampaignOut]:
    """With their status and the state of their messages."""
    operations = state_of(request).serving.operations
    with operations.session() as session:
        ids = session.scalars(select(Campaign.campaign_id).order_by(Campaign.campaign_id.desc())).all()
    return [standing(request, one) for one in ids]


@routes.get("/{campaign_id}", summary="One campaign and how it stands")
def one(request: Request, _key: Allowed, campaign_id: CampaignId) -> CampaignOut:
    """Status, approver, and its messages by status."""
    return standing(request, campaign_id)


@routes.get("/{campaign_id}/plan", summary="The whole plan, as JSON")
def plan(request: Request, _key: Allowed, campaign_id: CampaignId) -> dict[str, Any]:
    """Exactly what an approval is for; its SHA-256 is the campaign's `plan_hash`."""
    kept = _kept(request, campaign_id)
    found: dict[str, Any] = json.loads(kept.plan.to_json())
    return found


@routes.get("/{campaign_id}/page", summary="The plan as a page to read", response_class=HTMLResponse)
def page(request: Request, _key: Allowed, campaign_id: CampaignId) -> HTMLResponse:
    """One self-contained page."""
    kept = _kept(request, campaign_id)
    text = plan_page.html(kept.plan, plan_page.Standing(kept.status, kept.approver, None))
    return HTMLResponse(text, headers={"content-security-policy": PLAN_CSP})


@routes.get("/{campaign_id}/{what}", summary="What past logs say of it, or what it brought")
def judged(
    request: Request, _key: Allowed, campaign_id: CampaignId, what: Literal["simulation", "result"]
) -> ResultOut:
    """`simulation` estimates a plan from logged decisions; `result` compares a launched one with its hold-out."""
    tool = "simulate_campaign" if what == "simulation" else "measure_campaign"
    return asked(state_of(request), tool, {"campaign_id": campaign_id.upper()}, role="marketer")


@routes.post("", status_code=201, summary="Plan a campaign from a brief")
async def draft(request: Request, _key: Allowed, wanted: BriefIn) -> CampaignOut:
    """The agent plans; the plan waits for a person's approval."""
    state = state_of(request)
    agent = state.serving.now.planner
    async for piece in pieces(state, agent, wanted.brief, thread=f"plan-{uuid4().hex}"):
        if piece.kind == "error":
            raise HTTPException(422, piece.value)
        if piece.kind == "answer":
            campaign_id = drafted(piece.value)
            if campaign_id is None:
                raise HTTPException(422, piece.value.text)
            return standing(request, campaign_id)
    raise HTTPException(500, "the plan could not be finished: please ask again")


def standing(request: Request, campaign_id: str) -> CampaignOut:
    """How a campaign stands; a 404 for one that is unknown."""
    kept, operations = _kept(request, campaign_id), state_of(request).serving.operations
    with operations.session() as session:
        row = session.get_one(Campaign, kept.plan.campaign_id)
        counts = session.execute(
            select(OutboxMessage.status, func.count())
            .where(OutboxMessage.campaign_id == row.campaign_id)
            .group_by(OutboxMessage.status)
        ).all()
        return CampaignOut(
            campaign_id=row.campaign_id,
            name=row.name,
            status=row.status,
            plan_hash=row.plan_hash,
            approver=kept.approver,
            created_at=row.created_at,
            launched_at=row.launched_at,
            outbox={str(status): int(number) for status, number in counts},
        )


def _kept(request: Request, campaign_id: str) -> records.Kept:
    try:
        return records.find(state_of(request).serving.operations, campaign_id)
    except CampaignError as error:
        raise HTTPException(404, str(error)) from error
