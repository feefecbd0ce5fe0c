"""What a threshold rests on."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from emergence import Points, diagnose, fit_threshold, simulate
from emergence.errors import MethodRefused
from emergence.noise.reference import binomial_reference


def test_leverage_sums_to_the_parameters() -> None:
    fit = fit_threshold(simulate("hinge", rng=7).select(), shape="hinge", n_boot=99)
    table = diagnose(fit).points
    assert table["leverage"].between(0.0, 1.0).all()
    assert table["leverage"].sum() == pytest.approx(2.0, abs=1e-6)  # eta and slope
    assert (table.loc[table["loss"] > fit.eta, "leverage"] < 1e-6).all()


def test_influence_is_the_change_of_eta_without_the_point() -> None:
    points = simulate("hinge", n=120, rng=3).select()
    fit = fit_threshold(points, shape="hinge", n_boot=99)
    table = diagnose(fit).points
    loss = np.sort(points.loss)
    # Not the points next to the kink: leaving those out moves it to another interval.
    rows = [r for r in range(120) if loss[r] < fit.eta - 0.15][::5]
    said, true = [], []
    for r in rows:
        rest = points.where(points.loss != loss[r])
        said.append(table["eta_shift"].iloc[r])
        true.append(fit_threshold(rest, shape="hinge", n_boot=99).eta - fit.eta)
    assert np.corrcoef(said, true)[0, 1] > 0.95


def test_a_run_that_decides_is_named() -> None:
    p = simulate("jump", n=96, n_runs=8, sd=0.005, rng=1).select()
    assert diagnose(fit_threshold(p, n_boot=199)).warnings == ()
    # Only one run goes below eta: without it nothing is known of the threshold.
    alone = p.where((p.run == "run-3") | (p.loss > 2.25))
    found = diagnose(fit_threshold(alone, n_boot=199))
    assert any("run-3 decides" in w for w in found.warnings)
    assert "run-3" in found.summary()
    assert json.dumps(found.to_dict())


def test_a_run_without_which_there_is_no_onset_decides() -> None:
    p = simulate("jump", n=28, n_runs=2, noise="binomial", n_items=400, chance=0.0,
                 metric="exact_match", rng=1).select()  # fmt: skip
    alone = replace(p, value=np.where(p.run == "run-0", 0.0, p.value))
    found = diagnose(fit_threshold(alone, n_boot=199))
    assert "run run-1 decides: without it there is no onset" in found.warnings
    assert re.search(r"run-1 +no onset +it decides", found.summary())
    assert json.dumps(found.to_dict())


def test_scores_that_move_with_size_are_noticed() -> None:
    p = simulate("hinge", n=120, rng=1).select()
    tokens = np.random.default_rng(0).permutation(np.geomspace(1e9, 1e12, 120))
    moved = p.value + 0.02 * np.log10(tokens / 1e10)
    fit = fit_threshold(Points(loss=p.loss, value=moved, chance=0.25, tokens=tokens), n_boot=99)
    assert any("tokens" in w for w in diagnose(fit).warnings)


def test_isotonic_is_refused() -> None:
    fit = fit_threshold(simulate("jump", rng=1).select(), shape="isotonic", n_boot=99)
    with pytest.raises(MethodRefused, match="no derivatives"):
        diagnose(fit)


def hard_counts(seed: int) -> Points:
    """Counts of a curve drawn at random: steep or flat, few items or many, all right or wrong."""
    g = np.random.default_rng(seed)
    n, m, chance = int(g.choice([10, 20, 40])), float(g.choice([1, 5, 100])), g.choice([0.0, 0.25])
    loss = g.uniform(*((1.7, 3.2) if g.random() < 0.7 else (5.0, 9.0)), n)
    rise = g.choice([0.1, 1.0, 1e4]) * np.maximum(g.uniform(loss.min(), loss.max()) - loss, 0.0)
    p = np.clip(chance + (1.0 - chance) * np.clip(rise, 0.0, 1.0), 0.0, 1.0)
    run = (np.arange(n) % 5).astype(str) if g.random() < 0.5 else np.arange(n).astype(str)
    value = g.binomial(int(m), p) / m
    return Points(loss, value, chance=chance, n_items=np.full(n, m), counted=True, run=run)


def test_the_binomial_reference_is_finite_or_none() -> None:
    found = [binomial_reference(hard_counts(seed)) for seed in range(120)]
    assert 20 < sum(f is None for f in found) < 110
    for f in found:
        assert f is None or np.isfinite([f.slope, f.slope_se, f.intercept_se, f.dispersion]).all()


def test_a_single_run_is_diagnosed() -> None:
    p = simulate("jump", n=40, n_runs=1, noise="binomial", n_items=400, rng=1).select()
    found = diagnose(fit_threshold(p, n_boot=99))
    assert found.reference is not None
    assert not found.reference.clustered
    assert found.runs.empty


def test_one_answer_right_is_diagnosed() -> None:
    loss = np.random.default_rng(3).uniform(5.0, 9.0, 20)
    value = np.where(loss == loss.min(), 0.2, 0.0)
    run, tokens = np.arange(20) % 5, np.arange(1.0, 21.0)
    fit = fit_threshold(loss, value, n_items=5, run=run, tokens=tokens, n_boot=99)
    assert "nan" not in diagnose(fit).summary()


def test_residuals_of_rounding_size_have_no_slope() -> None:
    exact = simulate("hinge", n=60, n_runs=6, sd=0.0, rng=1).select()
    assert diagnose(fit_threshold(exact, n_boot=99)).drift["p_clustered"].isna().all()
