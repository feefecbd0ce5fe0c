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
from emergence.engine.grid import Shapes, amplitudes, bic, curve, explained, least_bic, make_stack
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
        theta = contest(problem, family, free).stack.theta
        theta = theta[:: max(1, len(theta) // 12)]
        stack = make_stack(problem, [Shapes(family, theta, free)])
        found, levels = stack.gains(columns), stack.levels(columns)[0]
        looked = explained(problem, family, theta, free=free)
        np.testing.assert_allclose(looked, found[:, 0], atol=1e-9 * (problem.wy @ problem.wy))
        for i, t in enumerate(theta):
            row = family.basis(problem.x, t[None])[0] * problem.root_w
            if np.linalg.norm(row) < 1e-11:
                continue  # the tail of a curve that lies outside the data: no column
            level = [problem.root_w, -problem.root_w] if stack.free[0] else []
            design = np.column_stack([*level, row])
            for j in range(2):
                rest = nnls(design, columns[:, j])[1] ** 2
                total = columns[:, j] @ columns[:, j]
                assert found[i, j] + levels[j] == pytest.approx(total - rest, abs=1e-9 * total)
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
        expected = problem.wy @ problem.wy - levels[0] - found[:, 0]
        np.testing.assert_allclose(rss, expected, atol=1e-9 * (problem.wy @ problem.wy))


def test_the_least_of_each_group_is_that_of_its_rows() -> None:
    rng = np.random.default_rng(0)
    problem = make_problem(as_points(rng.uniform(1.7, 3.2, 40), rng.normal(0, 1, 40)))
    columns = rng.normal(0, 1, (40, 300))
    etas = problem.etas(40)
    known, free = (
        threshold_contest(problem, COMPETING, fit_level=level, etas=etas) for level in (False, True)
    )
    for stack in (known.stack, free.stack, free.stack.where(rng.permutation(free.stack.of.size))):
        rss = stack.rss(columns)
        apart = [rss[stack.of == i].min(axis=0) for i in range(len(COMPETING))]
        np.testing.assert_allclose(
            stack.least_rss(columns), apart, rtol=1e-6
        )  # in single precision
        few = columns[:, :3]  # then projections are ordered rather than rows
        np.testing.assert_allclose(stack.least_rss(few), np.array(apart)[:, :3])
        half = rng.integers(0, 2, stack.of.size) * len(COMPETING) + stack.of
        table = stack.least_by(half, 2 * len(COMPETING), columns)
        np.testing.assert_allclose(table[3], rss[half == 3].min(axis=0), rtol=1e-6)
    some = known.stack.only([2, 4])
    assert [f.name for f in some.families] == [COMPETING[i].name for i in (2, 4)]
    np.testing.assert_allclose(some.least_rss(columns), known.stack.least_rss(columns)[[2, 4]])
    gone = known.stack.where(known.stack.of != 1)
    assert np.isinf(gone.least_rss(columns)[1]).all()
    assert len(gone.present().families) == len(COMPETING) - 1


def test_joint_criterion_is_that_of_one_part_and_of_one_variance() -> None:
    assert (
        bic(2.5, [40], 3)
        == bic(2.5, 40, 3)
        == pytest.approx(40 * np.log(2.5 / 40) + 3 * np.log(40))
    )
    parts = bic(2.5 + 1e-9, [40, 20], 3)
    assert parts == pytest.approx(60 * np.log(2.5 / 60) + 3 * np.log(40) + 3 * np.log(20))
    rss, k = np.array([[2.5, 1.0], [2.0, 3.0]]), np.array([3, 5])
    least = np.min([bic(rss[0], [40, 20], 3), bic(rss[1], [40, 20], 5) + 4.0], axis=0)
    np.testing.assert_allclose(least_bic(rss, [40, 20], k, np.array([0.0, 4.0])), least)


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


def test_precise_data_are_told_apart_in_double_precision() -> None:
    """Replicates around one curve, their errors from a tenth to a millionth of it."""
    rng = np.random.default_rng(3)
    problem = make_problem(as_points(rng.uniform(1.7, 3.2, 150), rng.normal(0, 1, 150)))
    stack = threshold_contest(problem, COMPETING, fit_level=False, etas=problem.etas(40)).stack
    mean = 5.0 * stack.rows[[700]].T + 3.0 * stack.rows[[300]].T
    for size in (0.1, 1e-2, 1e-4, 1e-6):
        columns = mean + size * rng.normal(0, 1, (150, 64))
        least = stack.rss(columns)
        exact = [least[stack.of == i].min(axis=0) for i in range(len(COMPETING))]
        off = 150 * np.abs(np.log(stack.least_rss(columns) / exact))
        assert off.max() < 0.02, size  # of a unit of BIC
