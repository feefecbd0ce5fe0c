"""Bins: sums over many points say of any curve what the points say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import emergence.engine.problem as problems
from emergence import classify, simulate
from emergence._random import Stream
from emergence.engine.bins import make_bins
from emergence.engine.contest import fitted, onset_contest, smooth_contest
from emergence.engine.problem import Problem, make_problem
from emergence.engine.replicates import ErrorModel, replicas
from emergence.engine.runs.covariance import structured


def problem(n: int = 2000, seed: int = 0, **options: object) -> Problem:
    return make_problem(simulate("hinge", n=n, rng=seed, **options).select())  # type: ignore[arg-type]


@given(n=st.integers(501, 3000), seed=st.integers(0, 99), ties=st.booleans())
@settings(max_examples=20)
def test_shares_give_back_every_straight_line(n: int, seed: int, ties: bool) -> None:
    rng = np.random.default_rng(seed)
    x = np.sort(rng.beta(0.4, 1.5, n))
    x = np.round(x, 2) if ties else x
    bins = make_bins(x, rng.normal(size=n))
    assert bins.at_points(2.0 - 3.0 * bins.places) == pytest.approx(2.0 - 3.0 * x)
    assert bins.places.size < 400
    assert (np.diff(bins.places) >= 0).all()
    assert bins.places[[0, -1]].tolist() == x[[0, -1]].tolist()


@pytest.mark.parametrize("runs", [None, 5])
@pytest.mark.parametrize("weighted", [False, True])
def test_residuals_of_curves_are_those_of_the_points(runs: int | None, weighted: bool) -> None:
    whole = problem(n_runs=runs, offset_sd=0.02 if runs else 0.0, rho=0.5 if runs else 0.0)
    if weighted:
        root_w = np.random.default_rng(1).uniform(0.5, 2.0, whole.n)
        whole = replace(whole, root_w=root_w)
    whole = structured(whole)
    data = whole.condensed
    assert data is not whole
    assert data.whole is whole
    assert data.n == whole.n
    assert data.x.size < whole.n / 4
    assert data.wy @ data.wy == pytest.approx(whole.wy @ whole.wy)
    for contest in (onset_contest(whole, "auto", "chance"), smooth_contest(whole)):
        for theirs in contest.refined():
            if theirs.family.jumps:  # a small one between two points is their noise
                continue
            ours = fitted(data, theirs.family, theirs.theta, free=False)
            # By less than what counts as any evidence.
            assert ours.bic == pytest.approx(theirs.bic, abs=2.0), theirs.family.name
            assert ours.ability(whole.x) == pytest.approx(theirs.ability(whole.x), abs=2e-3)


def test_a_jump_is_placed_between_two_points() -> None:
    points = simulate("jump", n=5000, rng=3).select()
    data = make_problem(points).condensed
    near = np.abs(data.whole.x - data.to_x(2.2)).argsort()[:8]
    assert np.isin(data.whole.x[near], data.x).all()


def test_replicates_vary_as_those_of_the_points() -> None:
    whole = problem(n=800)
    curve = np.maximum(0.4 - whole.x, 0.0)
    spread = []
    for p in (whole, whole.condensed):
        ability = curve if p is whole else np.maximum(0.4 - p.x, 0.0)
        source = ErrorModel(p, np.random.SeedSequence(0)).source(400, Stream.EVIDENCE)
        columns = replicas(p, ability, 1, source)
        rest = columns - p.white(ability[None])[0][:, None]
        spread.append([np.square(rest).sum(axis=0).mean(), (p.ones @ rest).std()])
    # 400 draws: 4% for a standard deviation.
    assert spread[0] == pytest.approx(spread[1], rel=0.12)


@pytest.mark.parametrize("shape", ["hinge", "logistic", "jump"])
def test_a_verdict_on_sums_is_that_on_points(shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    points = simulate(shape, n=600, rng=5).select()
    found = []
    for many in (500, 10_000):
        monkeypatch.setattr(problems, "MANY", many)
        verdict = classify(points, n_boot=199)
        found.append((verdict.label, verdict.evidence.rho, verdict.threshold.eta))
    (label, rho, eta), (other, other_rho, other_eta) = found
    assert label == other
    assert rho == pytest.approx(other_rho, rel=0.03)
    assert eta == pytest.approx(other_eta, abs=5e-3)
