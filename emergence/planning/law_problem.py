"""Law: the least-squares problem of a scaling law, its starts, optima and replicates."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.optimize import least_squares

from emergence._residuals import robust_sd
from emergence._text import several
from emergence._typing import FloatArray, IntArray

Loss = Literal["huber", "least_squares"]

_EXPONENTS = np.linspace(0.05, 1.2, 24)
_STARTS = 12
_FEW_RUNS = 10
# Tokens are tied to size where size explains all but this share of their spread, in logs.
_TIED = 0.1


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
        log_n = np.log(self.size)
        ones = np.zeros_like(log_n)
        if self.tokens is None:
            return np.stack([ones + theta[0], theta[1] - theta[2] * log_n])
        log_d = np.log(self.tokens)
        return np.stack([ones + theta[0], theta[1] - theta[3] * log_n, theta[2] - theta[4] * log_d])

    def effect_of_size(self, theta: FloatArray) -> float:
        """How much log L falls from the smallest to the largest size, other things equal."""
        term = np.exp(self._terms(theta)[1])
        return float((term.max() - term.min()) / np.median(self.loss))

    def residual(self, theta: FloatArray) -> FloatArray:
        """Errors of log L."""
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
        return np.column_stack([*share, *slopes])

    def objective(self, theta: FloatArray) -> float:
        """Sum of Huber losses, or half squares."""
        r = np.abs(self.residual(theta))
        if self.method == "least_squares":
            return float(0.5 * (r**2).sum())
        d = self.delta
        return float(np.where(r <= d, 0.5 * r**2, d * (r - 0.5 * d)).sum())

    def polish(self, start: FloatArray) -> FloatArray:
        """Local optimum from a start."""
        k = start.size
        low, high = np.full(k, -np.inf), np.full(k, np.inf)
        exponents = slice(2, 3) if self.tokens is None else slice(3, 5)
        low[0], low[exponents], high[exponents] = np.log(1e-4), 1e-3, 4.0
        result = least_squares(
            self.residual,
            np.clip(start, low + 1e-9, high - 1e-9),
            jac=self.jacobian,
            bounds=(low, high),
            loss="huber" if self.method == "huber" else "linear",
            f_scale=self.delta,
            x_scale="jac",
            xtol=1e-10,
            ftol=1e-10,
            gtol=1e-10,
            max_nfev=300,
        )
        theta: FloatArray = result.x
        return theta

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
        return min(map(self.polish, self.starts()), key=self.objective)


def bootstrap(
    problem: Law, group: IntArray, best: FloatArray, n_boot: int, rng: np.random.Generator
) -> FloatArray:
    """Refit on resampled runs, from the best fit."""
    n_groups = int(group.max()) + 1
    members = [np.flatnonzero(group == g) for g in range(n_groups)]
    out = np.empty((n_boot, best.size))
    for i in range(n_boot):
        # Whole runs, for the checkpoints of one run share its luck.
        rows = np.concatenate([members[g] for g in rng.integers(0, n_groups, n_groups)])
        tokens = None if problem.tokens is None else problem.tokens[rows]
        again = replace(problem, size=problem.size[rows], loss=problem.loss[rows], tokens=tokens)
        # From the best fit: a replicate is near it, and a search from afar may end elsewhere.
        out[i] = natural(again.polish(best))
    return out


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
