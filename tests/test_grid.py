"""Every gain of the profile against non-negative least squares."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.optimize import nnls

from emergence.curves.catalogue import COMPETING, ONSETS, SMOOTH, smooth_families
from emergence.curves.family import Family
from emergence.engine.contest import Contest, smooth_contest, threshold_contest
from emergence.engine.grid import amplitudes, best_gain, bic, curve, gains, joint_bic, make_blocks
from emergence.engine.problem import Problem, make_problem
from emergence.records.as_points import as_points


def contest(problem: Problem, family: Family, free: bool) -> Contest:
    """One family on its grid."""
    if family.side == "threshold":
        return threshold_contest(problem, (family,), fit_level=free)
    return replace(smooth_contest(problem), families=(family,))


@given(seed=st.integers(0, 2**32 - 1), free=st.booleans(), ties=st.booleans())
@settings(max_examples=25)
def test_gains_and_amplitudes_equal_nnls(seed: int, free: bool, ties: bool) -> None:
    rng = np.random.default_rng(seed)
    loss = rng.uniform(1.7, 3.2, 25)
    loss = np.round(loss, 1) if ties else loss
    value = 0.4 * np.maximum(2.4 - loss, 0) + rng.normal(0, 0.1, 25)
    problem = make_problem(as_points(loss, value, weights=rng.uniform(0.2, 3, 25)))
    columns = np.column_stack([problem.wy, rng.normal(0, 1, 25)])
    for family in (*COMPETING, *smooth_families(problem.scale)):
        theta = contest(problem, family, free).blocks[0].theta
        theta = theta[:: max(1, len(theta) // 12)]
        block = make_blocks(family, theta, family.basis(problem.x, theta), problem, (free,))[0]
        found = gains(block, columns)
        for i, t in enumerate(theta):
            row = family.basis(problem.x, t[None])[0] * problem.root_w
            if np.linalg.norm(row) < 1e-11:
                continue  # the tail of a curve that lies outside the data: no column
            level = [problem.root_w, -problem.root_w] if block.level is not None else []
            design = np.column_stack([*level, row])
            for j in range(2):
                rest = nnls(design, columns[:, j])[1] ** 2
                total = columns[:, j] @ columns[:, j]
                extra = (block.level @ columns[:, j]) ** 2 if block.level is not None else 0.0
                assert found[i, j] + extra == pytest.approx(total - rest, abs=1e-9 * total)
        amps = amplitudes(
            family,
            theta,
            problem,
            np.repeat(problem.wy[:, None], len(theta), axis=1),
            fit_level=free,
        )
        assert (amps[:, 1:] >= 0).all()
        fit = curve(family, theta, amps, problem.x) * problem.root_w
        rss = ((problem.wy - fit) ** 2).sum(axis=1)
        level_gain = (block.level @ problem.wy) ** 2 if block.level is not None else 0.0
        expected = problem.wy @ problem.wy - level_gain - found[:, 0]
        np.testing.assert_allclose(rss, expected, atol=1e-9 * (problem.wy @ problem.wy))


def test_best_gain_is_the_largest() -> None:
    rng = np.random.default_rng(0)
    problem = make_problem(as_points(rng.uniform(1.7, 3.2, 40), rng.normal(0, 1, 40)))
    columns = rng.normal(0, 1, (40, 300))
    for family in COMPETING:
        block = contest(problem, family, True).blocks[0]
        level = (block.level @ columns) ** 2
        np.testing.assert_allclose(
            best_gain(block, columns), gains(block, columns).max(axis=0) + level
        )


def test_joint_criterion_is_that_of_one_part_and_of_one_variance() -> None:
    assert joint_bic([2.5], [40], [3]) == pytest.approx(bic(2.5, 40, 3))
    parts = joint_bic([2.5, 1e-9], [40, 20], [3, 2])
    assert parts == pytest.approx(60 * np.log(2.5 / 60) + 3 * np.log(40) + 2 * np.log(20))


def test_curves_fall_with_the_loss() -> None:
    x = np.linspace(0, 1, 101)
    problem = make_problem(as_points(np.linspace(1.7, 3.2, 10), np.arange(10.0)))
    for family in (f.on(problem.scale) for f in (*ONSETS.values(), *SMOOTH.values())):
        etas = np.repeat([[0.3], [0.8]], len(family.grid), axis=0)
        theta = family.grid
        if family.side == "threshold":
            theta = np.hstack([etas, np.tile(family.grid, (2, 1))])
        rows = family.basis(x, theta)
        assert (np.diff(rows, axis=1) <= 1e-12).all(), family.name
        if family.side == "threshold":
            assert not rows[:, x >= 0.8].any()
        places = np.repeat(x[None], len(theta), axis=0)
        np.testing.assert_array_equal(family.basis(places, theta), rows)


def test_candidate_thresholds_keep_points_below_and_bounded_size() -> None:
    loss = np.random.default_rng(1).uniform(1.0, 2.0, 1000)
    problem = make_problem(as_points(loss, loss))
    x, grid = problem.x, problem.etas()
    assert grid.size <= 160
    assert (np.diff(grid) > 0).all()
    assert grid[0] > x[2]
    assert grid[-1] == x[-1]
