"""Turns a planner's or model's mendable error into the tool failure that the LLM reads."""

from collections.abc import Iterator
from contextlib import contextmanager

from data.errors import CampaignError, ModelError, ToolError


@contextmanager
def mendable() -> Iterator[None]:
    """A `CampaignError` or `ModelError` inside becomes a `ToolError` with the same words."""
    try:
        yield
    except (CampaignError, ModelError) as error:
        raise ToolError(str(error)) from error
