r"""Losses: is the wiggle of a run's losses the model's, or an error of measurement?

A loss measured on few batches wiggles about a trend.  Taken for the truth, that error wears down
every slope (a kink looks flat).  Taken for an error where the model did move, smoothing takes the
truth away.  The scores can tell: where the model moved, they moved with it,

.. math:: s_t - \bar s(T_t) = \lambda\, s'(\bar L_t)\, (L_t - \bar L(T_t)) + e_t,

with :math:`\lambda = 1` where the wiggle is real and 0 where it is an error.  Trends over the
tokens T of a run are :math:`a + b \log T + c\, T^{-\beta}` and a penalised spline in log T of what
that leaves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import BSpline

from emergence._residuals import order_in, robust_sd
from emergence._typing import BoolArray, FloatArray, IntArray

# A run of fewer checkpoints shows no trend of its own, nor spikes off it.
_LEAST, _LEAST_SPIKES = 20, 10
_MOST_KNOTS = 40
_POWERS = np.linspace(0.05, 1.5, 30)
# A spike stands out by so many robust deviations, and by this share of the range of the run.
_DEVIATIONS, _SHARE, _HALF = 6.0, 0.05, 2
# Errors of measurement have no order and no tails, in standard errors and robust deviations: the
# drop of a loss as its learning rate decays has.
_ORDER, _TAIL = 2.0, 5.0
# The trend is used where lambda is below this and two standard errors below 1 (nor far below 0,
# which no error explains), and the wiggle would add a tenth to the variance of the scores.
_FOLLOWS, _ERRORS, _MATTERS = 0.3, 2.0, 0.1


@dataclass(frozen=True, eq=False)
class Wiggle:
    r"""Trend of the losses of runs, their standard deviation about it, and what scores say.

    ``trend`` (n,) is the loss itself in runs too short to show one; ``sd`` (nats) is that of the
    others' losses.  ``follows`` is :math:`\lambda`, ``stderr`` its standard error, ``weight`` what
    the wiggle would add to the variance of the scores, as a share of it.
    """

    trend: FloatArray
    sd: float
    follows: float = 1.0
    stderr: float = float("inf")
    weight: float = 0.0

    @property
    def is_error(self) -> bool:
        """Whether the scores say that the losses wiggle more than the models do."""
        near = abs(self.follows) < max(_FOLLOWS, _ERRORS * self.stderr)
        clear = self.follows < _FOLLOWS and self.follows + _ERRORS * self.stderr < 1.0
        return near and clear and self.weight > _MATTERS


def wiggle(loss: FloatArray, value: FloatArray, tokens: FloatArray, run: IntArray) -> Wiggle:
    """Trends of the losses, and whether the scores follow what is left of them."""
    trend, steps, moves, n = loss.copy(), [], [], 0
    for rows in _long_runs(run, tokens, _LEAST):
        own = _trend(tokens[rows], loss[rows])
        off = loss[rows] - own
        if not _like_errors(off):
            continue
        trend[rows] = own
        steps.append(_slope(trend[rows], value[rows]) * off)
        moves.append(value[rows] - _trend(tokens[rows], value[rows]))
        n += rows.size
    if not steps:
        return Wiggle(trend, 0.0)
    step, move = np.concatenate(steps), np.concatenate(moves)
    square, sd = float(step @ step), float(np.sqrt(np.square(loss - trend).sum() / n))
    if square <= 1e-12 * float(move @ move) or sd <= 1e-9 * float(np.ptp(loss)):
        return Wiggle(trend, sd)
    follows = float(step @ move) / square
    rest = move - follows * step
    left = max(float(rest @ rest), 1e-12 * float(move @ move))
    return Wiggle(trend, sd, follows, float(np.sqrt(left / n / square)), square / left)


def spikes(loss: FloatArray, tokens: FloatArray, run: IntArray) -> BoolArray:
    """Losses that stand off both neighbours and their median, as after an unstable step."""
    out = np.zeros(loss.size, dtype=bool)
    for rows in _long_runs(run, tokens, _LEAST_SPIKES):
        y = loss[rows]
        middle = np.median(
            np.lib.stride_tricks.sliding_window_view(
                np.pad(y, _HALF, mode="reflect"), 2 * _HALF + 1
            ),
            axis=1,
        )
        before, after = y[1:-1] - y[:-2], y[1:-1] - y[2:]
        scale = robust_sd(0.5 * (before + after))
        least = max(_DEVIATIONS * scale, _SHARE * float(np.ptp(np.delete(y, y.argmax()))))
        alone = (before * after > 0) & (np.minimum(np.abs(before), np.abs(after)) > least)
        out[rows[1:-1]] = alone & (np.abs(y - middle)[1:-1] > least)
    return out


def _long_runs(run: IntArray, tokens: FloatArray, least: int) -> list[IntArray]:
    """Rows of each run of so many checkpoints, in the order of tokens."""
    out = []
    for r in np.unique(run):
        rows = np.flatnonzero((run == r) & (tokens > 0))
        if np.unique(tokens[rows]).size >= least:
            out.append(rows[np.argsort(tokens[rows], kind="stable")])
    return out


def _like_errors(off: FloatArray) -> bool:
    """Whether losses lie about their trend as errors of measurement do."""
    return order_in(off) < _ORDER and float(np.abs(off).max()) < _TAIL * robust_sd(off)


def _trend(tokens: FloatArray, y: FloatArray) -> FloatArray:
    """Smooth curve of y over the logarithm of tokens, at the tokens."""
    clock = np.log(tokens)
    z = clock - clock[-1]
    design = np.stack([np.ones((_POWERS.size, z.size)), np.tile(z, (_POWERS.size, 1)),
                       np.exp(-_POWERS[:, None] * z)], axis=2)  # fmt: skip
    found = [d @ np.linalg.lstsq(d, y, rcond=None)[0] for d in design]
    base = min(found, key=lambda fit: float(np.square(y - fit).sum()))
    return np.asarray(base + _spline(clock, y - base))


def _slope(x: FloatArray, y: FloatArray) -> FloatArray:
    """Derivative of a smooth curve of y over x, at x."""
    return _spline(x, y, derivative=True)


def _spline(x: FloatArray, y: FloatArray, *, derivative: bool = False) -> FloatArray:
    """Penalised spline at its own places, or its derivative there (Eilers & Marx 1996).

    The penalty, of second differences, is a variance: that of the coefficients about a line, by
    restricted maximum likelihood.
    """
    if (span := float(np.ptp(x))) <= 0:
        return np.zeros(x.size) if derivative else np.full(x.size, float(y.mean()))
    inner = np.linspace(x.min(), x.max(), int(np.clip(x.size // 3, 5, _MOST_KNOTS)))
    step = span / (inner.size - 1)
    knots = np.concatenate([inner[0] - step * np.arange(3, 0, -1), inner,
                            inner[-1] + step * np.arange(1, 4)])  # fmt: skip
    basis = BSpline.design_matrix(np.clip(x, inner[0], inner[-1]), knots, 3).toarray()
    bend = np.diff(np.eye(basis.shape[1]), 2, axis=0)
    # Coordinates in which both the fit and the penalty are diagonal (Demmler & Reinsch 1975).
    root = np.linalg.cholesky(basis.T @ basis + 1e-8 * np.eye(basis.shape[1]))
    half = np.linalg.solve(root, bend.T)
    penalty, vectors = np.linalg.eigh(half @ half.T)
    z = vectors.T @ np.linalg.solve(root, basis.T @ y)
    bent = penalty > 1e-9 * penalty.max()
    share = 1.0 / (1.0 + np.geomspace(1e-8, 1e8, 129)[:, None] / penalty[bent])
    rest = float(y @ y) - float(z @ z) + (np.square(z[bent]) * share).sum(axis=1)
    deviance = (x.size - 2) * np.log(np.maximum(rest, 1e-300)) - np.log(share).sum(axis=1)
    z[bent] *= 1.0 - share[int(deviance.argmin())]
    fit = BSpline(knots, np.linalg.solve(root.T, vectors @ z), 3)
    return np.asarray(fit(x, nu=1) if derivative else fit(x))
