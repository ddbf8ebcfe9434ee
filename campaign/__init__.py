"""Deciding: audience, offers, budget, stock and test design. Pure: no chat model, no settings."""
