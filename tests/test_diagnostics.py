"""What a threshold rests on."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from emergence import Points, diagnose, fit_threshold, simulate
from emergence.errors import MethodRefused


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
    p = simulate("jump", n=48, n_runs=2, noise="binomial", n_items=400, chance=0.0,
                 metric="exact_match", rng=1).select()  # fmt: skip
    alone = replace(p, value=np.where(p.run == "run-0", 0.0, p.value))
    found = diagnose(fit_threshold(alone, n_boot=199))
    assert "run run-1 decides: without it there is no onset" in found.warnings
    assert "no onset  it decides" in found.summary()
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
