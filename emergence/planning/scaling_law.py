"""fit_scaling_law: the loss as a function of model size, and of training tokens."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from emergence._random import Seed, Stream, as_seed, child
from emergence._results import Result, no_interval
from emergence._text import table
from emergence._typing import AnyArray, Axes, FloatArray, IntArray
from emergence.errors import DataError, MethodRefused
from emergence.interval import Interval, check_level, percentile
from emergence.planning.law_problem import HARDLY, Law, Loss, bootstrap, cautions, natural, tied
from emergence.records.columns import column_of


@dataclass(frozen=True, eq=False, repr=False)
class ScalingLaw(Result):
    r"""A fitted scaling law; made by :func:`fit_scaling_law`.

    Attributes
    ----------
    form : {"N", "ND"}
        :math:`L_\infty + (N_0/N)^\alpha`, or :math:`E + A/N^\alpha + B/D^\beta`.
    params : dict
        L_inf, N0, alpha; or E, A, B, alpha, beta.
    objective : float
        Sum of Huber losses (or half squares) of the errors of log L.
    n, n_runs : int
        Points and runs.
    draws : dict of (n_boot,) arrays
        Parameters of the bootstrap replicates.
    ray : (float, float) or None
        c and b where the tokens of the runs were :math:`D = c N^b`: what each of the two does
        cannot be told, and the law, a function of N, holds for such training alone.
    warnings : tuple of str
    """

    form: Literal["N", "ND"]
    params: dict[str, float]
    loss: Loss
    delta: float
    objective: float
    rms: float
    n: int
    n_runs: int
    n_boot: int
    warnings: tuple[str, ...]
    draws: dict[str, FloatArray] = field(repr=False)
    sizes: FloatArray = field(repr=False)
    losses: FloatArray = field(repr=False)
    tokens: FloatArray | None = field(repr=False)
    ray: tuple[float, float] | None = None

    @property
    def along(self) -> str:
        """Along what tokens the law holds, where these were tied to the size; empty else."""
        if self.ray is None:
            return ""
        c, b = self.ray
        return f"along D = {c:.3g} N" + ("" if abs(b - 1.0) < 0.01 else f"^{b:.2f}")

    @property
    def falls(self) -> bool:
        """Whether the loss falls with size by more than its errors: else no size is to be had."""
        return HARDLY not in self.warnings

    @property
    def reason(self) -> str:
        """The finding in one sentence."""
        fall = f"to {self.L_inf:.4g}, with exponent {self.alpha:.3g}"
        text = f"the loss falls with model size {self.along} {fall}" if self.falls else HARDLY
        return f"{' '.join(text.split())} ({self.n_runs} runs, relative error {self.rms:.2%})"

    @property
    def L_inf(self) -> float:
        """Irreducible loss (E in the form with tokens)."""
        return self.params["L_inf" if self.form == "N" else "E"]

    @property
    def N0(self) -> float:
        """Size scale N0 (in the form with tokens A^(1/alpha))."""
        if self.form == "N":
            return self.params["N0"]
        return float(self.params["A"] ** (1.0 / self.params["alpha"]))

    @property
    def alpha(self) -> float:
        """Exponent of the size."""
        return self.params["alpha"]

    def stderr(self, name: str) -> float:
        """Standard deviation of the bootstrap replicates."""
        return float(np.std(self.draws[name], ddof=1))

    def interval(self, name: str, level: float = 0.95) -> Interval:
        """Percentile interval over the bootstrap replicates.

        DataError for a name that is not a parameter.
        """
        check_level(level, self.n_boot)
        if name not in self.draws:
            raise no_interval(name, self.draws)
        return Interval(*percentile(self.draws[name], level), level, "percentile")

    def predict(self, params: ArrayLike, tokens: ArrayLike | None = None) -> FloatArray:
        """Loss of models of these sizes (after these tokens), nats per token."""
        if self.form == "N":
            return scaling_law(params, **self.params)
        if tokens is None:
            raise DataError("this law has the form L(N, D): give tokens too")
        return scaling_law_tokens(params, tokens, **self.params)

    def check_tokens(self) -> None:
        """Raise DataError or MethodRefused where the law knows nothing of other tokens."""
        if self.ray is not None:
            raise MethodRefused(
                f"the runs of the law were all trained {self.along}: what tokens and what size "
                "does cannot be told apart, and nothing is known of other tokens; leave tokens out"
            )
        if self.form == "N":
            raise DataError(
                "the law has no tokens (its runs do not differ in them, or fit_scaling_law was not "
                "given any): leave tokens out"
            )

    def to_frame(self, level: float = 0.95) -> pd.DataFrame:
        """One row per parameter: estimate, standard error, interval."""
        rows = []
        for name, value in self.params.items():
            ci = self.interval(name, level)
            rows.append(
                {
                    "parameter": name,
                    "estimate": value,
                    "stderr": self.stderr(name),
                    "low": ci.low,
                    "high": ci.high,
                }
            )
        return pd.DataFrame(rows)

    def summary(self, level: float = 0.95) -> str:
        """Report as text."""
        form = "L_inf + (N0/N)^alpha" if self.form == "N" else "E + A/N^alpha + B/D^beta"
        along = f" {self.along}" if self.ray else ""
        lines = [f"Scaling law L = {form}{along}: {self.n} points, {self.n_runs} runs, {self.loss}"]
        rows = []
        for row in self.to_frame(level).to_dict("records"):
            # An error beyond the estimate says no more than that it is not known.
            known = float(row["stderr"]) < 10.0 * abs(float(row["estimate"]))
            error = f"+- {row['stderr']:.3g}" if known else "not known"
            ends = f"[{row['low']:.4g}, {row['high']:.4g}]"
            rows.append((str(row["parameter"]), f"{row['estimate']:.5g}", error, ends))
        lines += table(rows, right=[1])
        lines.append(f"  relative error of the loss (rms) {self.rms:.2%}")
        return "\n".join(lines + self._warned)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw loss against size."""
        from emergence.figures.scaling_law import plot_law

        return plot_law((self.sizes, self.losses, self.tokens), self.predict, ax=ax)


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

    Examples
    --------
    >>> scaling_law_tokens([1e6], [1e6], E=1.5, A=1e3, B=1e3, alpha=0.5, beta=0.5)
    array([3.5])
    """
    n, d = np.asarray(params, dtype=float), np.asarray(tokens, dtype=float)
    return E + A / n**alpha + B / d**beta


def fit_scaling_law(
    params: ArrayLike,
    loss: ArrayLike,
    *,
    tokens: ArrayLike | None = None,
    run: ArrayLike | None = None,
    method: Loss = "huber",
    delta: float = 1e-3,
    n_boot: int = 500,
    rng: Seed = 0,
) -> ScalingLaw:
    r"""Fit L(N) at a fixed number of tokens, or L(N, D).

    .. math::

        L(N) = L_\infty + (N_0/N)^\alpha, \qquad L(N, D) = E + A/N^\alpha + B/D^\beta

    by minimising the Huber loss of the errors of log L.  Where tokens are a function of the size
    (20 N, say) the two cannot be told apart: the law is then L(N) along that ray.  For given
    exponents the law is linear in its other parameters; a grid over the exponents gives the starts,
    the best of which are polished together, for single starts end in poor optima more often than
    not.

    Parameters
    ----------
    params : (n,) array_like
        Model sizes N (non-embedding parameters).
    loss : (n,) array_like
        Final losses, nats per token.
    tokens : (n,) array_like, optional
        Training tokens D; with them the law is L(N, D).
    run : (n,) array_like, optional
        Runs; the bootstrap resamples whole runs.  Default: every point its own.
    method : {"huber", "least_squares"}
        Loss on the errors of log L.
    delta : float
        Where Huber's loss turns from square to linear, in log L.
    n_boot : int
        Bootstrap replicates, at least 99.
    rng : int, SeedSequence or Generator
        Same seed, same bits.

    Raises
    ------
    DataError
        For arrays that differ in length, values that are not positive, or fewer points (or
        sizes) than the law has parameters.

    References
    ----------
    Hoffmann et al. 2022, arXiv 2203.15556; Besiroglu et al. 2024, arXiv 2404.10102.

    Examples
    --------
    >>> import numpy as np
    >>> from emergence.planning.scaling_law import scaling_law
    >>> N = np.geomspace(1e6, 1e9, 8)
    >>> law = fit_scaling_law(N, scaling_law(N, L_inf=1.7, N0=2e7, alpha=0.3), n_boot=99)
    >>> round(law.L_inf, 4), round(law.alpha, 4)
    (1.7, 0.3)
    """
    if method not in ("huber", "least_squares"):
        raise DataError(f"method {method!r} is not known: huber or least_squares")
    if n_boot < 99 or delta <= 0:
        raise DataError("need n_boot >= 99 and delta > 0")
    size, value, seen, group = _check(params, loss, tokens, run)
    ray = None if seen is None else tied(size, seen)
    if ray is not None:
        seen = None
    problem = Law(size, value, seen, method, delta)
    best = problem.solve()
    draws = bootstrap(problem, group, best, n_boot, child(as_seed(rng), Stream.SCALING_LAW))
    names = ("L_inf", "N0", "alpha") if seen is None else ("E", "A", "B", "alpha", "beta")
    residual = problem.residual(best)
    n_runs = int(np.unique(group).size)
    return ScalingLaw(
        form="N" if seen is None else "ND",
        params=dict(zip(names, map(float, natural(best)), strict=True)),
        loss=method,
        delta=delta,
        objective=problem.objective(best),
        rms=float(np.sqrt(np.mean(residual**2))),
        n=int(size.size),
        n_runs=n_runs,
        n_boot=n_boot,
        warnings=cautions(problem, n_runs, best),
        ray=ray,
        draws={k: draws[:, j] for j, k in enumerate(names)},
        sizes=size,
        losses=value,
        tokens=seen,
    )


def _check(
    params: ArrayLike, loss: ArrayLike, tokens: ArrayLike | None, run: ArrayLike | None
) -> tuple[FloatArray, FloatArray, FloatArray | None, IntArray]:
    """Checked arrays in an order that the order of the rows does not change."""
    size, value = column_of("params", params), column_of("loss", loss)
    seen = None if tokens is None else column_of("tokens", tokens)
    names: AnyArray = np.arange(size.size) if run is None else column_of("run", run)
    columns = {"params": size, "loss": value, "tokens": seen, "run": names}
    for name, column in columns.items():
        if column is None:
            continue
        if column.ndim != 1 or column.shape != size.shape:
            raise DataError(f"{name} has shape {column.shape}, params has {size.shape}")
        if name != "run" and not ((column > 0) & np.isfinite(column)).all():
            i = int(np.flatnonzero(~((column > 0) & np.isfinite(column)))[0])
            raise DataError(f"{name}[{i}] is {column[i]:g}; it must be positive and finite")
    need, free = (4, 3) if seen is None else (6, 3)
    if size.size < need or np.unique(size).size < free:
        raise DataError(
            f"{size.size} points of {np.unique(size).size} sizes; this law needs at least "
            f"{need} points of {free} sizes"
        )
    if seen is not None and np.unique(seen).size < 3:
        raise DataError("fewer than 3 different token counts: fit L(N) without tokens")
    if np.unique(names).size < 2:
        raise DataError("all points belong to one run; a law needs several")
    order = np.lexsort([names, *(c for c in (seen, value, size) if c is not None)])
    # Without runs the points are numbered in their own order, not in that of the rows.
    names = np.sort(names) if run is None else names[order]
    group = np.unique(names, return_inverse=True)[1].astype(np.int64)
    return size[order], value[order], None if seen is None else seen[order], group
