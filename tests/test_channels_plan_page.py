"""The plan's page: complete, self-contained, escaped, and the same bytes every time."""

import dataclasses
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from campaign.plan import Audience, Channel, Copy, Experiment, Figure, Member, Outlook, Person, Plan, Product, Week
from channels.plan_page import Standing, as_json, html, markdown, write
from data.errors import CampaignError

HOSTILE = 'Kettle <script>alert(1)</script> {{ 7 * 7 }} | # [x](http://evil.example) "quoted"'
VOID = {"meta", "br", "hr", "img", "input", "link", "path", "use"}


def _money(value: float) -> Figure:
    return Figure(value, "money", "a formula")


def _plan(**changes: object) -> Plan:
    plan = Plan(
        campaign_id="C-0001",
        name="Come back for autumn",
        goal="win_back",
        shop="Fern & Fable",
        currency="GBP",
        as_of="2026-09-30",
        start="2026-10-01",
        end="2026-10-15",
        window_days=14,
        budget=400.0,
        kept=6.0,
        discount=0.1,
        margin=Figure(0.5, "percent", "table products"),
        audience=Audience(
            "A-0001",
            "customers who went quiet",
            700,
            500,
            420,
            30,
            3,
            {"no recorded consent": 80},
            (Person("10233", 4, 120.4, 46.5, 0.05, 0.021),),
            1500.0,
            ("a note",),
        ),
        products=(
            Product("P0412", HOSTILE, "Camping", 24.9, 22.41, 0.4, 30.0, 12.0, 8.0, 16.0, 3.0, 15.0, "table products"),
            Product("P0413", "Socks", None, None, None, None, None, 1.0, 0.0, 2.0, 3.0, None, "table products"),
        ),
        channels=(
            Channel("email", 2, 12.5, 80.0, "2026-10-01 09:00 UTC", (), "messages"),
            Channel("google", 0, 100.0, 60.0, None, ((0.0, 0.0, 0.0, 0.0), (200.0, 70.0, 50.0, 90.0)), "curves"),
        ),
        copies=(Copy("email", "P0412", "en", "Subject\n" + HOSTILE, 41, 60, True, {HOSTILE: "products table"}),),
        outlook=Outlook(
            _money(1260.0),
            _money(-61.0),
            _money(1900.0),
            Figure(9.4, "count", "sum"),
            _money(394.0),
            _money(31.0),
            "experiment",
            "learnt from past messages",
            "Past logs say so.",
            "risky",
        ),
        test=Experiment(1, 0.15, 0.05, 0.02, 0.034, "2026-10-15", "It can show a little."),
        members=(
            Member("1", "treated", "email", 0.85),
            Member("2", "treated", "email", 0.85),
            Member("3", "holdout", "email", 0.15),
        ),
        demand_of="Camping",
        demand=(
            Week("2026-09-14", 20.0, None, None),
            Week("2026-09-21", 24.0, None, None),
            Week("2026-09-28", 22.0, 15.0, 30.0),
        ),
        risks=("A loss is possible.",),
        unknown=("Cost is unknown.",),
        changes=("More budget helps.",),
        assumptions=("A message costs 0.03.",),
        snapshot_id="91bc0e",
        models={"uplift": "3f9a12"},
        fingerprint="abc",
    )
    return dataclasses.replace(plan, **changes)  # type: ignore[arg-type]


class Page(HTMLParser):
    """Open tags must be closed, in order; ids must be unique."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.tags: set[str] = set()
        self.outside: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.ids += [value for key, value in attrs if key == "id" and value]
        self.outside += [v for k, v in attrs if k in {"src", "href", "xlink:href"} and v and not v.startswith("#")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_page_stands_alone_and_is_well_formed() -> None:
    page = Page(html(_plan()))
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert page.outside == []
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert "svg" in page.tags


def test_every_part_of_the_plan_is_on_the_page() -> None:
    for text in (" ".join("".join(Page(html(_plan())).words).split()), markdown(_plan())):
        for expected in (
            "Come back for autumn", "£1,260", "-£61.00", "£1,900", "£394.00", "1 Oct 2026", "15 Oct 2026",
            "80 left out",
            "no recorded consent", "10233", "120 days", "£24.90", "£22.41", "unknown", "email", "google", "41 of 60",
            "More budget helps", "Cost is unknown", "A loss is possible", "91bc0e", "3f9a12", _plan().content_hash,
        ):  # fmt: skip
            assert expected in text, expected


def test_every_figure_of_the_headline_names_its_source() -> None:
    titles = re.findall(r'class="fig" tabindex="0" title="([^"]*)"', html(_plan()))
    assert len(titles) >= 8
    assert all(titles)
    assert "[^profit]: a formula" in markdown(_plan())


def test_hostile_titles_stay_text() -> None:
    page = html(_plan(name=HOSTILE))
    assert "<script>" not in page
    assert "{{ 7 * 7 }}" in page
    text = markdown(_plan(name=HOSTILE))
    assert "<script>" not in text
    assert "](http" not in text
    assert text.splitlines()[0].startswith("# C-0001: Kettle \\<script\\>")
    rows = [line for line in text.splitlines() if line.startswith("| Kettle")]
    assert len(rows) == 1
    assert len(re.findall(r"(?<!\\)\|", rows[0])) == 8


def test_standing_is_shown_and_the_plan_is_not_changed_by_it() -> None:
    plan = _plan()
    assert "nobody yet" in html(plan)
    approved = html(plan, Standing("launched", "Ada <b>", "t-77"))
    assert "Ada &lt;b&gt;" in approved
    assert "t-77" in approved
    assert "nobody yet" not in approved
    assert json.loads(as_json(plan, Standing("launched")))["hash"] == plan.content_hash


def test_a_plan_without_reach_money_or_words_still_makes_a_page() -> None:
    bare = _plan(
        copies=(), channels=(), demand=(), members=(), budget=None, products=(), risks=("Nobody.",), changes=()
    )
    page = Page(html(bare))
    assert page.open == []
    assert "svg" not in page.tags
    assert "Nobody would get a message" in "".join(page.words)
    assert "about £1,500" in markdown(bare)


def test_the_same_plan_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = write(_plan(), tmp_path / "a"), write(_plan(), tmp_path / "b")
    assert {p.name for p in first.values()} == {"C-0001.md", "C-0001.json", "C-0001.html"}
    assert all(first[k].read_bytes() == second[k].read_bytes() for k in first)
    assert len(list((tmp_path / "a").iterdir())) == 3


def test_a_plan_survives_its_json_and_any_change_changes_its_hash() -> None:
    plan = _plan()
    again = Plan.from_json(plan.to_json())
    assert again == plan
    assert again.content_hash == plan.content_hash
    assert _plan(budget=401.0).content_hash != plan.content_hash
    assert _plan(members=plan.members[:2]).content_hash != plan.content_hash
    with pytest.raises(CampaignError, match="another version"):
        Plan.from_json('{"campaign_id": "C-0001"}')
