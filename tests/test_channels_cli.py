"""The command line through its own doors: the commands, what they print, and how failures end."""

import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from agent.build import open_agent
from agent.orchestrator import Agent
from channels import terminal
from channels.cli import COMMANDS, Commands, app
from channels.commands_chat import talk
from channels.commands_plan import make
from channels.options import Session
from data.errors import AgentError, CampaignError
from data.store import Store
from llm.scripted import ScriptedChat, ScriptedWriter
from tests.shop import Shop, small_shop
from tools.base import Citation, Fact

RETAIL = """InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country
536365,85123A,WHITE HANGING HEART,6,2010-12-01 08:26:00,2.55,17850,United Kingdom
536365,71053,WHITE METAL LANTERN,6,2010-12-01 08:26:00,3.39,17850,United Kingdom
536366,22633,HAND WARMER UNION JACK,6,2010-12-02 08:28:00,1.85,13047,France
536367,84406B,CREAM CUPID HEARTS COAT HANGER,-8,2010-12-03 08:34:00,2.75,13047,France
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A copy of the small trained shop, so that campaigns and traces of this file stay here."""
    shared = small_shop()
    root = tmp_path_factory.mktemp("cli") / "shop"
    shutil.copytree(shared.store.root, root)
    return Shop(Store(root), shared.snapshot, shared.models, shared.index, shared.operations)


def run(*arguments: str, **options: object) -> Result:
    return CliRunner().invoke(app, list(arguments), **options)  # type: ignore[arg-type]


def agent_saying(store: Store, *texts: str, task: str = "chat", copies: tuple[str, ...] = ()) -> Agent:
    return open_agent(
        store.root,
        task=task,  # type: ignore[arg-type]
        chat=ScriptedChat(texts=list(texts)),
        writer=ScriptedWriter(copies),
    )


def screen() -> tuple[terminal.Screen, io.StringIO]:
    file = io.StringIO()
    return terminal.Screen(file, width=100), file


# --- help and options -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_with_an_example(name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0
    assert f"shopkeeper {name}" in result.stdout
    assert "--debug" in result.stdout


def test_help_loads_nothing_heavy() -> None:
    heavy = "{'pandas', 'torch', 'langchain', 'duckdb', 'xllamacpp', 'matplotlib'}"
    code = f"import channels.cli, sys; sys.exit(' '.join({heavy} & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("before", "after", "environment", "named"),
    [
        ([], ["--store", "after"], {"SHOPKEEPER_STORE": "outside"}, "after"),
        (["--store", "before"], [], {"SHOPKEEPER_STORE": "outside"}, "before"),
        ([], [], {"SHOPKEEPER_STORE": "outside"}, "outside"),
        ([], [], {}, "var"),
    ],
)
def test_the_store_is_the_one_named_nearest_to_the_command(
    before: list[str],
    after: list[str],
    environment: dict[str, str],
    named: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*before, "train", *after, env={"SHOPKEEPER_STORE": None, **environment})
    assert result.exit_code == 2
    assert f"the store {named} is empty" in result.stderr


# --- failures -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ["train"],
        ["quality"],
        ["chat", "--say", "hello"],
        ["chat", "--role", "shopper", "--customer", "1", "--say", "hello"],
        ["chat", "--customer", "1"],
        ["plan", "win back everybody"],
        ["approve", "C-0001", "--by", "Ada"],
        ["approve", "C-0001"],
        ["launch", "C-0001"],
        ["replay", "no-such-trace.json"],
        ["ingest", "no-such-file.csv", "--format", "online-retail"],
        ["ingest", "no-such-file.csv", "--format", "events"],
        ["ingest", "no-such-file.csv", "--format", "carrier-pigeon"],
        ["eval", "juggling"],
        ["eval", "orchestrator", "--test", "no-such-file.jsonl"],
        ["eval", "statements", "--limit", "5"],
        ["bench", "juggling"],
        ["bench", "features", "--requests", "5"],
        ["export-model", "--adapter", "nowhere"],
        ["finetune", "--resume", "--out", "nowhere"],
        ["dance"],
    ],
)
def test_a_failure_is_one_sentence_and_exit_code_2(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*arguments, env={"SHOPKEEPER_STORE": None})
    assert result.exit_code == 2, result.output
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    assert "Traceback" not in result.output
    assert list(tmp_path.glob("var/snapshots/*")) == []


def test_debug_shows_where_it_came_from(tmp_path: Path) -> None:
    result = run("train", "--store", str(tmp_path), "--debug")
    assert result.exit_code == 2
    assert "Traceback" in result.stderr
    assert result.stderr.strip().splitlines()[-1].startswith("the store")


def failing_with(error: BaseException) -> Result:
    """What becomes of `error` when a command ends with it."""
    probe = typer.Typer(cls=Commands, pretty_exceptions_enable=False)

    @probe.callback()
    def root(context: typer.Context) -> None:
        context.obj = Session()

    @probe.command()
    def fail() -> None:
        raise error

    return CliRunner().invoke(probe, ["fail"])


def test_ctrl_c_says_that_nothing_is_half_written() -> None:
    result = failing_with(KeyboardInterrupt())
    assert (result.exit_code, result.stderr) == (130, "Stopped; nothing is half-written.\n")


def test_a_full_disk_and_a_defect_are_told_apart() -> None:
    full = failing_with(OSError(28, "No space left on device", "var/snapshots"))
    assert (full.exit_code, full.stderr) == (2, "The system refused var/snapshots: No space left on device.\n")
    defect = failing_with(ZeroDivisionError("division by zero"))
    assert defect.exit_code == 1
    assert "--debug" in defect.stderr


# --- data and models ------------------------------------------------------------------------------------------


def test_ingest_reports_and_a_second_time_changes_nothing(tmp_path: Path) -> None:
    source, store = tmp_path / "retail.csv", tmp_path / "store"
    source.write_text(RETAIL, encoding="utf-8")
    first = run("ingest", str(source), "--format", "online-retail", "--store", str(store))
    assert first.exit_code == 0, first.output
    assert "4 rows read" in first.stdout
    assert "Missing values" in first.stdout
    assert Store(store).quality_path.read_text(encoding="utf-8").startswith("<!doctype html>")
    snapshot = Store(store).snapshot_id
    second = run("ingest", str(source), "--format", "online-retail", "--store", str(store))
    assert "nothing changed" in second.stdout
    assert Store(store).snapshot_id == snapshot


def test_a_broken_file_names_row_and_column_and_leaves_the_store(tmp_path: Path) -> None:
    good, bad, store = tmp_path / "good.csv", tmp_path / "bad.csv", tmp_path / "store"
    good.write_text(RETAIL, encoding="utf-8")
    bad.write_text(RETAIL.replace("3.39", "cheap"), encoding="utf-8")
    run("ingest", str(good), "--format", "online-retail", "--store", str(store))
    before = Store(store).snapshot_id
    result = run("ingest", str(bad), "--format", "online-retail", "--store", str(store))
    assert result.exit_code == 2
    assert "row 3" in result.stderr
    assert "UnitPrice" in result.stderr
    assert Store(store).snapshot_id == before


def test_assumed_consent_is_recorded_with_its_reason(tmp_path: Path) -> None:
    source, store = tmp_path / "retail.csv", tmp_path / "store"
    source.write_text(RETAIL, encoding="utf-8")
    arguments = ["--format", "online-retail", "--assume-consent", "a club with a form", "--store", str(store)]
    assert run("ingest", str(source), *arguments).exit_code == 0
    customers = Store(store).snapshot().frame("customers")
    assert customers["consent_email"].all()
    assert set(customers["consent_source"]) == {"a club with a form"}


def test_train_says_what_each_model_is_worth(tiny_store: Store, tmp_path: Path) -> None:
    root = tmp_path / "store"
    shutil.copytree(tiny_store.root, root)
    result = run("train", "--store", str(root))
    assert result.exit_code == 0, result.output
    for words in ("will buy within 30 days", "next new items", "weekly demand", "what a message adds"):
        assert words in result.stdout


def test_the_demo_never_replaces_a_real_shop(tiny_store: Store, tmp_path: Path) -> None:
    root = tmp_path / "store"
    shutil.copytree(tiny_store.root, root)
    before = Store(root).snapshot_id
    result = run("demo", "--store", str(root))
    assert result.exit_code == 2
    assert "Tiny" in result.stderr
    assert Store(root).snapshot_id == before


# --- talking --------------------------------------------------------------------------------------------------


def recommended(shop: Shop) -> tuple[str, str]:
    """A call and an answer about the shop's best customer, as the model would decode them."""
    call = json.dumps({"customer_id": shop.buyer(), "limit": 2}, separators=(",", ":"))
    return f"call recommend_products {call}", "Customer {a.customer} may like the {a1.title} for {a1.price}."


def test_chat_shows_calls_figures_and_their_sources(shop: Shop) -> None:
    shown, file = screen()
    agent = agent_saying(shop.store, *recommended(shop))
    talk(shown, agent, ["Which two things suit our best customer?"], thread="shown")
    said = file.getvalue()
    title = shop.ask("recommend_products", customer_id=shop.buyer(), limit=2).rows[0].facts["title"]
    assert f"▸ recommend_products(customer_id={shop.buyer()}, limit=2)" in said
    assert f"{title.display} [2]" in " ".join(said.split())
    assert "[2]" in said.split("may like")[1].split("\n\n")[0]
    assert title.source in " ".join(said.split())


def test_chat_as_json_gives_one_object_a_line_with_every_source(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    call, prose = recommended(shop)
    agent = agent_saying(shop.store, call, prose, "You are welcome.")
    talk(screen()[0], agent, ["Which two things suit our best customer?", "thank you"], thread="json", as_json=True)
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    for citation in first["citations"]:
        assert first["text"][citation["start"] : citation["end"]] == citation["display"]
        assert citation["source"]
    assert [c["tool"] for c in first["calls"]] == ["recommend_products"]
    assert Path(first["trace"]).is_file()
    assert (second["text"], second["calls"], second["citations"]) == ("You are welcome.", [], [])


def test_a_thread_goes_on_in_the_next_run(shop: Shop) -> None:
    call, prose = recommended(shop)
    talk(
        screen()[0], agent_saying(shop.store, call, prose), ["Which two things suit our best customer?"], thread="kept"
    )
    later, file = screen()
    talk(later, agent_saying(shop.store, "As said, the {a1.title}."), ["which was it?"], thread="kept")
    title = shop.ask("recommend_products", customer_id=shop.buyer(), limit=2).rows[0].facts["title"].display
    assert f"As said, the {title} [1]." in " ".join(file.getvalue().split())


def test_a_failed_question_ends_a_script_but_not_a_conversation(shop: Shop) -> None:
    with pytest.raises(AgentError, match="under"):
        talk(screen()[0], agent_saying(shop.store), ["x" * 100_000], thread="long")
    patient, file = screen()
    talk(patient, agent_saying(shop.store, "Hello."), ["🧺 你好" * 30_000, "hello"], thread="patient", forgiving=True)
    assert "under" in file.getvalue()
    assert "agent  Hello." in file.getvalue()


def test_a_shopper_must_be_a_customer_and_a_marketer_is_none(shop: Shop) -> None:
    store = str(shop.store.root)
    stranger = run("chat", "--role", "shopper", "--customer", "nobody", "--say", "hello", "--store", store)
    assert "no customer nobody" in stranger.stderr
    assert "10001" in stranger.stderr
    assert "--role shopper" in run("chat", "--customer", "10001", "--say", "hello", "--store", store).stderr


# --- plans ----------------------------------------------------------------------------------------------------

DRAFT = 'call draft_campaign {"name":"Come back","goal":"win_back","channels":["email"],"budget":100}'


@pytest.fixture
def campaign(shop: Shop) -> str:
    agent = agent_saying(shop.store, DRAFT, "{a.campaign} is ready.", task="plan", copies=("{p.title}",) * 4)
    return make(screen()[0], agent, shop.store, "Win back customers by email for 100")


def test_a_plan_is_written_approved_and_launched(shop: Shop, campaign: str) -> None:
    store = ["--store", str(shop.store.root)]
    pages = shop.store.root / "campaigns"
    assert {p.suffix for p in pages.glob(f"{campaign}.*")} == {".md", ".json", ".html"}
    early = run("launch", campaign, *store)
    assert early.exit_code == 2
    assert f"shopkeeper approve {campaign} --by NAME" in early.stderr
    doubted = run("approve", campaign, "--by", "Ada  Miller", *store)
    assert doubted.exit_code == 2
    assert "--despite-risk" in doubted.stderr
    approved = run("approve", campaign, "--by", "Ada  Miller", "--despite-risk", "a small test", *store)
    assert "approved by Ada Miller" in approved.stdout
    launched = run("launch", campaign, *store)
    assert launched.exit_code == 0, launched.output
    assert launched.stdout == run("launch", campaign, *store).stdout
    contacted = json.loads((pages / f"{campaign}.json").read_text(encoding="utf-8"))["plan"]["members"]
    treated = sum(member["arm"] == "treated" for member in contacted)
    assert f"{treated:,} messages wait" in launched.stdout


def test_an_approval_needs_a_campaign_and_a_name(shop: Shop, campaign: str) -> None:
    store = ["--store", str(shop.store.root)]
    assert "no campaign C-9999" in run("approve", "C-9999", "--by", "Ada", *store).stderr
    assert "name" in run("approve", campaign, "--by", "  ", *store).stderr


def test_a_brief_without_a_plan_says_so(shop: Shop) -> None:
    shown, file = screen()
    agent = agent_saying(shop.store, "What should the campaign achieve?", task="plan")
    with pytest.raises(CampaignError, match="name a goal"):
        make(shown, agent, shop.store, "hm")
    assert "What should the campaign achieve?" in file.getvalue()
    broken = agent_saying(shop.store, DRAFT.replace('"email"', '"pigeon"'), "Sorry, {a.message}.", task="plan")
    with pytest.raises(CampaignError, match="no channel pigeon"):
        make(shown, broken, shop.store, "by pigeon")


# --- replay ---------------------------------------------------------------------------------------------------


def test_replay_gives_the_same_bytes_until_a_price_changes(shop: Shop, tmp_path: Path) -> None:
    agent = agent_saying(shop.store, *recommended(shop))
    trace = agent.ask("Which two things suit our best customer?", thread="replayed").trace
    assert trace is not None
    same = run("replay", str(trace), "--store", str(shop.store.root))
    assert (same.exit_code, "the same bytes" in same.stdout) == (0, True)
    root = tmp_path / "changed"
    shutil.copytree(shop.store.root, root)
    parquet = Store(root).snapshot().path / "products.parquet"
    products = Store(root).snapshot().frame("products").copy()
    products["price"] += 1
    products.to_parquet(parquet, index=False)
    changed = run("replay", str(trace), "--store", str(root))
    assert changed.exit_code == 1
    assert "different" in changed.stdout
    assert any(line.startswith("+") and "£" in line for line in changed.stdout.splitlines())


# --- the terminal ---------------------------------------------------------------------------------------------


def test_titles_cannot_rewrite_the_screen() -> None:
    shown, file = screen()
    shown.asked("\x1b[2J\x1b[31mred [bold]not markup[/bold]\x07 \u202egnirts")
    assert file.getvalue() == "you    [2J[31mred [bold]not markup[/bold] gnirts\n"


def test_numbers_stand_behind_figures_and_sources_are_shared() -> None:
    price, name = (
        Fact("price", 4.5, "money", "£4.50", "products table"),
        Fact("title", "Mug", "name", "Mug", "products table"),
    )
    share = Fact("share", 0.31, "percent", "31%", "118 of 381 buyers")
    cited = (
        Citation(1, "a1.title", name, 4, 7),
        Citation(2, "a1.price", price, 17, 22),
        Citation(3, "a1.share", share, 26, 29),
    )
    assert terminal.with_numbers("The Mug costs now £4.50 and 31%", cited[:1]) == "The Mug [1] costs now £4.50 and 31%"
    assert terminal.source_lines(cited) == ["[1] [2] products table", "[3] 118 of 381 buyers"]


def test_long_words_reach_a_pipe_whole() -> None:
    shown, file = screen()
    path = "var/" + "folder/" * 40 + "C-0001.html"
    shown.say(path)
    assert file.getvalue() == path + "\n"
