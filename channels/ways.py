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
    from tools.base import Writer

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


def open_writer() -> Writer:
    """The chat model as a writer of copy: the server that the environment names, else the embedded model.

    Raises `AgentError` when the embedded model has not been exported yet.
    """
    import prompts
    from agent.build import default_model
    from llm import endpoint, local

    if server := endpoint.configured():
        return endpoint.EndpointWriter(server, prompts.load("general_copy").text)
    return local.LocalWriter(default_model(), prompts.load("copy").text)


def render_letters(root: Path, letters: int) -> float:
    """Seconds in which `letters` letters of the campaign in a store are filled in, as HTML and as text."""
    import json

    from sqlalchemy import select

    from channels.mail import outbox
    from channels.mail.letter import letter
    from channels.mail.links import Links, secret_of
    from channels.mail.render import Template
    from channels.mail.settings import required
    from data.operations import Operations, OutboxMessage

    operations, settings = Operations(root / "shop.db"), required(root)
    try:
        plan = outbox.plan_of(operations, "C-0001")
        with operations.session() as session:
            rows = session.execute(select(OutboxMessage.customer_id, OutboxMessage.payload_json).limit(letters)).all()
    finally:
        operations.close()
    links, template = Links(settings.public_url, secret_of(root)), Template()
    started = time.perf_counter()
    for number in range(letters):
        customer, content = rows[number % len(rows)]
        template.fill(letter(plan, customer, json.loads(content), settings=settings, links=links))
    return time.perf_counter() - started
