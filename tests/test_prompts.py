"""Prompt files: strict variables, versions and hashes."""

import pytest

import prompts


def test_a_prompt_carries_its_provenance() -> None:
    prompt = prompts.load("marketer")
    assert prompt.text
    assert (prompt.name, prompt.version, len(prompt.sha256)) == ("marketer", 1, 64)


def test_an_unknown_variable_raises() -> None:
    with pytest.raises(KeyError, match="takes"):
        prompts.load("marketer", mood="bad")


def test_an_unknown_prompt_raises() -> None:
    with pytest.raises(FileNotFoundError, match="no prompt poet"):
        prompts.load("poet")
