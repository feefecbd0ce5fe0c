"""Polish: from a cell of a grid to the optimum inside it, several starts at once."""

from collections.abc import Callable

import numpy as np

from emergence._typing import FloatArray

_PLACES = (0.0, -0.5, 0.5, -1.0, 1.0)  # the centre first, so that it wins ties
_ROUNDS = 60
_TRIAL_ROUNDS = 6  # then only the best start goes on


def zoom(
    objective: Callable[[FloatArray], FloatArray],
    starts: FloatArray,
    steps: FloatArray,
    low: FloatArray,
    high: FloatArray,
    tolerance: float = 1e-7,
) -> FloatArray:
    """Maximise by a pattern search whose every look at the objective is one batch.

    ``objective`` maps (m, k) parameter sets to (m,) values. Around each of the ``starts`` (s, k)
    lies a grid of five places an axis, of half widths ``steps`` (s, k; 0 stays fixed) within
    ``low`` and ``high``; the best becomes the centre, and an axis whose best place is not at its
    edge halves its step, down to ``tolerance`` times the first. Unlike a gradient method it minds
    neither kinks nor bounds.
    """
    k = starts.shape[1]
    places = np.stack(np.meshgrid(*[_PLACES] * k, indexing="ij"), axis=-1).reshape(-1, k)
    # An axis that is fixed needs one place only.
    places = places[(places[:, ~(steps > 0).any(axis=0)] == 0).all(axis=1)]
    places = places[np.argsort(np.abs(places).sum(axis=1), kind="stable")]
    centre, step, first = starts.copy(), steps.copy(), steps.max(axis=0)
    for turn in range(_ROUNDS):
        trial = np.minimum(np.maximum(centre[:, None] + places * step[:, None], low), high)
        value = objective(trial.reshape(-1, k)).reshape(trial.shape[:2])
        best = value.argmax(axis=1)
        row = np.arange(best.size)
        centre = trial[row, best]
        # At the edge of its grid a search has not arrived, and goes on with the same step.
        step = np.where(np.abs(places[best]) < 1.0, 0.5 * step, step)
        if turn == _TRIAL_ROUNDS and best.size > 1:
            top = int(value[row, best].argmax())
            centre, step = centre[[top]], step[[top]]
        if (step <= tolerance * first).all():
            break
    if centre.shape[0] > 1:
        centre = centre[[int(objective(centre).argmax())]]
    return centre[0]


def cell(theta: FloatArray, start: FloatArray) -> FloatArray:
    """Distance from a grid point to its farther neighbour, for each parameter."""
    out = np.zeros(start.size)
    for j, value in enumerate(start):
        off = theta[:, j] - value
        sides = off[off > 0.0], -off[off < 0.0]
        out[j] = max((float(side.min()) for side in sides if side.size), default=0.0)
    return out


def peaks(theta: FloatArray, gain: FloatArray, count: int) -> FloatArray:
    """Parameter sets at the highest local maxima of the gain along the first parameter."""
    values, group = np.unique(theta[:, 0], return_inverse=True)
    top = np.full(values.size, -np.inf)
    np.maximum.at(top, group, gain)
    padded = np.concatenate([[-np.inf], top, [-np.inf]])
    peak = np.flatnonzero((top >= padded[:-2]) & (top >= padded[2:]))
    peak = peak[np.argsort(-top[peak], kind="stable")][:count]
    rows = [int(np.flatnonzero((group == g) & (gain == top[g]))[0]) for g in peak]
    return theta[rows]
