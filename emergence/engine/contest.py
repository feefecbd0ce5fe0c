"""Contest: shapes compete for one data set, and again for every replicate of it.

A contest holds the blocks of all shapes in it.  Its criterion is the BIC, so that a shape with
more parameters has to earn them; the same rule picks the shape of the point estimate, of the
null hypotheses and of each bootstrap replicate.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from emergence._typing import PLATEAUS, FloatArray, Plateau
from emergence.curves.catalogue import FOR_ETA, ONSETS, smooth_families
from emergence.curves.family import Family
from emergence.engine.grid import (
    Block,
    amplitudes,
    best_gain,
    bic,
    curve,
    gains,
    grid_rss,
    make_blocks,
    residual_ss,
)
from emergence.engine.hinge_search import search_hinge
from emergence.engine.polish import cell, peaks, zoom
from emergence.engine.problem import Problem
from emergence.errors import DataError

# A fitted plateau must beat chance by this much BIC to be called visible.
VISIBLE = 10.0
# A parameter set is left out of replicates when it never comes within this much BIC of the
# best in the first _PILOT of them.  Its chance to win another is then below one in 10,000.
_SLACK = 20.0
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
    def blocks(self) -> tuple[Block, ...]:
        """Every shape on its grid."""
        return tuple(
            self.block(f, f.grid if self.etas is None else crossed(f, self.etas))
            for f in self.families
        )

    def block(self, family: Family, theta: FloatArray) -> Block:
        """One shape for the rows of ``theta``."""
        free = self.fit_level and family.side == "threshold"
        basis = family.basis(self.problem.x, theta)
        return make_blocks(family, theta, basis, self.problem, (free,))[0]

    def __getstate__(self) -> dict[str, object]:
        return {k: v for k, v in self.__dict__.items() if k != "blocks"}

    def _with(self, blocks: tuple[Block, ...]) -> Contest:
        """Contest of these parts of the grids."""
        made = replace(self, families=tuple(block.family for block in blocks))
        made.__dict__["blocks"] = blocks
        return made

    def least_rss(self, columns: FloatArray) -> FloatArray:
        """Least residual sum of squares of each shape for each data set, (shapes, data sets)."""
        total = np.einsum("ij,ij->j", columns, columns)
        return np.array([residual_ss(total, best_gain(b, columns)) for b in self.blocks])

    def criteria(self, columns: FloatArray) -> FloatArray:
        """Best BIC of each shape for each data set, shape (shapes, data sets)."""
        n_params = np.array([b.n_params for b in self.blocks])[:, None]
        return bic(self.least_rss(columns), self.problem.n, n_params)

    def best(self, columns: FloatArray) -> FloatArray:
        """Best BIC over all shapes for each data set."""
        lowest: FloatArray = self.criteria(columns).min(axis=0)
        return lowest

    def shortlist(self, columns: FloatArray) -> Contest:
        """Same contest without the parameter sets that replicates like these never choose.

        A grid holds thousands of shapes, and data that say anything rule out most of them;
        the first of the ``columns`` show which.
        """
        return self.within(columns[:, :_PILOT], _SLACK)

    def within(self, columns: FloatArray, most: float) -> Contest:
        """Same contest with the parameter sets within so much BIC of the best of some column."""
        tables = [
            bic(grid_rss(b, columns, gains(b, columns)), self.problem.n, b.n_params)
            for b in self.blocks
        ]
        best = np.min([table.min(axis=0) for table in tables], axis=0)
        near = [np.flatnonzero((table - best).min(axis=1) < most) for table in tables]
        return self._with(
            tuple(b.where(k) for b, k in zip(self.blocks, near, strict=True) if k.size)
        )

    def thinned(self, step: int) -> Contest:
        """Same contest with every ``step``-th parameter set of each shape."""
        return self._with(tuple(b.where(np.arange(0, b.theta.shape[0], step)) for b in self.blocks))

    def competing(self) -> Contest:
        """Same contest with the shapes that compete for everything, not for eta alone."""
        return self._with(tuple(b for b in self.blocks if b.family.competes))

    def only(self, name: str) -> Contest:
        """Same contest with the shapes of one name alone."""
        return self._with(tuple(b for b in self.blocks if b.family.name == name))

    def profiles(self, columns: FloatArray) -> FloatArray:
        """Best BIC at each threshold for each data set, shape (etas, data sets)."""
        assert self.etas is not None
        best = np.full((self.etas.size, columns.shape[1]), np.inf)
        for block in self.blocks:
            gain = gains(block, columns).reshape(self.etas.size, -1, columns.shape[1]).max(axis=1)
            criterion = bic(grid_rss(block, columns, gain), self.problem.n, block.n_params)
            best = np.minimum(best, criterion)
        return best

    def candidates(self) -> list[Candidate]:
        """Every shape at its best grid point for the data."""
        column = self.problem.wy[:, None]
        picks = [block.theta[int(gains(block, column)[:, 0].argmax())] for block in self.blocks]
        return [self.candidate(b.family, t) for b, t in zip(self.blocks, picks, strict=True)]

    def candidate(self, family: Family, theta: FloatArray) -> Candidate:
        """One shape with given non-linear parameters, amplitudes fitted."""
        free = self.fit_level and family.side == "threshold"
        return fitted(self.problem, family, theta, free=free)

    def refined(self, starts: int = 4, tolerance: float = 1e-7) -> list[Candidate]:
        """Every shape at its best parameters: the grid, then a polish of its best cells."""
        # The polish starts at several of the highest local maxima over eta or the first parameter,
        # for a profile may have two peaks.  A jump or step explains the same wherever in its gap
        # between two losses it stands, and the middle is its place.
        column = self.problem.wy[:, None]
        out = []
        for block in self.blocks:
            gain = gains(block, column)[:, 0]
            best = self.candidate(block.family, block.theta[int(gain.argmax())])
            exact = self._exact(block.family) if block.family.exact_search else None
            if exact is not None:
                out.append(min(best, exact, key=lambda c: c.rss))
                continue
            if block.theta.shape[1] and gain.max() > 0:
                theta = self._polish(block, peaks(block.theta, gain, starts), tolerance)
                best = min(best, self.candidate(block.family, theta), key=lambda c: c.rss)
            if block.family.jumps:
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
        there = self.block(jump.family, theta)
        start = theta[[int(gains(there, self.problem.wy[:, None])[:, 0].argmax())]]
        moved = self.candidate(jump.family, self._polish(there, start))
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

    def polished_at_eta(self) -> list[Candidate]:
        """Every shape of a contest at a single threshold, exponent or rate polished."""
        # Replicates of it lie off the grid of shapes, as data do. From the grid alone they would be
        # fitted better than the data, and precise data would reject every threshold.
        # What is far from the best on the grid no polish brings near.
        out, found = [], self.candidates()
        near = min(c.bic for c in found) + _FAR
        for block, best in zip(self.blocks, found, strict=True):
            if block.family.grid.shape[1] and best.amps[1:].any() and best.bic <= near:
                theta = self._polish(block, best.theta[None], 1e-3)
                best = min(best, self.candidate(block.family, theta), key=lambda c: c.rss)
            out.append(best)
        return out

    def _polish(self, block: Block, starts: FloatArray, tolerance: float = 1e-7) -> FloatArray:
        p, family = self.problem, block.family
        onset = family.side == "threshold"
        edge = p.etas()[[0, -1]][:, None] if onset else np.zeros((2, 0))
        column = p.wy[:, None]

        def explained(theta: FloatArray) -> FloatArray:
            return gains(self.block(family, theta), column)[:, 0]

        steps = np.array([cell(block.theta, start) for start in starts])
        low = np.array([*edge[0], *family.lower])
        high = np.array([*edge[1], *family.upper])
        # A contest at one threshold may stand at the very edge of the grid or beyond it.
        fixed = ~(steps > 0).any(axis=0)
        low, high = np.where(fixed, -np.inf, low), np.where(fixed, np.inf, high)
        return zoom(explained, starts, steps, low, high, tolerance=tolerance)


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


def both_plateaus(
    problem: Problem, families: tuple[Family, ...], etas: FloatArray
) -> tuple[Contest, Contest]:
    """Contests of the same onsets with the plateau at chance and fitted, made together."""
    grids = [crossed(f, etas) for f in families]
    made = [
        make_blocks(f, theta, f.basis(problem.x, theta), problem, (False, True))
        for f, theta in zip(families, grids, strict=True)
    ]
    known, free = (Contest(problem, families, etas, level) for level in (False, True))
    known.__dict__["blocks"], free.__dict__["blocks"] = zip(*made, strict=True)
    return known, free


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
    known, free = both_plateaus(problem, families, etas)
    column = problem.wy[:, None]
    if known.best(column)[0] - free.best(column)[0] <= VISIBLE:
        return known
    # On the grid alone very precise data could prefer a fitted plateau for its flexibility.
    best = [min(c.bic for c in side.refined()) for side in (known, free)]
    return free if best[0] - best[1] > VISIBLE else known
