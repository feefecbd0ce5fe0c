"""Losses: errors of measurement are told from real moves by the scores, and spikes are named."""

from __future__ import annotations

import numpy as np
import pytest

from emergence import Points, classify, fit_threshold
from emergence.errors import DataError
from emergence.records.as_points import as_points
from emergence.records.losses import spikes, wiggle


def one_run(
    seed: int, *, error: float = 0.0, real: float = 0.0, kink: bool = True, n: int = 150
) -> Points:
    """One long run; ``error`` is in the losses alone, ``real`` moves the model."""
    rng = np.random.default_rng(seed)
    tokens = np.linspace(8e9, 1.2e12, n)
    loss = 2.3 + 0.55 * (tokens / 8e9) ** -0.35 + rng.normal(0, real, n)
    share = 0.25 + (
        np.clip(2.45 - loss, 0, 0.3) * 2.5 if kink else 0.5 / (1 + np.exp((loss - 2.55) / 0.12))
    )
    return Points(
        loss=loss + rng.normal(0, error, n),
        value=rng.binomial(2000, share) / 2000,
        chance=0.25,
        n_items=np.full(n, 2000.0),
        run=np.full(n, "a"),
        tokens=tokens,
        counted=True,
    )


def code(points: Points) -> np.ndarray:
    return np.zeros(points.size, dtype=np.int64)


@pytest.mark.parametrize("kink", [True, False])
def test_the_scores_tell_errors_from_moves(kink: bool) -> None:
    for seed in range(8):
        wrong, right = (
            one_run(seed, kink=kink, **how)  # type: ignore[arg-type]
            for how in ({"error": 0.01}, {"real": 0.01})
        )
        found = wiggle(wrong.loss, wrong.value, wrong.tokens, code(wrong))  # type: ignore[arg-type]
        assert found.is_error
        assert found.sd == pytest.approx(0.01, rel=0.25)
        assert abs(found.follows) < 3 * found.stderr + 0.05
        moved = wiggle(right.loss, right.value, right.tokens, code(right))  # type: ignore[arg-type]
        assert not moved.is_error
        assert np.array_equal(as_points(right).loss, right.loss)


def test_a_kink_under_errors_of_the_loss_is_found_where_it_is() -> None:
    """Taken as they are, the same losses make it flat."""
    points = one_run(1, error=0.01)
    verdict = classify(points, n_boot=199)
    assert verdict.label == "emergent", verdict.reason
    assert 2.45 in verdict.eta_interval
    assert any("an error of measurement" in w for w in verdict.warnings)
    assert np.array_equal(np.sort(verdict.points.shown_loss), np.sort(points.loss))
    given = classify(points, n_boot=199, losses="given")
    assert not any("an error of measurement" in w for w in given.warnings)


def test_the_drop_of_a_decaying_rate_is_no_error() -> None:
    rng = np.random.default_rng(0)
    tokens = np.linspace(1e9, 5e10, 40)
    loss = 2.5 + (tokens / 1e9) ** -0.4 - 0.08 * np.clip(tokens / 5e10 - 0.9, 0, 1) / 0.1
    value = np.clip(1.5 * (2.6 - loss), 0, 1) + rng.normal(0, 0.005, 40)
    points = as_points(loss, value, run="a", tokens=tokens)
    assert np.array_equal(points.loss, loss)


def test_a_spike_is_named_and_left_out() -> None:
    points = one_run(3, kink=False)
    loss = points.loss.copy()
    loss[70] += 0.45
    assert np.flatnonzero(spikes(loss, points.tokens, code(points))).tolist() == [70]  # type: ignore[arg-type]
    kept = as_points(loss, points.value, run=points.run, tokens=points.tokens)
    assert kept.size == 149
    assert f"{loss[70]:.4g} of a at" in kept.notes[0]
    every = as_points(loss, points.value, run=points.run, tokens=points.tokens, outliers="keep")
    assert every.size == 150


def test_a_steep_start_is_no_spike() -> None:
    tokens = np.geomspace(1e8, 1e11, 30)
    loss = 2.0 + 9.0 * (tokens / 1e8) ** -0.5
    assert not spikes(loss, tokens, np.zeros(30, dtype=np.int64)).any()


def test_unknown_words_are_named() -> None:
    with pytest.raises(DataError, match="auto or given"):
        fit_threshold(one_run(0), losses="smooth")  # type: ignore[arg-type]
