"""The agent as the evaluation sees it."""

from pathlib import Path

import pytest

from channels.measured import AgentBench
from data.errors import AgentError
from llm import weights


def test_without_a_language_model_nothing_is_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SHOPKEEPER_LLM_URL", raising=False)
    monkeypatch.setattr(weights, "_EXPORTED", Path("nowhere.gguf"))
    with pytest.raises(AgentError, match="export-model"):
        AgentBench(tmp_path)
