r"""Metrics: their direction, their value at chance and at best, and how to compute them.

Every metric is put on one scale before it is fitted, chance 0 and best 1:

.. math:: \text{ability} = \frac{\text{value} - \text{chance}}{\text{best} - \text{chance}}

so that a Brier score, which is better when lower, rises with ability like any other.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from emergence._typing import FloatArray
from emergence.errors import DataError


@dataclass(frozen=True)
class Metric:
    """What the library knows of one metric.

    ``chance`` maps the number of options k to the value of uniform guessing (k = 0 for
    a task without options); ``counted`` says that value times n_items is a number of
    items right.
    """

    name: str
    best: float
    bounds: tuple[float, float]
    counted: bool
    chance: Callable[[int], float]


def _guess(k: int) -> float:
    return 1.0 / k if k else 0.0


METRICS: dict[str, Metric] = {
    "exact_match": Metric("exact_match", 1.0, (0.0, 1.0), True, lambda k: 0.0),
    "acc": Metric("acc", 1.0, (0.0, 1.0), True, _guess),
    "choice_prob": Metric("choice_prob", 1.0, (0.0, 1.0), False, _guess),
    "brier": Metric("brier", 0.0, (0.0, 2.0), False, lambda k: 1.0 - _guess(k)),
}

ALIASES = {
    "accuracy": "acc",
    "acc_norm": "acc",
    "em": "exact_match",
    "correct_choice_prob": "choice_prob",
    "correctchoiceprob": "choice_prob",
    "brier_score": "brier",
}

_PERPLEXITY = (
    "perplexity",
    "ppl",
    "correct_option_perplexity",
    "perplexity_correct",
    "perplexity_wrong",
)
_LOSSES = ("loss", "train_loss", "bits_per_byte")

_PERPLEXITY_REASON = (
    "the perplexity of the correct option is no measure of ability: as a model improves it falls "
    "for the wrong options too, so a fall says nothing about telling them apart. Use accuracy, "
    "CorrectChoiceProb (choice_prob) or the Brier score."
)
_LOSS_REASON = "a loss on one kind of text is no score of a task; records keep it to look at."
# Metrics that records may hold and no fit takes, with the reason.
_REFUSED = dict.fromkeys(_PERPLEXITY, _PERPLEXITY_REASON) | dict.fromkeys(_LOSSES, _LOSS_REASON)


def known_metric(name: str) -> Metric | None:
    """Metric of that name or alias, case aside; None for a refused or an unknown one.

    Examples
    --------
    >>> known_metric("Accuracy").chance(4), known_metric("brier").chance(4)
    (0.25, 0.75)
    """
    key = name.strip().lower()
    return METRICS.get(ALIASES.get(key, key))


def strict_metric(names: Iterable[str]) -> str | None:
    """Of several metrics the one that people report: exact match, else accuracy; None if neither.

    Examples
    --------
    >>> strict_metric(["brier", "acc_norm", "acc"]), strict_metric(["EM", "acc"])
    ('acc', 'EM')
    """
    given = list(names)
    for strict in ("exact_match", "acc"):
        if strict in given:
            return strict
        known = ((name, known_metric(name)) for name in given)
        found = next((n for n, metric in known if metric is METRICS[strict]), None)
        if found is not None:
            return found
    return None


def refusal(name: str) -> str | None:
    """Why no fit takes the metric (a perplexity, a loss); None where fits do."""
    return _REFUSED.get(name.strip().lower())


def _option_probabilities(loglik: ArrayLike, correct: ArrayLike) -> tuple[FloatArray, np.ndarray]:
    scores = np.asarray(loglik, dtype=float)
    gold = np.asarray(correct)
    if scores.ndim != 2 or scores.shape[1] < 2:
        raise DataError(f"loglik must have shape (items, options), not {scores.shape}")
    if gold.shape != scores.shape[:1] or not np.issubdtype(gold.dtype, np.integer):
        raise DataError(f"correct must hold {scores.shape[0]} option numbers")
    if gold.size and (gold.min() < 0 or gold.max() >= scores.shape[1]):
        raise DataError(f"correct must lie in 0 to {scores.shape[1] - 1}")
    if np.isnan(scores).any() or np.isposinf(scores).any():
        raise DataError("loglik holds NaN or +inf")
    top = scores.max(axis=1, keepdims=True)
    if np.isneginf(top).any():
        item = int(np.flatnonzero(np.isneginf(top[:, 0]))[0])
        raise DataError(f"item {item}: every option has log-likelihood -inf")
    odds = np.exp(scores - top)
    return odds / odds.sum(axis=1, keepdims=True), gold


def correct_choice_prob(loglik: ArrayLike, correct: ArrayLike) -> float:
    r"""Mean probability of the correct option, normalised over the options.

    .. math:: \frac1N \sum_i \frac{e^{\ell_{i,c_i}}}{\sum_j e^{\ell_{ij}}}

    Parameters
    ----------
    loglik : (items, options) array_like
        Log-likelihood (nats) that the model gives to each option.
    correct : (items,) array_like of int
        Index of the correct option.

    Returns
    -------
    float
        Between 0 and 1; 1/k at chance.

    Raises
    ------
    DataError
        For shapes that do not fit, NaN, or an option index out of range.

    Examples
    --------
    >>> correct_choice_prob([[0.0, 0.0, 0.0, 0.0]], [2])
    0.25
    """
    p, gold = _option_probabilities(loglik, correct)
    return float(p[np.arange(gold.size), gold].mean())


def brier_score(loglik: ArrayLike, correct: ArrayLike) -> float:
    r"""Brier score over the options (Brier 1950; Du et al. 2024, section 3).

    .. math:: \frac1N \sum_i \sum_j (y_{ij} - \hat y_{ij})^2

    Lower is better, 0 is best, uniform guessing over k options gives 1 - 1/k; between 0 and 2.
    Arguments and errors as for :func:`correct_choice_prob`.

    Examples
    --------
    Four options, gold answers spread evenly.  Uniform guessing scores 0.75.  A model that
    always answers A with certainty is right on one item in four (0) and wrong on three (2
    each: 1 for the letter it chose, 1 for the one it missed), 1.5 on average, although it
    knows as little.  Going from 1.5 to 0.75 is thus no gain in ability:

    >>> import numpy as np
    >>> gold = np.arange(4)
    >>> brier_score(np.zeros((4, 4)), gold)
    0.75
    >>> always_a = np.tile([0.0, -1e3, -1e3, -1e3], (4, 1))
    >>> brier_score(always_a, gold)
    1.5
    """
    p, gold = _option_probabilities(loglik, correct)
    truth = np.zeros_like(p)
    truth[np.arange(gold.size), gold] = 1.0
    return float(((truth - p) ** 2).sum(axis=1).mean())


def correct_option_perplexity(loglik: ArrayLike, correct: ArrayLike, length: ArrayLike) -> float:
    r"""Perplexity of the correct option: a diagnostic, not a measure of ability.

    .. math:: \exp\Big(-\frac1N \sum_i \ell_{i,c_i} / T_i\Big)

    with :math:`T_i` tokens (``length``) of the correct option; 1 is certainty. It falls for wrong
    options too (Du et al. 2024, section 3), so the fits refuse it. Other arguments and errors as
    for :func:`correct_choice_prob`, and for a length below 1.

    Examples
    --------
    >>> round(correct_option_perplexity([[-2.0, -4.0]], [0], [2]), 6)
    2.718282
    """
    _, gold = _option_probabilities(loglik, correct)
    tokens = np.asarray(length, dtype=float)
    if tokens.shape != gold.shape or not (tokens >= 1).all():
        raise DataError("length must hold one number of tokens, at least 1, for each item")
    scores = np.asarray(loglik, dtype=float)[np.arange(gold.size), gold]
    return float(np.exp(-(scores / tokens).mean()))
