"""Misfit: points that no shape describes are told from those that one does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from emergence import classify, fit_threshold, simulate
from emergence._residuals import order_in
from emergence.curves.catalogue import ONSETS
from emergence.engine.contest import smooth_contest, threshold_contest
from emergence.engine.misfit import at_edge, hidden, resting_on
from emergence.engine.problem import make_problem, with_run_noise
from emergence.engine.replicates import trend_scale
from emergence.noise.misfit import second_bend
from emergence.noise.runs import RunNoise
from emergence.records.as_points import as_points


def _two_waves(loss: np.ndarray) -> np.ndarray:
    first = -np.expm1(-8.0 * np.maximum(2.6 - loss, 0.0))
    return 0.1 * first - 0.3 * np.expm1(-8.0 * np.maximum(2.0 - loss, 0.0))


def _warned(shape: object, seed: int) -> bool:
    fit = fit_threshold(simulate(shape, n=60, rng=seed).select(), n_boot=99)  # type: ignore[arg-type]
    return any("no shape fits" in w for w in fit.warnings)


def test_two_waves_are_said() -> None:
    assert sum(_warned(_two_waves, seed) for seed in range(10)) >= 8


@pytest.mark.parametrize("shape", ["hinge", "jump", "saturating", "sigmoid", "ceiling"])
def test_sound_points_are_left_in_peace(shape: str) -> None:
    assert sum(_warned(shape, seed) for seed in range(12)) <= 2


def test_order_in_residuals_is_about_normal() -> None:
    rng = np.random.default_rng(0)
    draws = np.array([order_in(rng.normal(size=80)) for _ in range(400)])
    assert abs(draws.mean()) < 0.3
    assert 0.85 < draws.std() < 1.15
    assert order_in(np.sin(np.linspace(0, 6, 80))) > 5


def test_a_second_bend_is_found_where_it_is_and_not_what_the_fit_could_say_itself() -> None:
    rng, x = np.random.default_rng(1), np.linspace(0, 1, 100)
    places = np.linspace(0.1, 0.9, 17)
    bends = np.maximum(places[:, None] - x, 0.0)
    noise = rng.normal(0, 0.01, 100)
    design = np.array([np.ones(100), x])
    basis = np.linalg.qr(design.T)[0]

    def left(y: np.ndarray) -> np.ndarray:
        return y - basis @ (basis.T @ y)

    best, gain = second_bend(left(noise + bends[8]), design, bends)
    assert (best, gain > 50) == (8, True)
    assert second_bend(left(noise + 3 * x), design, bends)[1] < 14


def test_uneven_errors_are_seen_and_even_ones_left_alone() -> None:
    rng, x = np.random.default_rng(2), np.linspace(0, 1, 150)
    even = [trend_scale(x, rng.normal(size=150)) for _ in range(100)]
    assert np.mean([scale.std() > 0 for scale in even]) < 0.15
    grown = [trend_scale(x, rng.normal(size=150) * np.exp(1.5 * x)) for _ in range(50)]
    ratio = np.median([scale[-1] / scale[0] for scale in grown])
    assert 3.0 < ratio < 6.0  # e^1.5 is 4.5


def test_signs_are_seen_in_runs_too_and_sound_runs_left_in_peace() -> None:
    """Of one curve for all runs, whose errors follow each other."""
    how = {"n": 120, "n_runs": 6, "rho": 0.5, "offset_sd": 0.005}

    def warned(shape: object, seed: int) -> bool:
        points = simulate(shape, **how, rng=seed).select()  # type: ignore[arg-type]
        fit = fit_threshold(points, runs="offset+ar1", n_boot=99)
        return any("no shape fits" in w for w in fit.warnings)

    assert sum(warned("hinge", seed) for seed in range(12)) <= 3
    assert sum(warned(_two_waves, seed) for seed in range(6)) >= 4


def test_a_label_does_not_rest_on_one_score() -> None:
    """A jump before the last checkpoint alone."""
    rng = np.random.default_rng(0)
    loss = np.linspace(3.2, 1.8, 60)
    value = 0.25 + rng.normal(0, 0.01, 60)
    value[-1] = 0.5
    problem = make_problem(as_points(loss, value, chance=0.25, outliers="keep"))
    last = threshold_contest(problem, (ONSETS["hinge"],), fit_level=False).candidates()[0]
    assert "0.5 at loss 1.8" in resting_on(problem, last)
    assert classify(loss, value, chance=0.25, n_boot=199, outliers="keep").label == "undetermined"
    sound = fit_threshold(simulate("hinge", n=60, rng=1).select(), n_boot=99).core
    assert resting_on(sound.problem, sound.candidates[0]) == ""


def test_errors_that_could_hide_any_curve_give_no_label() -> None:
    rng = np.random.default_rng(1)
    loss = np.linspace(3.0, 2.0, 80)
    drift = np.cumsum(rng.normal(0, 0.02, 80)) + 0.4
    problem = make_problem(as_points(loss, drift, run="a", tokens=np.arange(1.0, 81.0)))
    problem = with_run_noise(problem, RunNoise(0.0, 0.0004, 0.98))
    best = smooth_contest(problem).candidates()[0]
    beside = replace(best, amps=best.amps + np.array([0.5, 0.0]))
    assert "passes to one side of the scores" in hidden(problem, beside)
    assert hidden(with_run_noise(problem, RunNoise(0.0, 0.0004, 0.5)), beside) == ""
    assert at_edge(with_run_noise(problem, RunNoise(0.0, 0.0004, 0.5))) == ""
    assert "the autocorrelation of a run's errors is at the end of its range" in at_edge(problem)
    offsets = with_run_noise(problem, RunNoise(40.0, 0.0004, 0.0))
    assert "the offsets of runs are at the end of their range" in at_edge(offsets)


def test_errors_at_the_end_of_their_range_are_said_and_end_in_no_flat() -> None:
    """A run that wanders about chance: whether anything rises there its errors do not say."""
    labels = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        loss = np.linspace(3.2, 1.8, 60)
        value = 0.3 + np.cumsum(rng.normal(0, 0.01, 60)) + rng.normal(0, 0.0005, 60)
        points = as_points(loss, value, run="a", tokens=np.arange(1.0, 61.0), outliers="keep")
        verdict = classify(points, n_boot=199)
        noise = verdict.trial.common.core.problem.run_model.noise
        assert noise is not None
        if noise.at_edge:
            labels.append(verdict.label)
            assert any("end of its range" in w for w in verdict.trial.common.warnings)
    assert labels
    assert "flat" not in labels


@pytest.mark.parametrize("shape", ["hinge", "jump", "logistic"])
def test_scores_without_errors_leave_no_errors_that_follow_each_other(shape: str) -> None:
    verdict = classify(simulate(shape, n=80, n_runs=1, sd=0.0, rng=1).select(), n_boot=199)
    noise = verdict.trial.common.core.problem.run_model.noise
    assert noise is not None
    assert noise.rho == 0.0
    assert verdict.label == ("smooth" if shape == "logistic" else "emergent")
