"""Contest: shapes compete for a data set, and again for every replicate of it."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from emergence import simulate
from emergence.curves.catalogue import COMPETING, ONSETS
from emergence.engine.contest import VISIBLE, onset_contest, smooth_contest, threshold_contest
from emergence.engine.problem import Problem, make_problem
from emergence.errors import DataError


def problem(shape: str = "hinge", **options: object) -> Problem:
    return make_problem(simulate(shape, **({"n": 60, "rng": 1} | options)).select())  # type: ignore[arg-type]


def columns(p: Problem, size: int = 60) -> np.ndarray:
    return p.wy[:, None] + np.random.default_rng(0).normal(0, 0.02, (p.n, size))


def test_the_best_criterion_is_that_of_the_best_shape() -> None:
    p = problem()
    contest = threshold_contest(p, COMPETING, fit_level=False)
    table = contest.criteria(columns(p))
    assert table.shape == (len(COMPETING), 60)
    np.testing.assert_allclose(contest.best(columns(p)), table.min(axis=0))
    np.testing.assert_allclose(contest.profiles(columns(p)).min(axis=0), table.min(axis=0))


def test_a_shortlist_changes_no_winner() -> None:
    """It leaves out only what replicates like these never choose."""
    for shape in ("hinge", "jump", "logistic"):
        p = problem(shape)
        data = columns(p, 200)
        for contest in (threshold_contest(p, COMPETING, fit_level=False), smooth_contest(p)):
            short = contest.shortlist(data)
            np.testing.assert_allclose(short.best(data), contest.best(data), rtol=1e-6)  # single
            assert short.stack.of.size < contest.stack.of.size


@given(st.integers(0, 200), st.sampled_from(["hinge", "power", "jump", "logistic"]))
@settings(max_examples=12)
def test_the_polish_never_makes_worse(seed: int, shape: str) -> None:
    contest = threshold_contest(problem(shape, rng=seed), COMPETING, fit_level=True)
    for grid, polished in zip(contest.candidates(), contest.refined(), strict=True):
        assert polished.family is grid.family
        assert polished.rss <= grid.rss * (1 + 1e-9)


def test_a_jump_stands_in_the_middle_of_its_gap() -> None:
    p = problem("jump", sd=0.001)
    jump = threshold_contest(p, (ONSETS["jump"],), fit_level=False).refined()[0]
    below, above = p.x[p.x < jump.theta[0]].max(), p.x[p.x >= jump.theta[0]].min()
    assert jump.theta[0] == pytest.approx(0.5 * (below + above))


def test_at_one_threshold_only_that_threshold_is_tried() -> None:
    p = problem()
    here = threshold_contest(p, COMPETING, fit_level=False, etas=np.array([0.3]))
    assert {float(c.theta[0]) for c in here.polished_at_eta(np.inf)} == {0.3}
    criteria = [c.bic for c in here.polished_at_eta(10.0)]
    assert criteria == sorted(criteria)
    assert criteria[-1] <= criteria[0] + 10.0


def test_derivatives_are_those_of_the_curve() -> None:
    p = problem("saturating", sd=0.001)
    best = threshold_contest(p, (ONSETS["saturating"],), fit_level=False).refined()[0]
    slopes = best.jacobian(p.x, level=True)
    assert slopes.shape == (1 + 1 + best.theta.size, p.n)
    np.testing.assert_array_equal(slopes[0], 1.0)
    np.testing.assert_allclose(best.amps[1] * slopes[1], best.ability(p.x), atol=1e-12)


def test_grids_are_made_again_and_never_pickled() -> None:
    p = problem()
    contest = threshold_contest(p, COMPETING, fit_level=False)
    before = contest.best(columns(p))
    assert len(pickle.dumps(contest)) < 30_000 < contest.stack.rows.nbytes
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(contest)).best(columns(p)), before)


def test_the_plateau_is_chance_unless_it_visibly_is_not() -> None:
    """``auto`` fits the level only where that gains more than ``VISIBLE`` BIC."""
    at_chance = onset_contest(problem(), "auto", "auto")
    assert not at_chance.fit_level
    frame = simulate("hinge", n=60, rng=1).to_frame()
    above = make_problem(simulate("hinge", n=60, rng=1).select())
    lifted = frame.assign(value=frame["value"] + 0.1)
    from emergence import Records

    free = onset_contest(make_problem(Records(lifted).select()), "auto", "auto")
    assert free.fit_level
    known = onset_contest(free.problem, "auto", "chance")
    gain = known.best(free.problem.wy[:, None])[0] - free.best(free.problem.wy[:, None])[0]
    assert gain > VISIBLE
    assert onset_contest(above, "auto", "fitted").fit_level


@pytest.mark.parametrize(("shape", "plateau"), [("square", "auto"), ("auto", "floor")])
def test_what_does_not_exist_is_named(shape: str, plateau: str) -> None:
    with pytest.raises(DataError, match="is not known: auto, "):
        onset_contest(problem(), shape, plateau)  # type: ignore[arg-type]
