"""The agent, and the same model without what makes it fast: the two sides of `shopkeeper bench agent`.

Each `open_…` is called in a process of its own (`eval.sidebyside.Worker`) and returns what does one task.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.errors import SettingError

if TYPE_CHECKING:
    from eval.sidebyside import Do

_LONGEST = 100
"""Most tokens that the pipeline may write for one step; a call takes 5 to 60."""


def open_agent(store: Path) -> Do:
    """The agent over `store`, as people meet it."""
    from channels.measured import AgentBench, role_of

    bench = AgentBench(store)
    bench.agent("marketer")  # so that opening takes what loading the model and the shop takes

    def do(task: Any) -> Any:
        what, role, say, *more = task
        if what == "decide":
            made = bench.agent(role_of(role)).decide(say)
            return made.tool or ""
        agent = bench.agent(role_of(role), *more)
        started, heard = time.perf_counter(), list[float]()
        with agent.operations.rehearsal():
            answer = agent.ask(
                say, thread=str(time.monotonic_ns()), on_token=lambda _: heard.append(time.perf_counter() - started)
            )
        return len(answer.calls), heard[0] if heard else None

    return do


def open_pipeline() -> Do:
    """The base with the adapter merged in, in LangChain's Hugging Face pipeline.

    Raises `SettingError` when langchain-huggingface is not installed.
    """
    os.environ["TQDM_DISABLE"] = "1"  # two processes share one terminal, and the bench draws the bar
    try:
        from langchain_huggingface import HuggingFacePipeline
    except ImportError:
        raise SettingError("the pipeline is missing: run pip install --no-deps langchain-huggingface==1.2.3") from None
    from langchain_core.messages import HumanMessage, SystemMessage
    from peft import PeftModel
    from transformers import TextGenerationPipeline

    import prompts
    from llm import weights
    from llm.calls import parsed
    from llm.chatml import END
    from llm.transcript import prompt
    from training import base

    model, tokenizer = base.load("smollm2")
    merged: Any = PeftModel.from_pretrained(model, str(weights.ADAPTER)).merge_and_unload()
    merged.eval()
    writer = TextGenerationPipeline(  # type: ignore[no-untyped-call]
        model=merged,
        tokenizer=tokenizer,
        task="text-generation",
        max_new_tokens=_LONGEST,
        do_sample=False,
        return_full_text=False,
        eos_token_id=tokenizer.convert_tokens_to_ids(END),
    )
    chain = HuggingFacePipeline(pipeline=writer)

    def do(task: Any) -> str:
        _, role, say = task
        text = chain.invoke(prompt([SystemMessage(prompts.load(role).text), HumanMessage(say)]))
        call = parsed(text.removesuffix(END).strip())
        return call[0] if call else ""

    return do
