"""The quality report of a snapshot: missing, duplicate and impossible values, date gaps, drift, and rejected rows."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import jinja2
import numpy as np
import pandas as pd
from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from data.schema import TABLES
from data.store import Snapshot

STABLE, SHIFTED = 0.1, 0.25
"""Population stability index: below the first all is stable, above the second a distribution has clearly moved."""

_EXAMPLES = 3
_LONG_GAP_DAYS = 4
_GIANT = 100.0
_MARKS = {"good": ("fine", "green"), "note": ("note", "cyan"), "warn": ("look", "yellow")}


@dataclass(frozen=True)
class Section:
    """One check: its verdict (good, note, warn), a sentence that sums it up, and the table behind it."""

    title: str
    verdict: str
    summary: str
    table: pd.DataFrame

    @property
    def mark(self) -> str:
        """The verdict in a word."""
        return _MARKS[self.verdict][0]

    @property
    def rows(self) -> list[list[str]]:
        """The cells of the table as a reader sees them."""
        return [[_show(name, value) for name, value in row.items()] for row in self.table.to_dict("records")]


@dataclass(frozen=True)
class QualityReport:
    """All checks of one snapshot; `rows` counts the rows of each table."""

    shop: str
    snapshot_id: str
    period: str
    rows: dict[str, int]
    sections: tuple[Section, ...]

    def section(self, title: str) -> Section:
        """The section of that title; `KeyError` when there is none."""
        return {section.title: section for section in self.sections}[title]

    def to_html(self) -> str:
        """The report as one self-contained page, light or dark as the reader's system is."""
        template = (Path(__file__).parent / "quality.html.j2").read_text(encoding="utf-8")
        environment = jinja2.Environment(
            autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        return environment.from_string(template).render(report=self)

    def print(self, console: Console) -> None:
        """The report in the terminal; tables only where there is something to look at."""
        counts = " · ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in self.rows.items() if count)
        console.print(Text(f"{self.shop} · {self.period}", style="bold"), Text(counts, style="dim"), sep="\n")
        for section in self.sections:
            console.print(self._render(section))

    @staticmethod
    def _render(section: Section) -> Group:
        mark, colour = _MARKS[section.verdict]
        head = Text.assemble((f"{mark:5}", colour), (f"{section.title}: ", "bold"), section.summary)
        if section.verdict != "warn" or section.table.empty:
            return Group(head)
        table = Table(box=None, padding=(0, 2), header_style="dim")
        for column in section.table.columns:
            table.add_column(
                str(column), justify="right" if pd.api.types.is_numeric_dtype(section.table[column]) else "left"
            )
        for row in section.rows:
            table.add_row(*map(Text, row))
        return Group(head, table)


def assess(snapshot: Snapshot) -> QualityReport:
    """Runs every check on `snapshot`."""
    events = snapshot.frame("events")
    period = f"{events['at'].min():%d %b %Y} to {events['at'].max():%d %b %Y}" if len(events) else "no events"
    return QualityReport(
        shop=snapshot.name,
        snapshot_id=snapshot.id,
        period=period,
        rows={name: len(snapshot.frame(name)) for name in TABLES},
        sections=(
            _rejected(snapshot),
            _missing(snapshot),
            _duplicates(events),
            _impossible(snapshot),
            _date_gaps(events),
            _drift(snapshot),
        ),
    )


def _rejected(snapshot: Snapshot) -> Section:
    rejects = snapshot.rejects()
    if rejects.empty:
        return Section("Rejected rows", "good", "none", pd.DataFrame())
    groups = rejects.groupby(["reason", "column"], sort=False)
    table = groups.agg(rows=("row", "size"), examples=("record", _some)).reset_index()
    table = table.sort_values(["rows", "reason"], ascending=[False, True], ignore_index=True)
    summary = f"{_count(len(rejects), 'row is', 'rows are')} kept apart with the reason, in rejects.parquet"
    return Section("Rejected rows", "note", summary, table)


def _missing(snapshot: Snapshot) -> Section:
    """Columns with gaps, one a row; columns of which nothing is known, together in one row a table."""
    gaps: list[tuple[str, str, int, float]] = []
    unknown: list[tuple[str, str, int, float]] = []
    for name in TABLES:
        frame = snapshot.frame(name)
        missing = frame.isna().sum()
        gaps += [(name, str(column), int(n), n / len(frame)) for column, n in missing.items() if 0 < n < len(frame)]
        blank = [str(column) for column, n in missing.items() if len(frame) and n == len(frame)]
        unknown += [(name, ", ".join(blank), len(frame), 1.0)] if blank else []
    table = pd.DataFrame(gaps + unknown, columns=["table", "column", "missing", "share"])
    if table.empty:
        return Section("Missing values", "good", "none", table)
    parts = [_count(len(gaps), "column has gaps", "columns have gaps")] if gaps else []
    parts += ["what is unknown altogether is said, not invented"] if unknown else []
    return Section("Missing values", "warn" if gaps else "note", "; ".join(parts), table)


def _duplicates(events: pd.DataFrame) -> Section:
    columns = [column for column in events.columns if column != "event_id"]
    repeated = events[events.duplicated(columns, keep="first")]
    table = repeated.groupby("kind", as_index=False).size().rename(columns={"size": "repeats"})
    table["share"] = table["repeats"] / max(1, len(events))
    if repeated.empty:
        return Section("Duplicates", "good", "no event is an exact repeat of another", table)
    share = len(repeated) / len(events)
    summary = f"{len(repeated):,} events repeat another exactly ({share:.1%}); they are kept as they came"
    return Section("Duplicates", "warn", summary, table)


def _impossible(snapshot: Snapshot) -> Section:
    events, products = snapshot.frame("events"), snapshot.frame("products")
    goods = events[events["kind"].isin(["purchase", "return"])]
    bought = goods[goods["kind"] == "purchase"]
    typical = bought.groupby("product_id")["quantity"].transform("median")
    giant = bought[(bought["quantity"] > _GIANT * typical) & (bought["quantity"] > 10 * _GIANT)]
    checks = [
        ("purchase or return of no product", goods[goods["product_id"].isna()]["event_id"]),
        ("event of a product that is not in the table", _strangers(events, products, "product_id")),
        ("event of a customer who is not in the table", _strangers(events, snapshot.frame("customers"), "customer_id")),
        ("quantity not above zero", goods[goods["quantity"] <= 0]["event_id"]),
        (f"purchase of over {_GIANT:.0f} times the product's usual quantity", giant["product_id"]),
        ("price below zero", events[events["unit_price"] < 0]["event_id"]),
        ("purchase without a price", bought[bought["unit_price"].isna()]["event_id"]),
        ("cost above the price", products[products["cost"] > products["price"]]["product_id"]),
        ("customer and product with more returned than bought", _over_returned(goods)),
    ]
    rows = [(what, len(ids), _some(ids)) for what, ids in checks if len(ids)]
    table = pd.DataFrame(rows, columns=["what", "rows", "examples"])
    if table.empty:
        return Section("Impossible values", "good", "none", table)
    return Section(
        "Impossible values", "warn", f"{_count(len(table), 'kind', 'kinds')} of doubtful rows, kept as they came", table
    )


def _strangers(events: pd.DataFrame, known: pd.DataFrame, key: str) -> pd.Series:
    named = events[key].dropna()
    return named[~named.isin(known[key])].drop_duplicates()


def _over_returned(goods: pd.DataFrame) -> pd.Series:
    known = goods.dropna(subset=["customer_id", "product_id"])
    signed = known["quantity"].where(known["kind"] == "purchase", -known["quantity"])
    net = signed.groupby([known["customer_id"], known["product_id"]]).sum()
    over = net[net < 0].index.to_frame(index=False)
    return over["customer_id"] + " × " + over["product_id"]


def _date_gaps(events: pd.DataFrame) -> Section:
    days = events.loc[events["kind"] == "purchase", "at"].dt.normalize().drop_duplicates().sort_values()
    columns = ["last day before", "first day after", "days without a sale"]
    if len(days) < 2:
        return Section("Date gaps", "note", "too few days with sales to judge", pd.DataFrame(columns=columns))
    every_day = pd.date_range(days.min(), days.max())
    quiet = every_day.difference(pd.DatetimeIndex(days))
    length = days.diff().dt.days.sub(1)
    long = length[length >= _LONG_GAP_DAYS]
    table = pd.DataFrame(
        {
            columns[0]: days.shift()[long.index].dt.strftime("%d %b %Y"),
            columns[1]: days[long.index].dt.strftime("%d %b %Y"),
            columns[2]: long.astype("int64"),
        }
    ).reset_index(drop=True)
    closed = [
        name
        for name in every_day.day_name().unique()
        if (quiet.day_name() == name).sum() == (every_day.day_name() == name).sum()
    ]
    summary = f"{len(quiet):,} of {len(every_day):,} days have no sale"
    summary += f", among them every {' and '.join(closed)}" if closed else ""
    summary += f"; {_count(len(table), 'gap', 'gaps')} of {_LONG_GAP_DAYS} days or more" if len(table) else ""
    return Section("Date gaps", "warn" if len(table) else "good", summary, table)


def _drift(snapshot: Snapshot) -> Section:
    """Compares the first with the last quarter of the period by the population stability index."""
    columns = ["what", "stability index", "verdict"]
    events = snapshot.frame("events")
    if len(events) < 100:
        return Section("Drift", "note", "too few events to judge", pd.DataFrame(columns=columns))
    first, last = _ends(events)
    category = snapshot.frame("products").set_index("product_id")["category"]
    country = snapshot.frame("customers").set_index("customer_id")["country"]
    measures: list[tuple[str, float]] = []
    for what, column in (("unit price", "unit_price"), ("quantity", "quantity")):
        measures.append((what, _psi(*_binned(first[column], last[column]))))
    measures.append(("kind of event", _psi(first["kind"], last["kind"])))
    measures.append(("category", _psi(first["product_id"].map(category), last["product_id"].map(category))))
    measures.append(("customer's country", _psi(first["customer_id"].map(country), last["customer_id"].map(country))))
    measures.append(("hour of the day", _psi(first["at"].dt.hour, last["at"].dt.hour)))
    known = [(what, index, _stability(index)) for what, index in measures if not np.isnan(index)]
    table = pd.DataFrame(known, columns=columns).sort_values(columns[1], ascending=False, ignore_index=True)
    moved = table.loc[table[columns[1]] > SHIFTED, "what"].tolist()
    volume = len(last) / max(1, len(first))
    summary = f"the last quarter of the period has {volume:.2f} times the events of the first"
    summary += f"; {', '.join(moved)} clearly moved" if moved else "; no distribution clearly moved"
    return Section("Drift", "warn" if moved else "good", summary, table)


def _ends(events: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    start, end = events["at"].min(), events["at"].max()
    quarter = (end - start) / 4
    return events[events["at"] <= start + quarter], events[events["at"] >= end - quarter]


def _binned(first: pd.Series, last: pd.Series) -> tuple[pd.Series, pd.Series]:
    edges = np.unique(first.dropna().quantile(np.linspace(0, 1, 11)).to_numpy())[1:-1]
    return tuple(pd.Series(np.searchsorted(edges, part.dropna())) for part in (first, last))  # type: ignore[return-value]


def _psi(first: pd.Series, last: pd.Series) -> float:
    """Population stability index: sum of (q - p) ln(q / p) over the values; NaN where either side is empty."""
    p, q = first.value_counts(normalize=True), last.value_counts(normalize=True)
    if p.empty or q.empty:
        return float("nan")
    values = p.index.union(q.index)
    floor = 1e-4  # a value that one side lacks would count infinitely
    share_p = p.reindex(values).astype("float64").fillna(0).clip(lower=floor)
    share_q = q.reindex(values).astype("float64").fillna(0).clip(lower=floor)
    return float(((share_q - share_p) * np.log(share_q / share_p)).sum())


def _stability(index: float) -> str:
    return "stable" if index <= STABLE else "moved a little" if index <= SHIFTED else "moved"


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _some(values: Iterable[str]) -> str:
    shown = [str(value) for value in values]
    return ", ".join(shown[:_EXAMPLES]) + (" …" if len(shown) > _EXAMPLES else "")


def _show(name: object, value: object) -> str:
    if isinstance(value, float):
        return f"{value:.1%}" if name == "share" else f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
