from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from emergence.errors import DataError
from emergence.metrics import (
    brier_score,
    correct_choice_prob,
    correct_option_perplexity,
    known_metric,
    refusal,
)
from emergence.records.points import normalise


@pytest.mark.parametrize(
    ("name", "chance", "best"),
    [("acc", 0.25, 1), ("exact_match", 0, 1), ("choice_prob", 0.25, 1), ("brier", 0.75, 0)],
)
def test_chance_and_best_of_four_options(name: str, chance: float, best: float) -> None:
    metric = known_metric(name)
    assert (metric.chance(4), metric.best) == (chance, best)


def test_aliases_and_unknown_names() -> None:
    assert known_metric("Accuracy").name == "acc"
    assert known_metric("bleu") is None


def test_perplexity_is_refused_with_the_reason() -> None:
    assert "falls for the wrong options too" in refusal("Perplexity")
    assert refusal("acc") is None
    assert known_metric("perplexity") is None


@given(st.integers(2, 8), st.integers(0, 2**32 - 1))
def test_scores_from_log_likelihoods(k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    loglik, gold = rng.normal(0, 3, (20, k)), rng.integers(0, k, 20)
    p = np.exp(loglik) / np.exp(loglik).sum(axis=1, keepdims=True)
    assert correct_choice_prob(loglik, gold) == pytest.approx(p[np.arange(20), gold].mean())
    assert 0 <= brier_score(loglik, gold) <= 2
    # Adding a constant to an item changes neither: they compare options.
    shifted = loglik - 700.0
    assert brier_score(shifted, gold) == pytest.approx(brier_score(loglik, gold))
    uniform = np.zeros((20, k))
    assert brier_score(uniform, gold) == pytest.approx(known_metric("brier").chance(k))
    assert correct_choice_prob(uniform, gold) == pytest.approx(known_metric("acc").chance(k))


def test_perplexity_falls_though_nothing_is_learned() -> None:
    """Both options gain the same: perplexity improves, ability does not move."""
    before, after = np.full((5, 2), -8.0), np.full((5, 2), -4.0)
    gold, length = np.zeros(5, dtype=int), np.full(5, 2)
    assert correct_option_perplexity(after, gold, length) < correct_option_perplexity(
        before, gold, length
    )
    assert correct_choice_prob(after, gold) == correct_choice_prob(before, gold) == 0.5


def test_normalise_turns_brier_around() -> None:
    np.testing.assert_allclose(normalise([0.75, 0.375, 0.0], 0.75, 0.0), [0, 0.5, 1])
    with pytest.raises(DataError, match="must differ"):
        normalise([0.1], 0.5, 0.5)


@pytest.mark.parametrize(
    ("loglik", "gold", "text"),
    [
        ([1.0, 2.0], [0], "shape"),
        ([[1.0, 2.0]], [2], "0 to 1"),
        ([[1.0, np.nan]], [0], "NaN"),
        ([[-np.inf, -np.inf]], [0], "item 0"),
        ([[1.0, 2.0]], [0.5], "option numbers"),
    ],
)
def test_bad_log_likelihoods(loglik: object, gold: object, text: str) -> None:
    with pytest.raises(DataError, match=text):
        brier_score(loglik, gold)  # type: ignore[arg-type]
