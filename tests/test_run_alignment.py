"""Run alignment: one curve, moved along the loss axis run by run."""

from __future__ import annotations

import numpy as np
import pytest

from emergence import simulate
from emergence.engine.problem import Problem, make_problem
from emergence.engine.runs.covariance import structured
from emergence.errors import DataError
from emergence.fits.runs.alignment import align, fit_onsets, make_templates, shifted
from emergence.records.points import Points


def points(**options: object) -> Points:
    given = {"n": 200, "n_runs": 8, "rng": 3, "sd": 0.01}
    return simulate("jump", **(given | options)).select()  # type: ignore[arg-type]


def one_curve() -> tuple[Problem, object]:
    problem, candidates = fit_onsets(points(), "jump", "auto", "auto")
    return problem, candidates[0]


def test_runs_that_were_moved_are_moved_back() -> None:
    """Shifts are known up to the gap between two checkpoints of a run, .06 nats."""
    together = points()
    moved = np.linspace(-0.15, 0.15, 8)
    found = align(shifted(together, -moved), "jump", "auto", "auto")
    assert found.known.all()
    off = found.shift - moved - np.mean(found.shift - moved)
    assert np.abs(off).max() < 0.06


def test_a_shift_of_nothing_is_found_where_there_is_none() -> None:
    problem, best = one_curve()
    templates = make_templates(problem, best, 0.15)
    truth = problem.white(best.ability(problem.x)[None])[0]
    places, together, apart = templates.fit(truth[:, None])
    assert np.abs(places).max() < 0.03
    assert together[0] >= apart[0] - 1e-4  # of sums of hundreds, in single precision


def test_runs_may_differ_at_no_loss() -> None:
    """With a place for each run no sum of squares rises."""
    problem, best = one_curve()
    noise = np.random.default_rng(0).normal(0, 0.02, (problem.n, 50))
    _, together, apart = make_templates(problem, best, 0.15).fit(problem.wy[:, None] + noise)
    assert (together >= apart * (1 - 1e-6)).all()
    assert (together > apart).any()


def test_a_run_on_the_plateau_does_not_say_where_its_threshold_is() -> None:
    frame = simulate("jump", n=200, n_runs=8, rng=3, sd=0.01)
    table = frame.to_frame()
    late = (table["run"] == "run-0") & (table["loss"] < 2.6)
    from emergence import Records

    found = align(Records(table[~late]).select(), "jump", "auto", "auto")
    assert not found.known[0]
    assert found.known[1:].all()


def test_fewer_than_two_such_runs_are_refused() -> None:
    flat = simulate("flat", n=100, n_runs=4, rng=1).select()
    with pytest.raises(DataError, match="runs say where their threshold is"):
        align(flat, "hinge", "auto", "auto")


def test_shifting_moves_losses_and_nothing_else() -> None:
    before = points()
    after = shifted(before, np.arange(8) / 100)
    np.testing.assert_array_equal(after.value, before.value)
    run = np.unique(before.run.astype(str), return_inverse=True)[1]
    np.testing.assert_allclose(before.loss - after.loss, run / 100)
    assert structured(make_problem(after)).points.n_runs == 8
