"""Cleaning: broken evaluations and rows given twice are left out with a word, or kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from emergence import Records, classify, classify_tasks, fit_threshold, simulate
from emergence.cli.main import main
from emergence.curves.smooth.logistic import logistic
from emergence.errors import DataError
from emergence.records.as_points import as_points
from emergence.records.cleaning import broken
from emergence.records.points import Points

SHAPES = {
    "hinge": lambda x: 0.5 * np.maximum(2.2 - x, 0),
    "step": lambda x: np.where(x < 2.2, 0.5, 0.0),
    "steep": lambda x: logistic(x, 2.2, 0.03, 0.75),
    "line": lambda x: 0.3 * (3.2 - x),
}


def _spoiled(seed: int, value: float = 0.0) -> tuple[Points, int]:
    """Points of a logistic curve, one of the high scores replaced."""
    points = simulate("logistic", n=60, rng=seed).select()
    place = int(np.flatnonzero(points.value > 0.5)[seed])
    values = points.value.copy()
    values[place] = value
    return replace(points, value=values), place


@pytest.mark.parametrize("shape", sorted(SHAPES))
@pytest.mark.parametrize("sd", [0.004, 0.02])
def test_no_sound_score_is_left_out(shape: str, sd: float) -> None:
    for seed in range(20):
        assert not broken(simulate(SHAPES[shape], n=60, sd=sd, rng=seed).select()).any()


def test_a_broken_evaluation_is_named_and_left_out() -> None:
    points, place = _spoiled(3)
    kept = as_points(points)
    assert kept.size == 59
    assert points.loss[place] not in kept.loss
    assert f"0 at loss {points.loss[place]:.4g}" in kept.notes[0]
    verdict = classify(points, n_boot=99)
    assert any("broken evaluations" in w for w in verdict.warnings)


def test_it_is_kept_on_request() -> None:
    points, _ = _spoiled(3)
    fit = fit_threshold(points, n_boot=99, outliers="keep")
    assert fit.points.size == 60
    assert not any("broken" in w for w in fit.warnings)
    with pytest.raises(DataError, match="drop or keep"):
        fit_threshold(points, outliers="maybe")  # type: ignore[arg-type]


def test_each_run_is_judged_by_itself() -> None:
    points = simulate("logistic", n=120, n_runs=4, rng=1).select()
    assert as_points(points).size == 120
    values = points.value.copy()
    highest = np.argsort(points.loss)
    place = int(highest[np.flatnonzero(points.value[highest] > 0.5)[8]])
    values[place] = 0.0
    kept = as_points(replace(points, value=values))
    assert kept.size == 119
    assert f"0 at loss {points.loss[place]:.4g}" in kept.notes[0]


def test_a_score_that_goes_on_falling_did_not_break() -> None:
    """Worse with every step: no curve here describes it, but it is no broken evaluation."""
    loss = np.linspace(3.0, 2.0, 60)
    value = np.where(loss > 2.3, 0.5, 0.5 - 1.5 * (2.3 - loss))
    rng = np.random.default_rng(0)
    assert not broken(Points(loss=loss, value=value + rng.normal(0, 0.004, 60))).any()


def test_rows_given_twice_count_once() -> None:
    points = simulate("hinge", n=40, rng=1).select()
    again = as_points(np.tile(points.loss, 2), np.tile(points.value, 2), chance=0.25)
    assert again.size == 40
    assert "40 rows" in again.notes[0]
    once = fit_threshold(points.loss, points.value, chance=0.25, n_boot=99)
    twice = fit_threshold(np.tile(points.loss, 2), np.tile(points.value, 2), chance=0.25, n_boot=99)
    assert once.interval() == twice.interval()


def test_repeated_measurements_are_not_duplicates() -> None:
    """Where equal losses go with different scores, equal scores are chance."""
    loss = np.repeat(np.linspace(2, 3, 10), 3)
    value = np.tile([0.25, 0.3, 0.25], 10)
    assert as_points(loss, value).size == 30


def test_tables_and_the_command_line_keep_them_on_request(tmp_path, capsys) -> None:
    frame = simulate("logistic", n=60, rng=3).to_frame()
    frame.loc[frame["value"].idxmax(), "value"] = 0.0
    records = Records(frame)
    assert len(classify_tasks(records, n_boot=99)[0].points.loss) == 59
    assert len(classify_tasks(records, n_boot=99, outliers="keep")[0].points.loss) == 60
    path = tmp_path / "runs.csv"
    frame.to_csv(path, index=False)
    main(["fit", str(path), "--n-boot", "99"])
    assert "broken evaluations" in capsys.readouterr().out
    main(["fit", str(path), "--n-boot", "99", "--outliers", "keep", "--loss-sd", "0.1"])
    assert "broken evaluations" not in capsys.readouterr().out
