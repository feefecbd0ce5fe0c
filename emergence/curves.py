r"""Curves: score as a pure function of loss, in natural units.

All take losses in nats per token and give scores; ``chance`` is the score of guessing.  The
onset curves equal chance at and above ``eta``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from emergence._typing import FloatArray

# Of one parameter in training: forward and backward (Kaplan et al. 2020).
FLOPS_PER_TOKEN = 6.0


def _depth(loss: ArrayLike, eta: float) -> FloatArray:
    depth: FloatArray = np.maximum(eta - np.asarray(loss, dtype=float), 0.0)
    return depth


def hinge(loss: ArrayLike, eta: float, slope: float, chance: float = 0.0) -> FloatArray:
    r"""Kink: :math:`c + a (\eta - L)_+`.

    Parameters
    ----------
    loss : array_like
        Nats per token.
    eta : float
        Threshold, nats per token.
    slope : float
        Score per nat.
    chance : float
        Score at and above eta.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> hinge([3.0, 2.0], eta=2.2, slope=0.5, chance=0.25)
    array([0.25, 0.35])
    """
    return chance + slope * _depth(loss, eta)


def power_onset(
    loss: ArrayLike, eta: float, amplitude: float, exponent: float, chance: float = 0.0
) -> FloatArray:
    r"""Power onset: :math:`c + A (\eta - L)_+^g`.

    Parameters
    ----------
    loss, eta, chance
        As for :func:`hinge`.
    amplitude : float
        Score one nat below eta.
    exponent : float
        g: below 1 steep at first, above 1 gentle at first.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> power_onset([3.0, 1.2], eta=2.2, amplitude=0.3, exponent=0.5)
    array([0. , 0.3])
    """
    depth = _depth(loss, eta)
    return chance + amplitude * np.where(depth > 0, depth**exponent, 0.0)


def saturating_onset(
    loss: ArrayLike, eta: float, amplitude: float, rate: float, chance: float = 0.0
) -> FloatArray:
    r"""Saturating onset: :math:`c + A (1 - e^{-k (\eta - L)_+})`.

    Parameters
    ----------
    loss, eta, chance
        As for :func:`hinge`.
    amplitude : float
        Gain far below eta.
    rate : float
        k, per nat.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> saturating_onset([3.0, 2.2], eta=2.2, amplitude=0.3, rate=6.0)
    array([0., 0.])
    """
    return chance - amplitude * np.expm1(-rate * _depth(loss, eta))


def sigmoid_onset(
    loss: ArrayLike, eta: float, amplitude: float, rate: float, chance: float = 0.0
) -> FloatArray:
    r"""S-shaped onset: :math:`c + A (1 - e^{-(k (\eta - L)_+)^2})`, gentle at first, level at last.

    Parameters
    ----------
    loss, eta, amplitude, rate, chance
        As for :func:`saturating_onset`.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> sigmoid_onset([3.0, 2.2, 1.2], eta=2.2, amplitude=0.3, rate=6.0)
    array([0. , 0. , 0.3])
    """
    return chance - amplitude * np.expm1(-np.square(rate * _depth(loss, eta)))


def jump_onset(
    loss: ArrayLike, eta: float, jump: float, slope: float = 0.0, chance: float = 0.0
) -> FloatArray:
    r"""Jump plus slope: :math:`c + [L < \eta] (j + a (\eta - L))`.

    Parameters
    ----------
    loss, eta, chance
        As for :func:`hinge`.
    jump : float
        Gain at once, in score.
    slope : float
        Further gain, score per nat.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> jump_onset([2.2, 2.0], eta=2.2, jump=0.15, slope=0.5)
    array([0.  , 0.25])
    """
    depth = _depth(loss, eta)
    return chance + np.where(depth > 0, jump + slope * depth, 0.0)


def softplus_hinge(
    loss: ArrayLike, eta: float, slope: float, width: float, chance: float = 0.0
) -> FloatArray:
    r"""Hinge with a soft corner: :math:`c + a w \log(1 + e^{(\eta - L)/w})`.

    Parameters
    ----------
    loss, eta, slope, chance
        As for :func:`hinge`.
    width : float
        w, nats; the hinge as it goes to 0.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> softplus_hinge([2.2], eta=2.2, slope=1.0, width=0.1).round(4)
    array([0.0693])
    """
    z = (eta - np.asarray(loss, dtype=float)) / width
    return chance + slope * width * np.logaddexp(0.0, z)


def logistic(
    loss: ArrayLike, middle: float, width: float, ceiling: float, floor: float = 0.0
) -> FloatArray:
    r"""Logistic with floor and ceiling: :math:`c + (C - c) / (1 + e^{(L - m)/w})`.

    Parameters
    ----------
    loss : array_like
        Nats per token.
    middle, width : float
        Loss half way up, and scale, nats.
    ceiling, floor : float
        Score at low and at high loss.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> logistic([2.0], middle=2.0, width=0.1, ceiling=0.75, floor=0.25)
    array([0.5])
    """
    z = np.clip((np.asarray(loss, dtype=float) - middle) / width, -500.0, 500.0)
    return floor + (ceiling - floor) / (1.0 + np.exp(z))


def exponential(
    loss: ArrayLike, amplitude: float, rate: float, floor: float = 0.0, origin: float = 0.0
) -> FloatArray:
    r"""Exponential: :math:`c + A e^{-k (L - L_0)}`.

    Parameters
    ----------
    loss : array_like
        Nats per token.
    amplitude : float
        Gain at ``origin``; negative together with ``rate`` for a curve that levels off.
    rate : float
        k, per nat.
    floor : float
        Score far away from the origin.
    origin : float
        L_0, nats.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> exponential([1.7], amplitude=0.5, rate=3.0, origin=1.7)
    array([0.5])
    """
    return floor + amplitude * np.exp(-rate * (np.asarray(loss, dtype=float) - origin))


def power_law(
    loss: ArrayLike, amplitude: float, exponent: float, floor: float = 0.0, origin: float = 1.0
) -> FloatArray:
    r"""Power of the loss: :math:`c + A (L / L_0)^{-g}`.

    Parameters
    ----------
    loss : array_like
        Nats per token.
    amplitude : float
        Gain at ``origin``.
    exponent : float
        g.
    floor : float
        Score at infinite loss.
    origin : float
        L_0, nats.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> power_law([2.0], amplitude=0.5, exponent=2.0, origin=1.0)
    array([0.125])
    """
    return floor + amplitude * (np.asarray(loss, dtype=float) / origin) ** -exponent


def linear(loss: ArrayLike, intercept: float, slope: float) -> FloatArray:
    r"""Straight line: :math:`b - a L`.

    Parameters
    ----------
    loss : array_like
        Nats per token.
    intercept : float
        Score at loss 0.
    slope : float
        Score gained per nat of falling loss.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> linear([2.0, 3.0], intercept=0.8, slope=0.1)
    array([0.6, 0.5])
    """
    return intercept - slope * np.asarray(loss, dtype=float)


def scaling_law(params: ArrayLike, L_inf: float, N0: float, alpha: float) -> FloatArray:
    r"""Loss of a model of N parameters: :math:`L_\infty + (N_0 / N)^\alpha`.

    Parameters
    ----------
    params : array_like
        Model size N.
    L_inf : float
        Irreducible loss, nats per token.
    N0 : float
        Size scale.
    alpha : float
        Exponent.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> scaling_law([1e6], L_inf=1.5, N0=1e6, alpha=0.3)
    array([2.5])
    """
    return L_inf + (N0 / np.asarray(params, dtype=float)) ** alpha


def scaling_law_tokens(
    params: ArrayLike, tokens: ArrayLike, E: float, A: float, B: float, alpha: float, beta: float
) -> FloatArray:
    r"""Loss of N parameters after D tokens: :math:`E + A / N^\alpha + B / D^\beta`.

    Parameters
    ----------
    params, tokens : array_like
        Model size N and training tokens D.
    E : float
        Irreducible loss, nats per token.
    A, B, alpha, beta : float
        Scales and exponents of the two terms.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> scaling_law_tokens([1e6], [1e6], E=1.5, A=1e3, B=1e3, alpha=0.5, beta=0.5)
    array([3.5])
    """
    n, d = np.asarray(params, dtype=float), np.asarray(tokens, dtype=float)
    return E + A / n**alpha + B / d**beta
