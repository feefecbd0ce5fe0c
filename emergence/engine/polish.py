"""Polish: from a cell of a grid to the optimum inside it, several starts at once."""

from collections.abc import Callable
from functools import cache

import numpy as np

from emergence._typing import FloatArray

# Places an axis to either side of the centre: looks at few are cheap, so that a call costs most.
_FINE, _COARSE, _FEW_AXES = 4, 2, 2
_ROUNDS = 60
_TRIAL_ROUNDS = 4  # then only the best start goes on


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
    lies a grid of some places an axis, of half widths ``steps`` (s, k; 0 stays fixed) within
    ``low`` and ``high``; the best becomes the centre, and an axis whose best place is not at its
    edge goes on within its neighbours, down to ``tolerance`` times the first step; one whose is at
    the edge takes a larger step.  Unlike a gradient method it minds neither kinks nor bounds.
    """
    places, apart = _places(tuple(bool(axis.any()) for axis in (steps > 0).T))
    centre, step, first = starts.copy(), steps.copy(), steps.max(axis=0)
    for turn in range(_ROUNDS):
        trial = np.minimum(np.maximum(centre[:, None] + places * step[:, None], low), high)
        value = objective(trial.reshape(-1, starts.shape[1])).reshape(trial.shape[:2])
        best = value.argmax(axis=1)
        row = np.arange(best.size)
        before, centre = centre, trial[row, best]
        # At the edge of its grid, unless held there by a bound, a search may be far from its goal.
        far = np.abs(centre - before) > 0.99 * step
        step = np.where(far, 2.0, apart) * step
        if turn == _TRIAL_ROUNDS and best.size > 1:
            top = int(value[row, best].argmax())
            centre, step = centre[[top]], step[[top]]
        if (step <= tolerance * first).all():
            break
    if centre.shape[0] > 1:
        centre = centre[[int(objective(centre).argmax())]]
    return centre[0]


@cache
def _places(moves: tuple[bool, ...]) -> tuple[FloatArray, float]:
    """Grid on the cube [-1, 1]^k, its centre first so that it wins ties, and how far places lie."""
    parts = _FINE if sum(moves) <= _FEW_AXES else _COARSE
    axis = np.linspace(-1.0, 1.0, 2 * parts + 1)
    axes = [axis if move else np.zeros(1) for move in moves]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(moves))
    return grid[np.argsort(np.abs(grid).sum(axis=1), kind="stable")], 1.0 / parts


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
