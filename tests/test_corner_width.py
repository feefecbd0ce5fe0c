"""Corner width: no finite data tell a kink from a very short bend, but they bound the bend."""

from __future__ import annotations

import numpy as np
import pytest

from emergence import fit_threshold, simulate
from emergence.curves.catalogue import ONSETS
from emergence.curves.onsets.hinge import softplus_hinge
from emergence.fits.corner_width import softened


@pytest.mark.parametrize("name", list(ONSETS))
def test_a_short_bend_is_nearly_the_corner(name: str) -> None:
    family = ONSETS[name]
    x = np.linspace(0, 1, 101)
    theta = np.array([[0.5, *family.grid[len(family.grid) // 2]]])
    sharp, soft = family.basis(x, theta), softened(family, 1e-4).basis(x, theta)
    away = np.abs(x - 0.5) > 0.02
    np.testing.assert_allclose(soft[:, away], sharp[:, away], atol=0.02)


def test_a_softened_hinge_is_the_softplus() -> None:
    x = np.linspace(0, 1, 50)
    rows = softened(ONSETS["hinge"], 0.1).basis(x, np.array([[0.4]]))
    np.testing.assert_allclose(rows[0], softplus_hinge(x, 0.4, 1.0, 0.1), atol=1e-12)


def test_a_sharp_corner_is_bounded_and_a_wide_bend_is_not_excluded() -> None:
    sharp = fit_threshold(simulate("hinge", n=200, sd=0.005, rng=1).select(), n_boot=99)
    assert sharp.corner_width() < 0.2
    width = 0.15
    bend = simulate(lambda x: softplus_hinge(x, 2.2, 0.5, width), n=200, sd=0.005, rng=1)
    assert fit_threshold(bend.select(), n_boot=99).corner_width() >= width


def test_the_bound_holds_a_true_width() -> None:
    """30 data sets at nominal 95%, standard error .04."""
    truth = [
        simulate(lambda x: softplus_hinge(x, 2.2, 0.5, 0.1), n=120, sd=0.01, rng=i).select()
        for i in range(30)
    ]
    held = sum(fit_threshold(points, n_boot=99).corner_width() >= 0.1 for points in truth)
    assert held >= 26
