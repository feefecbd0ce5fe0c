from __future__ import annotations

import numpy as np
import pytest

from emergence import simulate
from emergence.errors import DataError
from emergence.records.points import Points
from emergence.verdicts.axis import align_sizes


def runs(score, n: int = 25, sizes=(1e5, 3e5, 1e6), sd: float = 0.0) -> Points:
    """Runs of several sizes; ``score`` is a function of loss, tokens and compute."""
    size = np.repeat(sizes, n)
    tokens = np.tile(np.geomspace(1e5, 1e7, n), len(sizes))
    loss = 1.0 + 8 * size**-0.25 + 60 * tokens**-0.35
    value = score(loss, tokens, 6 * size * tokens)
    value = value + sd * np.random.default_rng(0).standard_normal(value.size)
    return Points(loss, value, tokens=tokens, params=size, task="toy", metric="acc")


@pytest.mark.parametrize(
    ("score", "axis"),
    [
        (lambda loss, tokens, compute: 1 / (1 + np.exp((loss - 1.7) / 0.1)), "loss"),
        (lambda loss, tokens, compute: 1 / (1 + np.exp(14 - np.log(tokens))), "tokens"),
        (lambda loss, tokens, compute: 1 / (1 + np.exp(28 - np.log(compute))), "compute"),
    ],
)
def test_the_axis_that_decides_is_found(score, axis) -> None:
    result = align_sizes(runs(score, sd=0.01))
    assert result.best == axis
    assert result.errors[axis] < 0.02 < min(e for a, e in result.errors.items() if a != axis)
    assert result.clear
    assert result.reason.startswith(f"{axis} lines 3 sizes up best")


def test_noise_names_no_winner() -> None:
    result = align_sizes(runs(lambda loss, tokens, compute: np.full(loss.size, 0.25), sd=0.02))
    assert not result.clear
    assert result.reason.startswith("no axis lines 3 sizes up clearly better")


def test_half_way_is_where_the_truth_crosses() -> None:
    points = runs(lambda loss, tokens, compute: 1 / (1 + np.exp((loss - 1.7) / 0.1)), n=200)
    result = align_sizes(points)
    np.testing.assert_allclose(result.crossings["loss"], 1.7, atol=2e-3)
    assert result.spread("loss") < 3e-3
    for i, size in enumerate(result.sizes):
        tokens = ((0.7 - 8 * size**-0.25) / 60) ** (-1 / 0.35)
        assert result.crossings["tokens"][i] == pytest.approx(tokens, rel=0.02)
        assert result.crossings["compute"][i] == pytest.approx(6 * size * tokens, rel=0.02)
    assert result.spread("compute") > 1.5
    assert list(result.to_frame().columns) == ["params", "loss", "tokens", "compute"]


def test_a_size_that_does_not_get_there_has_no_crossing() -> None:
    result = align_sizes(runs(lambda loss, tokens, compute: np.clip(2 - loss, 0, 0.4)))
    assert np.isnan(result.crossings["loss"]).all()
    assert np.isnan(result.spread("compute"))
    assert "half-way" not in result.reason


def test_a_falling_metric_is_turned_round() -> None:
    up = runs(lambda loss, tokens, compute: np.clip(2.2 - loss, 0, 1))
    down = Points(up.loss, 1 - up.value, chance=1.0, best=0.0, tokens=up.tokens, params=up.params)
    a, b = align_sizes(up), align_sizes(down)
    assert a.errors == pytest.approx(b.errors)
    np.testing.assert_allclose(a.crossings["loss"], b.crossings["loss"])


def test_the_order_of_the_rows_does_not_matter() -> None:
    points = runs(lambda loss, tokens, compute: np.clip(2.2 - loss, 0, 1), sd=0.02)
    other = points.where(np.random.default_rng(1).permutation(points.size))
    assert align_sizes(points).errors == pytest.approx(align_sizes(other).errors, rel=1e-12)


def test_what_cannot_be_compared_says_why() -> None:
    points = runs(lambda loss, tokens, compute: np.clip(2.2 - loss, 0, 1))
    with pytest.raises(DataError, match="one size"):
        align_sizes(simulate(n=30, rng=0).select())
    with pytest.raises(DataError, match="params and tokens are needed"):
        align_sizes(Points(points.loss, points.value))
    points = runs(lambda loss, tokens, compute: np.clip(2.2 - loss, 0, 1), sizes=(1e5, 1e6))
    apart = Points(points.loss, points.value, tokens=points.params, params=points.params)
    with pytest.raises(DataError, match="no size lies within"):
        align_sizes(apart)
