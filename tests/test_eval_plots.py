"""Pictures: every kind is a PNG, names are safe for files, and a task without pictures says so."""

from pathlib import Path

import numpy as np
import pytest

from eval.plots import Calibration, Deciles, Fan, Lift, Plot, Qini, save

RNG = np.random.default_rng(0)
CHANCES = RNG.random(500)
LABELS = (RNG.random(500) < CHANCES).astype("float64")
WEEKS = np.arange(12.0)
PLOTS: dict[str, Plot] = {
    "calibration": Calibration(LABELS, CHANCES, "a test"),
    "lift of all / by chance": Lift(LABELS, {"ours": CHANCES, "floor": RNG.random(500)}, "a test"),
    "fan": Fan(WEEKS, WEEKS, WEEKS, WEEKS - 2, WEEKS + 2, "a test", "units"),
    "qini": Qini({"ours": CHANCES}, RNG.random(500) < 0.5, LABELS, "a test"),
    "deciles": Deciles(LABELS, {"ours": CHANCES}, "A test", "hits"),
}


def test_each_kind_is_written_as_png(tmp_path: Path) -> None:
    found = save(PLOTS, tmp_path / "pictures")
    assert [path.name for path in found] == [
        "calibration.png",
        "lift_of_all_by_chance.png",
        "fan.png",
        "qini.png",
        "deciles.png",
    ]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in found)


@pytest.mark.parametrize("labels", [np.zeros(7), np.ones(7)])
def test_a_class_that_is_missing_is_drawn_all_the_same(labels: np.ndarray, tmp_path: Path) -> None:
    chances = np.linspace(0.1, 0.9, 7)
    found = save({"a": Calibration(labels, chances, "x"), "b": Lift(labels, {"ours": chances}, "x")}, tmp_path)
    assert len(found) == 2


def test_the_same_figures_give_the_same_picture(tmp_path: Path) -> None:
    first, second = save({"a": PLOTS["fan"], "b": PLOTS["fan"]}, tmp_path)
    assert first.read_bytes() == second.read_bytes()
