"""Task `budget`: shares of a budget chosen on some ads, valued by what other ads earned (Facebook ads of KAG); and the
product's own allocation against the known curves of the demo shop.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from campaign.budget import DAYS, allocate, hedged_shares, optimal_split
from data.demo_shop import DemoShop, generate
from data.errors import DataError, SettingError
from data.store import Store
from eval.task import Inputs, Outcome
from models.ad_cells import CellCurves
from models.calibration import Array
from models.response import ResponseModel

FILE = Path("kag_ads") / "kag_conversion.csv.gz"
CELL = ("age", "gender")
SPLITS = 20

_COLUMNS = (*CELL, "Spent", "Total_Conversion")
_DRAWS = 100
_BUDGETS = (0.25, 0.5, 1.0, 2.0)
"""Budgets for the demo shop, as multiples of what it usually spends in four weeks."""


def evaluate(inputs: Inputs) -> Outcome:
    """Twenty 50/50 splits of the ads, or the given files; then the demo shop, unless files were given.

    `conversions_per_spend` is Σ share × (conversions / spend of the cell's test ads); intervals hold 95% of bootstraps
    of the test ads over all splits. `demo_oracle_share` is the profit of the product's allocation under the demo
    shop's true curves, as a share of what the best allocation would earn.
    """
    pairs, files = _pairs(inputs)
    found = []
    for number, (train, test) in enumerate(pairs):
        inputs.report("splits", number, len(pairs))
        found.append(compare(train, test, seed=inputs.seed + number))
    inputs.report("splits", len(pairs), len(pairs))
    names = list(found[0])
    means = {name: float(np.mean([one[name][0] for one in found])) for name in names}
    gains = np.concatenate([(one["ours"] - one["proportional split"])[1:] for one in found])
    drawn = np.concatenate([one["ours"][1:] for one in found])
    metrics = {
        "conversions_per_spend": means["ours"],
        "gain_over_proportional": means["ours"] / means["proportional split"] - 1.0,
    }
    if inputs.test is None:
        inputs.report("demo shop", 0, 1)
        metrics |= demo_shares(generate())
        inputs.report("demo shop", 1, 1)
    floors = {name: {"conversions_per_spend": value} for name, value in means.items() if name != "ours"}
    share_of = means["proportional split"]
    return Outcome(
        metrics=metrics,
        intervals={
            "conversions_per_spend": _middle(drawn),
            "gain_over_proportional": _middle(gains / share_of),
        },
        floors=floors,
        files=files,
    )


def read(path: Path) -> pd.DataFrame:
    """One row an ad: cell, spend, conversions. `DataError` names what is missing; the date is not looked at."""
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError, pd.errors.ParserError) as error:
        raise DataError(f"{path} cannot be read as a table: {error}") from None
    absent = [column for column in _COLUMNS if column not in table]
    if absent:
        raise DataError(f"{path} has no column {', '.join(absent)}")
    numbers = table[["Spent", "Total_Conversion"]].apply(pd.to_numeric, errors="coerce")
    wrong = numbers[numbers.isna().any(axis=1) | (numbers < 0).any(axis=1)]
    if len(wrong):
        raise DataError(f"{path}, line {int(wrong.index[0]) + 2}: Spent and Total_Conversion must be 0 or more")
    cell = table[list(CELL)].astype(str).agg(" ".join, axis=1)
    return pd.DataFrame({"cell": cell, "spend": numbers["Spent"], "conversions": numbers["Total_Conversion"]})


def compare(train: pd.DataFrame, test: pd.DataFrame, *, seed: int) -> dict[str, Array]:
    """By way to share: the value on `test`, first of its ads as they are, then of `_DRAWS` bootstraps of them.

    Only cells that cost something in `test` can be valued, so each way's shares are of these; a cell that `train`
    does not know gets nothing.
    """
    cells = sorted(set(train["cell"]) & set(test.loc[test["spend"] > 0, "cell"]))
    if not cells:
        raise DataError("no cell of age and gender has ads with spend in both parts")
    train, test = train[train["cell"].isin(cells)], test[test["cell"].isin(cells)]
    place = train["cell"].map({cell: number for number, cell in enumerate(cells)}).to_numpy()
    spend, earned = train["spend"].to_numpy("float64"), train["conversions"].to_numpy("float64")
    budget = float(spend.sum())
    curves = CellCurves.fitted(spend, earned, place, len(cells), seed=seed)
    ways = {
        "ours": hedged_shares(curves.ceilings[1:], curves.scales[1:], budget),
        "proportional split": np.bincount(place, spend, len(cells)) / budget,
        "equal split": np.full(len(cells), 1 / len(cells)),
        "best curve without its doubt": hedged_shares(curves.ceilings[:1], curves.scales[:1], budget),
    }
    rates = _rates(test, cells, seed)
    return {name: np.asarray(rates @ shares) for name, shares in ways.items()}


def demo_shares(shop: DemoShop) -> dict[str, float]:
    """Profit under the true curves as a share of the oracle's: the mean over several budgets, and the least."""
    tables = {"products": shop.tables["products"], "ad_spend": shop.tables["ad_spend"]}
    tables["events"] = shop.tables["events"].tail(100)  # the last event says what day it is
    with tempfile.TemporaryDirectory() as folder:
        snapshot = Store(Path(folder)).write(tables, name="Demo", currency="EUR", source="demo")
        model = ResponseModel().fit(snapshot)
    margin = model.margin or 0.0
    curves = shop.truth["response"].set_index("channel")
    worth = margin * curves["ceiling"] * curves["revenue_per_conversion"]
    truth = {str(name): (float(worth[name]), float(curves["scale"][name])) for name in curves.index}
    spent = shop.tables["ad_spend"]
    usual = DAYS * float(spent["spend"].sum()) / max(spent["day"].nunique(), 1)
    shares = []
    for multiple in _BUDGETS:
        budget = round(usual * multiple, 2)
        rows = allocate(model, budget=budget, margin=margin).rows
        ours = {str(channel): float(spend) for channel, spend in zip(rows["channel"], rows["spend"], strict=True)}
        best = optimal_split(truth, budget, DAYS, worth=1.0)
        shares.append(_profit(truth, ours) / _profit(truth, best))
    return {"demo_oracle_share": float(np.mean(shares)), "demo_oracle_share_least": min(shares)}


def _profit(truth: Mapping[str, tuple[float, float]], spends: Mapping[str, float]) -> float:
    return sum(
        DAYS * truth[channel][0] * -float(np.expm1(-spend / DAYS / truth[channel][1])) - spend
        for channel, spend in spends.items()
    )


def _rates(test: pd.DataFrame, cells: list[str], seed: int) -> Array:
    """Conversions per spend of each cell, (1 + draws, cells): ads of a cell are drawn again within it."""
    rng = np.random.default_rng([seed, 1])
    columns = []
    for cell in cells:
        ads = test.loc[test["cell"] == cell, ["spend", "conversions"]].to_numpy("float64")
        drawn = rng.multinomial(len(ads), np.full(len(ads), 1 / len(ads)), size=_DRAWS)
        sums = np.vstack([np.ones((1, len(ads))), drawn]) @ ads
        whole = sums[0, 1] / sums[0, 0]
        columns.append(np.divide(sums[:, 1], sums[:, 0], out=np.full(len(sums), whole), where=sums[:, 0] > 0))
    return np.column_stack(columns)


def _pairs(inputs: Inputs) -> tuple[list[tuple[pd.DataFrame, pd.DataFrame]], list[Path]]:
    if inputs.train is not None and inputs.test is not None:
        return [(read(inputs.train), read(inputs.test))], [inputs.train, inputs.test]
    if inputs.train is not None or inputs.test is not None:
        raise SettingError("give both --train and --test for the budget, or neither")
    path = None if inputs.data is None else inputs.data / FILE
    if path is None or not path.exists():
        raise SettingError("name ads with --train and --test, or the folder of the benchmark data with --data")
    ads = read(path)
    pairs = []
    for number in range(SPLITS):
        order = np.random.default_rng([inputs.seed, number]).permutation(len(ads))
        half = len(ads) // 2
        pairs.append((ads.iloc[order[:half]], ads.iloc[order[half:]]))
    return pairs, [path]


def _middle(values: Array) -> tuple[float, float]:
    return float(np.quantile(values, 0.025)), float(np.quantile(values, 0.975))
