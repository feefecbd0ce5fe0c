"""Contest: shapes compete for one data set, and again for every replicate of it.

A contest holds all its shapes on their grids, in one stack.  Its criterion is the BIC, so that a
shape with more parameters has to earn them; the same rule picks the shape of the point estimate, of
the null hypotheses and of each bootstrap replicate.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from emergence._typing import PLATEAUS, FloatArray, Plateau
from emergence.curves.catalogue import FOR_ETA, ONSETS, smooth_families
from emergence.curves.family import Family
from emergence.engine.grid import (
    Shapes,
    Stack,
    amplitudes,
    bic,
    curve,
    explained,
    explained_by,
    least_bic,
    make_stack,
    residual_ss,
)
from emergence.engine.hinge_search import search_hinge
from emergence.engine.polish import cell, peaks, zoom
from emergence.engine.problem import Problem
from emergence.errors import DataError

# A fitted plateau must beat chance by this much BIC to be called visible.
VISIBLE = 10.0
# A parameter set is left out of replicates when it never comes within this much BIC of the
# best in the first _PILOT of them: then it hardly wins another.
_SLACK = 12.0
_PILOT = 48
_FAR = 60.0


@dataclass(frozen=True, eq=False)
class Candidate:
    """One family with its parameters for the data: theta, amplitudes and criterion."""

    family: Family
    theta: FloatArray
    amps: FloatArray
    rss: float
    bic: float
    n_params: int

    def ability(self, x: FloatArray) -> FloatArray:
        """Fitted ability at places on the canonical axis."""
        return curve(self.family, self.theta[None], self.amps[None], x)[0]

    def jacobian(self, x: FloatArray, *, level: bool) -> FloatArray:
        """Derivatives of the ability by its parameters, shape (parameters, n)."""
        rows = [np.ones((1, x.size))] if level else []
        rows.append(self.family.basis(x, self.theta[None]))
        for j in range(self.theta.size):
            step = np.zeros(self.theta.size)
            step[j] = 1e-4 * max(abs(float(self.theta[j])), 0.1)
            ends = [replace(self, theta=self.theta + s).ability(x) for s in (step, -step)]
            rows.append((ends[0] - ends[1])[None] / (2 * step[j]))
        return np.concatenate(rows)


def fitted(problem: Problem, family: Family, theta: FloatArray, *, free: bool) -> Candidate:
    """One shape with given non-linear parameters, its amplitude fitted, and its floor if free."""
    y = problem.wy
    amps = amplitudes(family, theta[None], problem, y[:, None], fit_level=free)
    fit = problem.white(curve(family, theta[None], amps, problem.x))[0]
    rss = float(residual_ss(float(y @ y), float(y @ y) - float(np.square(y - fit).sum())))
    k = family.n_params + (free or family.free_floor)
    return Candidate(family, theta, amps[0], rss=rss, bic=float(bic(rss, problem.n, k)), n_params=k)


@dataclass(frozen=True, eq=False)
class Contest:
    """Competing shapes on one problem.

    ``etas`` are the candidate thresholds, None for smooth shapes; ``fit_level`` also fits the
    plateau of onsets.  The grids are made when first needed; being large they are never pickled.
    """

    problem: Problem
    families: tuple[Family, ...]
    etas: FloatArray | None
    fit_level: bool

    @cached_property
    def stack(self) -> Stack:
        """Every shape on its grid."""
        grids = [f.grid if self.etas is None else crossed(f, self.etas) for f in self.families]
        pairs = zip(self.families, grids, strict=True)
        return make_stack(self.problem, [Shapes(f, g, self.free(f)) for f, g in pairs])

    def free(self, family: Family) -> bool:
        """Whether the plateau of a shape is fitted: that of onsets, if at all."""
        return self.fit_level and family.side == "threshold"

    def __getstate__(self) -> dict[str, object]:
        return {k: v for k, v in self.__dict__.items() if k != "stack"}

    def _with(self, stack: Stack) -> Contest:
        """Contest of these parts of the grids."""
        made = replace(self, families=stack.families)
        made.__dict__["stack"] = stack
        return made

    def criteria(self, columns: FloatArray) -> FloatArray:
        """Best BIC of each shape for each data set, shape (shapes, data sets)."""
        return bic(self.stack.least_rss(columns), self.problem.n, self.stack.n_params[:, None])

    def best(self, columns: FloatArray) -> FloatArray:
        """Best BIC over all shapes for each data set."""
        return least_bic(self.stack.least_rss(columns), self.problem.n, self.stack.n_params)

    def shortlist(self, columns: FloatArray) -> Contest:
        """Same contest without the parameter sets that replicates like these never choose.

        A grid holds thousands of shapes, and data that say anything rule out most of them;
        the first of the ``columns`` show which.
        """
        return self.within(columns[:, :_PILOT], _SLACK)

    def within(self, columns: FloatArray, most: float) -> Contest:
        """Same contest with the parameter sets within so much BIC of the best of some column."""
        stack, n = self.stack, self.problem.n
        # BIC / n is a logarithm: what is less far by BIC is a smaller multiple of the least.
        paid = stack.rss(columns) * np.exp(stack.n_params * np.log(n) / n)[stack.of, None]
        near = (paid < paid.min(axis=0) * np.exp(most / n)).any(axis=1)
        return self._with(stack.where(near).present())

    def thinned(self, step: int) -> Contest:
        """Same contest with every ``step``-th parameter set of each shape."""
        rows = [self.stack.rows_of(i)[::step] for i in range(len(self.families))]
        return self._with(self.stack.where(np.concatenate(rows)))

    def competing(self) -> Contest:
        """Same contest with the shapes that compete for everything, not for eta alone."""
        return self._with(self.stack.only([i for i, f in enumerate(self.families) if f.competes]))

    def only(self, name: str) -> Contest:
        """Same contest with the shapes of one name alone."""
        return self._with(
            self.stack.only([i for i, f in enumerate(self.families) if f.name == name])
        )

    def profiles(self, columns: FloatArray) -> FloatArray:
        """Best BIC at each threshold for each data set, shape (etas, data sets)."""
        assert self.etas is not None
        stack, shapes = self.stack, len(self.families)
        place = np.searchsorted(self.etas, stack.theta[:, 0])
        rss = stack.least_by(place * shapes + stack.of, self.etas.size * shapes, columns)
        apart = rss.reshape(self.etas.size, shapes, -1)
        return least_bic(apart.transpose(1, 0, 2), self.problem.n, stack.n_params)

    def candidates(self) -> list[Candidate]:
        """Every shape at its best grid point for the data."""
        return [self.candidate(f, t) for f, t in zip(self.families, self._picks()[0], strict=True)]

    def _picks(self) -> tuple[list[FloatArray], FloatArray]:
        """Best grid point of each shape for the data, and its BIC."""
        stack, p = self.stack, self.problem
        column = p.wy[:, None]
        gain = stack.gains(column)[:, 0]
        of_each = [stack.rows_of(i) for i in range(len(self.families))]
        best = np.array([rows[int(gain[rows].argmax())] for rows in of_each])
        rss = residual_ss(p.wy @ p.wy, gain[best] + stack.levels(column)[:, 0])
        return [stack.parameters(r, i) for i, r in enumerate(best)], bic(rss, p.n, stack.n_params)

    def candidate(self, family: Family, theta: FloatArray) -> Candidate:
        """One shape with given non-linear parameters, amplitudes fitted."""
        return fitted(self.problem, family, theta, free=self.free(family))

    def refined(self, starts: int = 4, tolerance: float = 1e-7) -> list[Candidate]:
        """Every shape at its best parameters: the grid, then a polish of its best cells."""
        # The polish starts at several of the highest local maxima over eta or the first parameter,
        # for a profile may have two peaks.  A jump or step explains the same wherever in its gap
        # between two losses it stands, and the middle is its place.
        gain = self.stack.gains(self.problem.wy[:, None])[:, 0]
        out = []
        for i, family in enumerate(self.families):
            rows = self.stack.rows_of(i)
            theta, own = self.stack.parameters(rows, i), gain[rows]
            best = self.candidate(family, theta[int(own.argmax())])
            exact = self._exact(family) if family.exact_search else None
            if exact is not None:
                out.append(min(best, exact, key=lambda c: c.rss))
                continue
            if theta.shape[1] and own.max() > 0:
                found = self._polish(family, theta, peaks(theta, own, starts), tolerance)
                best = min(best, self.candidate(family, found), key=lambda c: c.rss)
            if family.jumps:
                best = self._centered(best)
            out.append(best)
        return out

    def _centered(self, jump: Candidate) -> Candidate:
        """Move a jump to the middle of its gap; rounding alone would choose among equals."""
        x, eta = self.problem.x, jump.theta[0]
        if not x[0] < eta <= x[-1]:
            return jump
        middle = 0.5 * (x[x < eta].max() + x[x >= eta].min())
        # At another place in the gap the same line has another height there.
        theta = crossed(jump.family, np.array([middle]))
        start = theta[[int(self._explained(jump.family, theta).argmax())]]
        moved = self.candidate(jump.family, self._polish(jump.family, theta, start))
        # A slope that would overshoot the gap's end holds the jump where it is.
        return moved if moved.rss <= jump.rss * (1.0 + 1e-9) else jump

    def _exact(self, hinge: Family) -> Candidate | None:
        """The hinge of the exact search, which needs errors that are independent."""
        # None where they are not, or where too few points lie below its kink.
        p = self.problem.whole
        if p.run is not None:
            return None
        found = search_hinge(p.x, p.y, p.root_w**2, fit_plateau=self.fit_level)
        eta = float(found.eta[0])
        return self.candidate(hinge, np.array([eta])) if eta >= p.etas()[0] else None

    def polished_at_eta(self, most: float) -> list[Candidate]:
        """Shapes of a contest at a single threshold within so much BIC of its best, polished."""
        # Replicates of it lie off the grid of shapes, as data do. From the grid alone they would be
        # fitted better than the data, and precise data would reject every threshold.
        # What is far from the best on the grid no polish brings near.
        picks, on_grid = self._picks()
        out = []
        for i in np.flatnonzero(on_grid <= on_grid.min() + _FAR):
            family, theta = self.families[i], picks[i]
            best = self.candidate(family, theta)
            if family.grid.shape[1] and best.amps[1:].any():
                grid = crossed(family, theta[:1])
                theta = self._polish(family, grid, theta[None], 1e-2)
                best = min(best, self.candidate(family, theta), key=lambda c: c.rss)
            out.append(best)
        out.sort(key=lambda c: c.bic)
        return [c for c in out if c.bic <= out[0].bic + most]

    def _explained(self, family: Family, theta: FloatArray) -> FloatArray:
        return explained(self.problem, family, theta, free=self.free(family))

    def _polish(
        self, family: Family, grid: FloatArray, starts: FloatArray, tolerance: float = 1e-7
    ) -> FloatArray:
        onset = family.side == "threshold"
        edge = self.problem.etas()[[0, -1]][:, None] if onset else np.zeros((2, 0))
        steps = np.array([cell(grid, start) for start in starts])
        low = np.array([*edge[0], *family.lower])
        high = np.array([*edge[1], *family.upper])
        # A contest at one threshold may stand at the very edge of the grid or beyond it.
        fixed = ~(steps > 0).any(axis=0)
        low, high = np.where(fixed, -np.inf, low), np.where(fixed, np.inf, high)
        return zoom(partial(self._explained, family), starts, steps, low, high, tolerance=tolerance)


def crossed(family: Family, etas: FloatArray) -> FloatArray:
    """Cross an onset's grid with candidate thresholds, eta first."""
    shape = family.grid
    return np.column_stack([np.repeat(etas, shape.shape[0]), np.tile(shape, (etas.size, 1))])


def threshold_contest(
    problem: Problem,
    families: tuple[Family, ...],
    *,
    fit_level: bool,
    etas: FloatArray | None = None,
) -> Contest:
    """Contest of onset shapes over a grid of thresholds (default: those of the problem)."""
    return Contest(problem, families, problem.etas() if etas is None else etas, fit_level)


def smooth_contest(problem: Problem, name: str = "") -> Contest:
    """Contest of the smooth families that compete, and of those offered under ``name``."""
    return Contest(problem, smooth_families(problem.scale, name), None, False)


def onset_contest(
    problem: Problem,
    shape: str,
    plateau: Plateau,
    every: tuple[Family, ...] = FOR_ETA,
    *,
    most: int = 160,
) -> Contest:
    """Contest of one shape or of ``every``; plateau at chance, unless it visibly is not."""
    if shape != "auto" and shape not in ONSETS:
        raise DataError(f"shape {shape!r} is not known: auto, {', '.join(ONSETS)}")
    if plateau not in PLATEAUS:
        raise DataError(f"plateau {plateau!r} is not known: {', '.join(PLATEAUS)}")
    families = every if shape == "auto" else (ONSETS[shape],)
    etas = problem.etas(most)
    if plateau != "auto":
        return threshold_contest(problem, families, fit_level=plateau == "fitted", etas=etas)
    looks = first_looks(problem, [(f, crossed(f, etas)) for f in families])
    best = [min(value for value, _ in side) for side in looks]
    if best[0] - best[1] > VISIBLE:
        # On the grid alone very precise data could prefer a fitted plateau for its flexibility.
        for level, side in enumerate(looks):
            near = tuple(family for value, family in side if value <= best[level] + _FAR)
            some = threshold_contest(problem, near, fit_level=bool(level), etas=etas)
            best[level] = min(c.bic for c in some.refined())
    return threshold_contest(problem, families, fit_level=best[0] - best[1] > VISIBLE, etas=etas)


def first_looks(
    problem: Problem, grids: Iterable[tuple[Family, FloatArray]]
) -> tuple[list[tuple[float, Family]], list[tuple[float, Family]]]:
    """BIC of every family at its best on a grid, without and with a fitted constant.

    Nothing of the grids is kept: one look at the data needs no unit rows.
    """
    total, level = float(problem.wy @ problem.wy), float(problem.level @ problem.wy) ** 2
    out: tuple[list[tuple[float, Family]], list[tuple[float, Family]]] = ([], [])
    for family, theta in grids:
        rows = problem.white(family.basis(problem.x, theta))
        for free in (False, True) if family.side == "threshold" else (family.free_floor,):
            gain = float(explained_by(rows, problem, free=free).max())
            rss = residual_ss(total, gain + free * level)
            out[free].append((float(bic(rss, problem.n, family.n_params + free)), family))
    return out
