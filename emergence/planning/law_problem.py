"""Law: the least-squares problem of a scaling law, its starts, optima and replicates."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from emergence._residuals import robust_sd
from emergence._text import several
from emergence._typing import FloatArray, IntArray

Loss = Literal["huber", "least_squares"]

_EXPONENTS = np.linspace(0.05, 1.2, 24)
_STARTS = 12
_FEW_RUNS = 10
# Tokens are tied to size where size explains all but this share of their spread, in logs.
_TIED = 0.1
# Steps of a search, the fall of the loss that ends it, the least damping, and that which ends it.
_STEPS, _TINY, _LOOSE, _STIFF = 400, 1e-12, 1e-9, 1e12


def natural(theta: FloatArray) -> FloatArray:
    """Working parameters to (L_inf, N0, alpha) or (E, A, B, alpha, beta)."""
    if theta.size == 3:
        e, a, alpha = theta
        return np.array([np.exp(e), np.exp(a / alpha), alpha])
    e, a, b, alpha, beta = theta
    return np.array([np.exp(e), np.exp(a), np.exp(b), alpha, beta])


@dataclass(frozen=True, eq=False)
class Law:
    """The problem in working parameters: logs of E, A (and B), then the exponents."""

    size: FloatArray
    loss: FloatArray
    tokens: FloatArray | None
    method: Loss
    delta: float

    def _terms(self, theta: FloatArray) -> FloatArray:
        """Logarithms of the two or three terms of the law, shape (terms, ..., n)."""
        first, *rest = np.moveaxis(theta, -1, 0)[..., None]
        log_n = np.log(self.size)
        if self.tokens is None:
            terms = [rest[0] - rest[1] * log_n]
        else:
            terms = [rest[0] - rest[2] * log_n, rest[1] - rest[3] * np.log(self.tokens)]
        return np.stack([np.broadcast_to(first, terms[0].shape), *terms])

    def effect_of_size(self, theta: FloatArray) -> float:
        """How much log L falls from the smallest to the largest size, other things equal."""
        term = np.exp(self._terms(theta)[1])
        return float((term.max() - term.min()) / np.median(self.loss))

    def residual(self, theta: FloatArray) -> FloatArray:
        """Errors of log L of one or more sets of parameters, shape (..., n)."""
        # By the log of a sum of exponentials no term over- or underflows.
        value: FloatArray = np.logaddexp.reduce(self._terms(theta), axis=0) - np.log(self.loss)
        return value

    def jacobian(self, theta: FloatArray) -> FloatArray:
        """Derivatives of the residuals: shares of the terms, times -log N or -log D."""
        terms = self._terms(theta)
        share = np.exp(terms - np.logaddexp.reduce(terms, axis=0))
        slopes = [-share[1] * np.log(self.size)]
        if self.tokens is not None:
            slopes.append(-share[2] * np.log(self.tokens))
        return np.stack([*share, *slopes], axis=-1)

    def objective(self, theta: FloatArray) -> float:
        """Sum of Huber losses, or half squares."""
        return float(self._losses(self.residual(theta)).sum())

    def _losses(self, residual: FloatArray) -> FloatArray:
        r, d = np.abs(residual), self.delta
        square = 0.5 * r**2
        if self.method == "least_squares":
            return square
        return np.where(r <= d, square, d * (r - 0.5 * d))

    def optima(self, starts: FloatArray, counts: FloatArray) -> FloatArray:
        """Local optimum from each start, points taken ``counts`` times, shapes (m, k), (m, n).

        Levenberg and Marquardt's steps, all problems at once; Huber's loss by weights made anew at
        each step, bounds by taking out what would leave them.
        """
        low, high = self._bounds()
        theta = np.clip(starts, low + 1e-9, high - 1e-9)
        damping, cost = np.full(len(theta), 1e-3), self._costs(theta, counts)
        going = np.arange(len(theta))
        for _ in range(_STEPS):
            now, times = theta[going], counts[going]
            trial = np.clip(now + self._step(now, times, damping[going]), low, high)
            reached = self._costs(trial, times)
            better = reached < cost[going]
            done = better & (cost[going] - reached <= _TINY * cost[going])
            theta[going[better]], cost[going[better]] = trial[better], reached[better]
            # Never none: what points drawn again do not determine would make the step singular.
            damping[going] = np.maximum(damping[going] * np.where(better, 0.2, 5.0), _LOOSE)
            going = going[~done & (damping[going] < _STIFF)]
            if not going.size:
                break
        return theta

    def _step(self, theta: FloatArray, counts: FloatArray, damping: FloatArray) -> FloatArray:
        """Damped step of each problem downhill."""
        low, high = self._bounds()
        residual, slopes = self.residual(theta), self.jacobian(theta)
        weight = counts * self._weights(residual)
        gradient = np.einsum("mn,mnk->mk", weight * residual, slopes)
        held = ((theta <= low) & (gradient > 0)) | ((theta >= high) & (gradient < 0))
        gradient[held] = 0.0
        slopes = np.where(held[:, None, :], 0.0, slopes)
        square = np.einsum("mn,mnk,mnl->mkl", weight, slopes, slopes)
        diagonal = np.einsum("mkk->mk", square)
        size = np.maximum(diagonal, 1e-12 * diagonal.max(axis=1, keepdims=True) + 1e-300)
        diagonal[...] += damping[:, None] * size + np.where(held, 1.0, 0.0)
        step: FloatArray = np.linalg.solve(square, -gradient[..., None])[..., 0]
        return step

    def _bounds(self) -> tuple[FloatArray, FloatArray]:
        """Bounds of the working parameters: an irreducible loss, and exponents that mean one."""
        k, exponents = (3, slice(2, 3)) if self.tokens is None else (5, slice(3, 5))
        low, high = np.full(k, -np.inf), np.full(k, np.inf)
        low[0], low[exponents], high[exponents] = np.log(1e-4), 1e-3, 4.0
        return low, high

    def _weights(self, residual: FloatArray) -> FloatArray:
        """Weights under which squares have the slope of the loss."""
        if self.method == "least_squares":
            return np.ones_like(residual)
        return self.delta / np.maximum(np.abs(residual), self.delta)

    def _costs(self, theta: FloatArray, counts: FloatArray) -> FloatArray:
        """Loss of each problem."""
        total: FloatArray = np.einsum("mn,mn->m", counts, self._losses(self.residual(theta)))
        return total

    def starts(self) -> FloatArray:
        """Starts from variable projection: best linear parameters on a grid of exponents."""
        grid = [(a,) for a in _EXPONENTS]
        if self.tokens is not None:
            grid = [(a, b) for a in _EXPONENTS[::2] for b in _EXPONENTS[::2]]  # type: ignore[misc]
        found: list[tuple[float, FloatArray]] = []
        for exponents in grid:
            columns = [np.ones_like(self.size), self.size ** -exponents[0]]
            if self.tokens is not None:
                columns.append(self.tokens ** -exponents[1])  # type: ignore[misc]
            scale = np.array([c.mean() for c in columns])
            # Relative errors, the first order of errors in log L.
            design = np.column_stack(columns) / scale / self.loss[:, None]
            linear = np.linalg.lstsq(design, np.ones_like(self.size), rcond=None)[0]
            linear = np.maximum(linear / scale, 1e-3 * linear.max() / scale)
            theta = np.array([*np.log(linear), *exponents])
            found.append((self.objective(theta), theta))
        found.sort(key=lambda pair: pair[0])
        return np.array([theta for _, theta in found[:_STARTS]])

    def solve(self) -> FloatArray:
        """Best of the optima that the starts lead to."""
        starts = self.starts()
        found = self.optima(starts, np.ones((len(starts), self.size.size)))
        return min(found, key=self.objective)


def bootstrap(
    problem: Law, group: IntArray, best: FloatArray, n_boot: int, rng: np.random.Generator
) -> FloatArray:
    """Refit on resampled runs, from the best fit."""
    n_groups = int(group.max()) + 1
    # Whole runs, for the checkpoints of one run share its luck.
    drawn = np.stack([rng.integers(0, n_groups, n_groups) for _ in range(n_boot)])
    times = np.stack([np.bincount(row, minlength=n_groups) for row in drawn]).astype(float)
    # From the best fit: a replicate is near it, and a search from afar may end elsewhere.
    found = problem.optima(np.tile(best, (n_boot, 1)), times[:, group])
    return np.array([natural(theta) for theta in found])


def tied(size: FloatArray, tokens: FloatArray) -> tuple[float, float] | None:
    """C and b of D = c N^b where the sizes say what the tokens were, else None."""
    n, d = np.log(size), np.log(tokens)
    b = float(np.cov(n, d)[0, 1] / np.var(n, ddof=1))
    rest = d - d.mean() - b * (n - n.mean())
    if np.sqrt(np.mean(rest**2)) > _TIED * np.std(d):
        return None
    return float(np.exp(d.mean() - b * n.mean())), b


HARDLY = "the loss hardly falls with size: sizes by this law mean nothing"


def cautions(problem: Law, n_runs: int, best: FloatArray) -> tuple[str, ...]:
    """What should be read with care in a fitted law."""
    out = []
    size = problem.size
    # By the median: a few runs that diverged say nothing of the others.
    error = robust_sd(problem.residual(best))
    if problem.effect_of_size(best) < 3.0 * error:
        out.append(HARDLY)
    if np.unique(size).size < 5:
        out.append(f"only {np.unique(size).size} sizes: the exponent is poorly known")
    if n_runs < _FEW_RUNS:
        out.append(f"only {several(n_runs, 'run')}: bootstrap intervals are too narrow")
    if np.exp(best[0]) < 1e-3 * problem.loss.min():
        out.append("the irreducible loss went to 0: these data do not show it")
    return tuple(out)
