"""Task `lifetime`: purchases of each customer in weeks 40 to 78 from those of weeks 1 to 39 (CDNOW)."""

from pathlib import Path

import numpy as np
import pandas as pd

from data.errors import DataError, SettingError
from eval.metrics import interval
from eval.plots import Deciles
from eval.task import Inputs, Outcome
from models.lifetime import purchase_days
from models.lifetime_mix import Forecast, check_span, forecast

FILE = Path("cdnow") / "CDNOW_sample.txt.gz"
WEEKS, AHEAD = 39, 39

_ROUNDS = 500
_FIVE = ("customer_id", "sample_id", "day", "units", "money")
_FOUR = ("customer_id", "day", "units", "money")


def evaluate(inputs: Inputs) -> Outcome:
    """Fits on weeks 1 to 39 of one file and compares with its weeks 40 to 78.

    `mae` and `rmse` are of purchases a customer (days with a purchase), `total_error` the absolute relative error of
    their sum, `total_bias` the same with its sign; `money_mae` and `money_total_error` are of dollars.
    """
    if inputs.train is not None:
        raise SettingError("lifetime fits and tests on weeks of one file: name it with --test alone")
    path = inputs.test or (None if inputs.data is None else inputs.data / FILE)
    if path is None or not path.exists():
        raise SettingError("name a CDNOW file with --test, or the folder of the benchmark data with --data")
    days = purchase_days(read(path))
    start = days["day"].min()
    check_span(days, start=start, weeks=WEEKS)
    inputs.report("lifetime", 0, 1)
    found = forecast(days, start=start, weeks=WEEKS, ahead=AHEAD, seed=inputs.seed)
    real = later(days, found, start=start)
    rows = found.rows
    inputs.report("lifetime", 1, 1)
    mean_rate = np.full(len(rows), (days["day"] < start + pd.Timedelta(weeks=WEEKS)).sum() / len(rows) - 1.0)
    return Outcome(
        metrics=scores(real, rows["purchases"], rows["purchases"] * rows["spend"]) | {"customers": float(len(rows))},
        intervals=intervals(real, rows["purchases"], seed=inputs.seed),
        floors={
            "BG/NBD and Gamma-Gamma": scores(real, rows["bgnbd"], rows["bgnbd"] * rows["spend"]),
            "our expectations (means)": scores(real, rows["mean"], rows["value"]),
            "everyone as on average before": scores(real, mean_rate, mean_rate * rows["spend"].mean()),
        },
        files=[path],
        plots={
            "deciles": Deciles(
                real["purchases"].to_numpy("float64"),
                {
                    "our expectations (means)": rows["mean"].to_numpy("float64"),
                    "BG/NBD": rows["bgnbd"].to_numpy("float64"),
                    "our point forecasts": rows["purchases"].to_numpy("float64"),
                },
                "Purchases of weeks 40 to 78, foreseen and real",
                "purchases a customer",
            )
        },
    )


def read(path: Path) -> pd.DataFrame:
    """Purchases of a CDNOW file: customer_id, day, units, money, one row a line.

    Blank separated; five columns (master id, sample id, date, units, dollars) without a header, or four (id, date,
    units, dollars) with or without one. `DataError` names the line that does not fit.
    """
    try:
        lines = pd.read_csv(path, sep="\x01", header=None, dtype=str, skip_blank_lines=True, quoting=3)[0]
    except (pd.errors.ParserError, pd.errors.EmptyDataError, OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as lines of purchases: {error}") from None
    cells = lines.str.strip().str.replace('"', "", regex=False).str.split(r"[\s,;]+", regex=True, expand=True)
    width = int(cells.iloc[-1].notna().sum())
    if width not in (4, 5) or cells.shape[1] < width:
        raise DataError(f"{path}: its last line has {width} columns; a CDNOW file has four or five")
    head = int(pd.to_numeric(cells[width - 1].head(1), errors="coerce").isna().sum())
    frame = cells.iloc[head:, :width].set_axis(list(_FIVE if width == 5 else _FOUR), axis=1)
    frame["day"] = pd.to_datetime(frame["day"].str.replace("-", "", regex=False), format="%Y%m%d", errors="coerce")
    for column in ("units", "money"):
        frame[column] = pd.to_numeric(frame[column], errors="coerce")
    wrong = frame[frame[["customer_id", "day", "units", "money"]].isna().any(axis=1)]
    if len(wrong):
        raise DataError(
            f"{path}, line {int(wrong.index[0]) + 1}: not a purchase of id, date (as 19970101), units and dollars"
        )
    return frame[["customer_id", "day", "units", "money"]].reset_index(drop=True)


def later(days: pd.DataFrame, found: Forecast, *, start: pd.Timestamp) -> pd.DataFrame:
    """Purchases and money of the weeks to predict, of the customers known before them (index as in `found.rows`)."""
    end = start + pd.Timedelta(weeks=WEEKS)
    ahead = days[(days["day"] >= end) & (days["day"] < end + pd.Timedelta(weeks=AHEAD))]
    sums = ahead.groupby("customer_id").agg(purchases=("day", "size"), money=("money", "sum"))
    return sums.reindex(found.rows.index).fillna(0.0).astype("float64")


def scores(real: pd.DataFrame, purchases: pd.Series | np.ndarray, money: pd.Series | np.ndarray) -> dict[str, float]:
    """The metrics of one forecast of each customer's purchases and money."""
    miss = np.asarray(purchases) - real["purchases"].to_numpy()
    bias = miss.sum() / max(real["purchases"].sum(), 1e-9)
    dollars = np.asarray(money) - real["money"].to_numpy()
    return {
        "mae": float(np.abs(miss).mean()),
        "rmse": float(np.sqrt((miss**2).mean())),
        "total_error": float(abs(bias)),
        "total_bias": float(bias),
        "money_mae": float(np.abs(dollars).mean()),
        "money_total_error": float(abs(dollars.sum()) / max(real["money"].sum(), 1e-9)),
    }


def intervals(real: pd.DataFrame, purchases: pd.Series, *, seed: int) -> dict[str, tuple[float, float]]:
    """95% bootstrap intervals over customers."""
    y, guess = real["purchases"].to_numpy(), purchases.to_numpy()
    miss = guess - y
    drawn = np.random.default_rng(seed).multinomial(len(y), np.full(len(y), 1 / len(y)), size=_ROUNDS)
    bias = drawn @ miss / np.maximum(drawn @ y, 1e-9)
    found = {"total_bias": (float(np.quantile(bias, 0.025)), float(np.quantile(bias, 0.975)))}
    for name, bounds in (("mae", interval(list(np.abs(miss)), seed=seed)), ("squared", interval(list(miss**2)))):
        if bounds is not None and name == "squared":
            found["rmse"] = (float(np.sqrt(bounds[0])), float(np.sqrt(bounds[1])))
        elif bounds is not None:
            found[name] = bounds
    return found
