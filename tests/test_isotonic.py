"""Isotonic: the definition taken literally, any falling curve below eta and nothing above."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings, strategies as st

from emergence import simulate
from emergence.engine.isotonic import fit_isotonic, isotonic_interval
from emergence.engine.problem import Problem, make_problem


def problem(shape: str, seed: int, **options: object) -> Problem:
    return make_problem(simulate(shape, n=60, rng=seed, **options).select())  # type: ignore[arg-type]


@given(st.integers(0, 1000), st.sampled_from(["hinge", "jump", "linear", "flat"]))
@settings(max_examples=20)
def test_it_falls_and_is_nothing_above_eta(seed: int, shape: str) -> None:
    p = problem(shape, seed)
    onset = fit_isotonic(p)
    x = np.linspace(-0.1, 1.1, 500)
    ability = onset.ability(x)
    assert (np.diff(ability) <= 1e-12).all()
    assert (ability >= 0).all()
    assert not ability[x >= onset.eta].any()


def test_no_falling_curve_fits_better() -> None:
    """Against the fit to all points: what is put to nothing above eta costs little."""
    p = problem("jump", 1, sd=0.005)
    onset = fit_isotonic(p)
    assert np.sqrt(onset.rss / p.n) < 0.01
    assert abs(p.to_loss(onset.eta) - 2.2) < 0.1


def test_the_limit_is_one_sided_and_holds_the_truth() -> None:
    """It bounds eta from below only; 60 data sets at nominal 95%, standard error .03."""
    held = 0
    for seed in range(60):
        p = problem("jump", seed)
        index = np.random.default_rng(seed).integers(0, p.n, (p.n, 99))
        ci = isotonic_interval(p, index, 0.95)
        assert ci.open_high
        held += 2.2 in ci
    assert held >= 54
