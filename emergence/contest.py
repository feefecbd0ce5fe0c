"""Contest: shapes compete for one data set, and again for every replicate of it.

A contest holds the blocks of all shapes in it.  Its criterion is the BIC, so that a shape with
more parameters has to earn them; the same rule picks the shape of the point estimate, of the
null hypotheses and of each bootstrap replicate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize, minimize_scalar

from emergence._typing import FloatArray
from emergence.families import HINGE, Family, eta_grid, smooth_families, with_eta
from emergence.problem import Problem
from emergence.profile import (
    Block,
    amplitudes,
    best_gain,
    bic,
    curve,
    gains,
    make_block,
    residual_ss,
)
from emergence.search import search_hinge


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


@dataclass(frozen=True, eq=False)
class Contest:
    """Competing shapes on one problem; ``fit_level`` also fits the plateau of onsets."""

    problem: Problem
    blocks: tuple[Block, ...]
    fit_level: bool

    def criteria(self, columns: FloatArray) -> FloatArray:
        """Best BIC of each shape for each data set, shape (shapes, data sets)."""
        total = np.einsum("ij,ij->j", columns, columns)
        n = self.problem.n
        rows = [bic(residual_ss(total, best_gain(b, columns)), n, b.n_params) for b in self.blocks]
        return np.array(rows)

    def best(self, columns: FloatArray) -> FloatArray:
        """Best BIC over all shapes for each data set."""
        lowest: FloatArray = self.criteria(columns).min(axis=0)
        return lowest

    def only(self, name: str) -> Contest:
        """Same contest with the shapes of one name alone."""
        kept = tuple(block for block in self.blocks if block.family.name == name)
        return Contest(self.problem, kept, self.fit_level)

    def profile(self) -> tuple[FloatArray, FloatArray]:
        """Thresholds of the grid, and the best BIC of any shape with its onset at each."""
        column, n = self.problem.wy[:, None], self.problem.n
        total = float(self.problem.wy @ self.problem.wy)
        etas = np.unique(np.concatenate([block.theta[:, 0] for block in self.blocks]))
        best = np.full(etas.size, np.inf)
        for block in self.blocks:
            level = 0.0 if block.level is None else float(block.level @ self.problem.wy) ** 2
            criterion = bic(
                residual_ss(total, gains(block, column)[:, 0] + level), n, block.n_params
            )
            np.minimum.at(best, np.searchsorted(etas, block.theta[:, 0]), criterion)
        return etas, best

    def candidates(self) -> list[Candidate]:
        """Every shape at its best grid point for the data."""
        column = self.problem.wy[:, None]
        picks = [block.theta[int(gains(block, column)[:, 0].argmax())] for block in self.blocks]
        return [self.candidate(b.family, t) for b, t in zip(self.blocks, picks, strict=True)]

    def candidate(self, family: Family, theta: FloatArray) -> Candidate:
        """One shape with given non-linear parameters, amplitudes fitted."""
        p = self.problem
        free = self.fit_level and family.side == "threshold"
        amps = amplitudes(family, theta[None], p.x, p.root_w, p.wy[:, None], fit_level=free)
        fit = curve(family, theta[None], amps, p.x)[0] * p.root_w
        rss = float(residual_ss(float(p.wy @ p.wy), float(p.wy @ p.wy) - ((p.wy - fit) ** 2).sum()))
        k = family.n_params + (free or family.free_floor)
        return Candidate(family, theta, amps[0], rss, float(bic(rss, p.n, k)), k)

    def refined(self, starts: int = 4) -> list[Candidate]:
        """Every shape at its best parameters: the grid, then a polish of its best cells.

        The polish (Nelder-Mead) starts at the ``starts`` highest local maxima over eta or the
        first parameter, never at one point only.  A jump is left on the grid: it explains the
        same wherever in its gap between two losses it stands, and the middle is its place.
        """
        column = self.problem.wy[:, None]
        out = []
        for block in self.blocks:
            gain = gains(block, column)[:, 0]
            best = self.candidate(block.family, block.theta[int(gain.argmax())])
            exact = self._exact_hinge() if block.family is HINGE else None
            if exact is not None:
                out.append(min(best, exact, key=lambda c: c.rss))
                continue
            if block.theta.shape[1] and block.second is None and gain.max() > 0:
                tries = [
                    self.candidate(block.family, self._polish(block, start))
                    for start in _peaks(block.theta, gain, starts)
                ]
                best = min([best, *tries], key=lambda c: c.rss)
            out.append(best)
        return out

    def _exact_hinge(self) -> Candidate | None:
        """The hinge of the exact search; None where too few points lie below its kink."""
        p = self.problem
        found = search_hinge(p.x, p.y, p.root_w**2, fit_plateau=self.fit_level)
        eta = float(found.eta[0])
        return self.candidate(HINGE, np.array([eta])) if eta >= eta_grid(p.x)[0] else None

    def polished_at_eta(self) -> list[Candidate]:
        """Every shape of a contest at a single threshold, exponent or rate polished.

        Replicates of it lie off the grid of shapes, as data do.  From the grid alone they
        would be fitted better than the data, and precise data would reject every threshold.
        """
        out = []
        for block, best in zip(self.blocks, self.candidates(), strict=True):
            if block.family.grid.shape[1] and best.amps[1:].any():
                grid = np.sort(block.family.grid[:, 0])
                place = int(np.searchsorted(grid, best.theta[1]))
                low = grid[place - 1] if place > 0 else block.family.lower[0]
                high = grid[place + 1] if place + 1 < grid.size else block.family.upper[0]
                eta = best.theta[0]
                found = minimize_scalar(
                    lambda g, f=block.family, e=eta: self.candidate(f, np.array([e, g])).rss,
                    bounds=(float(low), float(high)),
                    method="bounded",
                    options={"xatol": 1e-4 * float(high), "maxiter": 25},
                )
                again = self.candidate(block.family, np.array([eta, found.x]))
                best = min(best, again, key=lambda c: c.rss)
            out.append(best)
        return out

    def _polish(self, block: Block, start: FloatArray) -> FloatArray:
        p, family = self.problem, block.family
        onset = family.side == "threshold"
        edge = eta_grid(p.x)[[0, -1]] if onset else np.zeros(2)
        low = np.array([*edge[: int(onset)], *family.lower])
        high = np.array([*edge[1 : 1 + int(onset)], *family.upper])
        total = float(p.wy @ p.wy)

        def unexplained(theta: FloatArray) -> float:
            one = make_block(family, theta[None], p.x, p.root_w, fit_level=self.fit_level and onset)
            return 1.0 - float(best_gain(one, p.wy[:, None])[0]) / total

        result = minimize(
            unexplained,
            start,
            method="Nelder-Mead",
            bounds=list(zip(low.tolist(), high.tolist(), strict=True)),
            options={"xatol": 1e-7, "fatol": 1e-12, "maxiter": 400},
        )
        polished: FloatArray = np.clip(result.x, low, high)
        return polished


def _peaks(theta: FloatArray, gain: FloatArray, count: int) -> FloatArray:
    """Parameter sets at the highest local maxima of the gain along the first parameter."""
    values, group = np.unique(theta[:, 0], return_inverse=True)
    top = np.full(values.size, -np.inf)
    np.maximum.at(top, group, gain)
    padded = np.concatenate([[-np.inf], top, [-np.inf]])
    peak = np.flatnonzero((top >= padded[:-2]) & (top >= padded[2:]))
    peak = peak[np.argsort(-top[peak], kind="stable")][:count]
    rows = [int(np.flatnonzero((group == g) & (gain == top[g]))[0]) for g in peak]
    return theta[rows]


def threshold_contest(
    problem: Problem,
    families: tuple[Family, ...],
    *,
    fit_level: bool,
    etas: FloatArray | None = None,
) -> Contest:
    """Contest of onset shapes over a grid of thresholds (default: :func:`eta_grid`)."""
    grid = eta_grid(problem.x) if etas is None else etas
    blocks = tuple(
        make_block(f, with_eta(f, grid), problem.x, problem.root_w, fit_level=fit_level)
        for f in families
    )
    return Contest(problem, blocks, fit_level)


def smooth_contest(problem: Problem) -> Contest:
    """Contest of the smooth families."""
    blocks = tuple(
        make_block(f, f.grid, problem.x, problem.root_w, fit_level=False)
        for f in smooth_families(problem)
    )
    return Contest(problem, blocks, False)
