"""Shapes: each says everything about itself, and the catalogue finds it."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import emergence.curves
from emergence import fit_threshold, simulate
from emergence.cli.arguments import SHAPES
from emergence.curves.catalogue import COMPETING, CURVES, ONSETS, SIMULATED, SMOOTH
from emergence.curves.family import Family, Scale

SCALE = Scale(low=1.7, span=1.5, level=0.25)
FAMILIES = [*ONSETS.values(), *SMOOTH.values()]


def some(family: Family) -> np.ndarray:
    """A parameter set from the middle of the grid, eta first for an onset."""
    middle = family.grid[len(family.grid) // 2]
    return np.append(0.4, middle) if family.side == "threshold" else middle


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.name)
def test_canonical_and_public_curve_are_one(family: Family) -> None:
    """What a fit sees on [0, 1] is what a person reads in nats and score."""
    family, theta = family.on(SCALE), some(family)
    x = np.linspace(0.0, 1.0, 200)
    canonical = SCALE.level + 0.3 * family.basis(x, theta[None])[0]
    named = family.natural(theta, 0.3, SCALE)
    if family.side == "threshold":
        named |= {"eta": SCALE.low + SCALE.span * theta[0], "chance": SCALE.level}
    public = family.curve(SCALE.low + SCALE.span * x, **named)
    np.testing.assert_allclose(public, canonical, atol=1e-9)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.name)
def test_every_parameter_has_a_unit(family: Family) -> None:
    named = family.natural(some(family), 0.3, SCALE)
    assert set(named) == set(family.units)
    assert len(family.lower) == len(family.upper) == family.grid.shape[1]
    assert (family.grid >= family.lower).all()
    assert (family.grid <= family.upper).all()


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.name)
def test_a_family_is_pickled_by_its_name(family: Family) -> None:
    bound = family.on(SCALE)
    again = pickle.loads(pickle.dumps(bound))
    x = np.linspace(0, 1, 5)
    one, two = (f.basis(x, some(family)[None]) for f in (bound, again))
    np.testing.assert_array_equal(one, two)
    assert len(pickle.dumps(bound)) < 300
    if not family.needs_ratio:
        assert again is family


def test_the_catalogue_holds_every_file() -> None:
    assert set(SHAPES) == {"auto", *ONSETS, "isotonic"}
    assert {f.name for f in COMPETING} == {"hinge", "power", "saturating", "sigmoid", "jump"}
    assert not ONSETS["step"].competes
    assert {"hinge", "sqrt", "logistic", "linear", "flat"} <= set(SIMULATED)


def test_curves_are_offered_by_their_room() -> None:
    assert emergence.curves.hinge([2.0], eta=2.2, slope=0.5)[0] == pytest.approx(0.1)
    assert emergence.curves.power_law is CURVES["power_law"]
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        emergence.curves.nonsense  # noqa: B018


@pytest.mark.parametrize("name", [n for n, f in ONSETS.items() if n in f.simulated])
def test_every_onset_that_is_simulated_is_found_again(name: str) -> None:
    points = simulate(name, n=200, sd=0.005, rng=1).select()
    fit = fit_threshold(points, shape=name, n_boot=99)
    assert abs(fit.eta - 2.2) < 0.05
    assert set(fit.params) == set(ONSETS[name].units)
