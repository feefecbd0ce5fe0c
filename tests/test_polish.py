"""Polish: from a cell of a grid to the optimum inside it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from emergence.engine.polish import zoom

WIDE = np.full(2, -10.0), np.full(2, 10.0)


@given(st.floats(-0.9, 0.9), st.floats(-0.9, 0.9), st.floats(0.5, 3.0))
def test_it_finds_a_maximum_with_a_kink(a: float, b: float, steep: float) -> None:
    """Where a gradient does not exist there is nothing to follow but the values."""

    def tent(p: np.ndarray) -> np.ndarray:
        return -np.abs(p[:, 0] - a) - steep * np.abs(p[:, 1] - b)

    found = zoom(tent, np.zeros((1, 2)), np.ones((1, 2)), *WIDE)
    np.testing.assert_allclose(found, [a, b], atol=1e-6)


def test_it_stays_within_its_bounds() -> None:
    found = zoom(lambda p: p.sum(axis=1), np.zeros((1, 2)), np.ones((1, 2)), *WIDE)
    np.testing.assert_allclose(found, [10.0, 10.0])


def test_an_axis_without_a_step_stays_where_it_is() -> None:
    steps = np.array([[0.0, 1.0]])
    found = zoom(lambda p: -((p - 0.5) ** 2).sum(axis=1), np.zeros((1, 2)), steps, *WIDE)
    assert found == pytest.approx([0.0, 0.5])


def test_the_best_of_several_starts_wins() -> None:
    """Two hills: the higher one is taken, though the first start stands at the other."""

    def hills(p: np.ndarray) -> np.ndarray:
        x = p[:, 0]
        return np.maximum(1.0 - (x + 2) ** 2, 2.0 - (x - 2) ** 2)

    starts = np.array([[-2.0], [1.5]])
    found = zoom(hills, starts, np.full((2, 1), 0.5), np.array([-10.0]), np.array([10.0]))
    assert found[0] == pytest.approx(2.0, abs=1e-6)
