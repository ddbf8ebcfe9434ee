"""Generates `LEADERBOARD.md` from the recorded runs: each task with its floors, the published figure and ours."""

from collections.abc import Sequence
from pathlib import Path

from eval.record import RUNS, Record, read_runs

HEADLINES: dict[str, tuple[str, ...]] = {
    "orchestrator": (
        "tool_accuracy",
        "full_accuracy",
        "decline_recall",
        "false_decline_rate",
        "median_decision_s",
        "invalid_calls",
        "extra_arguments",
    ),
    "plans": ("needed_tools", "full_plans", "median_plan_s"),
    "answers": ("clean", "fallback_share", "exceptions", "claims"),
    "consistency": ("pass^4",),
    "session_purchase": (
        "roc_auc",
        "pr_auc",
        "ece",
        "ece_perfect",
        "roc_auc_without_page_values",
        "pr_auc_without_page_values",
        "ece_without_page_values",
    ),
    "next_purchase": ("roc_auc", "pr_auc", "ece", "ece_perfect"),
    "campaign_response": ("roc_auc", "pr_auc", "profit", "journey/roc_auc", "journey/pr_auc", "journey/lift@10%"),
    "sequential_rec": ("hr@10", "ndcg@10", "video_games/hr@10", "video_games/ndcg@10"),
    "bench features": ("events", "seconds", "growth", "peak_mb"),
    "bench search": ("recall@10", "p50_ms", "p95_ms", "lists_p95_ms", "queries_per_second", "index_mb", "encoding"),
    "bench forecast": ("series", "wape", "series_per_second", "faster"),
    "bench recommend": ("users", "items", "users_per_second", "faster/ALS", "faster/cosine", "ndcg@20"),
    "bench agent": ("faster", "decision_s", "one_tool_answer_s", "first_word_s", "peak_mb", "same_tool"),
}
"""The metrics of each task that the leaderboard shows, in this order; a task that is not named shows all."""

PUBLISHED: dict[str, dict[str, dict[str, float]]] = {
    "sequential_rec": {
        "SASRec (in Zhou et al. 2020)": {"hr@10": 0.0605, "ndcg@10": 0.0318},
        "S3-Rec (Zhou et al. 2020)": {"hr@10": 0.0647, "ndcg@10": 0.0327},
    },
    "session_rec": {
        "SR-GNN, on the official test days": {"p@20": 0.507},
        "GCE-GNN, on the official test days": {"p@20": 0.542, "mrr@20": 0.19},
    },
    "session_purchase": {"XGBoost, on all sessions": {"roc_auc": 0.937, "pr_auc": 0.754}},
}
"""Of each task: what others report on the same data, as source → metric → value."""

_INTRODUCTION = """# Leaderboard

Made from the recorded runs by `shopkeeper eval TASK --record`; edit nothing here by hand. Brackets hold bootstrap 95%
intervals. The latest run of a task comes first and older ones stay, those that lost too. A run marked * was made with
changes that were not committed.
"""


def write(runs: Path = RUNS) -> Path:
    """Writes the leaderboard beside the recorded runs and gives its path."""
    path = runs.with_name("LEADERBOARD.md")
    path.write_text(page(read_runs(runs)), encoding="utf-8")
    return path


def page(records: Sequence[Record]) -> str:
    """The whole leaderboard as Markdown; the same records, the same text."""
    tasks = sorted({record.task for record in records})
    return "\n".join([_INTRODUCTION, *(_section(task, [r for r in records if r.task == task]) for task in tasks)])


def table(record: Record) -> list[tuple[str, ...]]:
    """Rows of one run for a terminal: metric, value, interval, then each floor; the first row is the header."""
    rows: list[tuple[str, ...]] = [("metric", "value", "95% interval", *record.floors)]
    for name, value in record.metrics.items():
        low, high = record.intervals.get(name, (None, None))
        bounds = "" if low is None or high is None else f"{_figure(low)} to {_figure(high)}"
        floors = (_figure(floor.get(name)) for floor in record.floors.values())
        rows.append((name, _figure(value), bounds, *floors))
    return rows


def _section(task: str, records: Sequence[Record]) -> str:
    latest = records[-1]
    shown = HEADLINES.get(task) or tuple(name for name in latest.metrics if "/" not in name)
    lines = [f"## {task}", "", _row(["", *shown, "where"]), _row(["---"] * (len(shown) + 2))]
    for name, metrics in latest.floors.items():
        lines.append(_row([f"floor: {name}", *(_figure(metrics.get(m)) for m in shown), ""]))
    for source, published in PUBLISHED.get(task, {}).items():
        lines.append(_row([f"published: {source}", *(_figure(published.get(m)) for m in shown), ""]))
    for age, record in enumerate(reversed(records)):
        lines.append(
            _row(["**ours**" if age == 0 else "ours, earlier", *(_cell(record, m) for m in shown), _at(record)])
        )
    return "\n".join(lines) + "\n"


def _cell(record: Record, name: str) -> str:
    value = _figure(record.metrics.get(name))
    if name not in record.intervals:
        return value
    low, high = record.intervals[name]
    return f"{value} [{_figure(low)}, {_figure(high)}]"


def _at(record: Record) -> str:
    given = " ".join(f"{name}={value}" for name, value in record.arguments.items())
    data = f"data {record.data_sha256[:6]}" if record.data_sha256 else ""
    return ", ".join(part for part in (record.commit[:8] + ("*" if record.dirty else ""), data, given) if part)


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _figure(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) > 1 else f"{value:.3g}"
