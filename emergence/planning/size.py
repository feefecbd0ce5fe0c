"""size_threshold: which model size, and which (size, tokens), reaches the threshold loss."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from emergence._random import Seed, Stream, as_seed, child
from emergence._results import Result, Status, no_interval
from emergence._typing import Axes, FloatArray
from emergence.errors import DataError, MethodRefused
from emergence.fits.threshold_result import ThresholdFit
from emergence.interval import Interval, check_level
from emergence.planning.law_problem import HARDLY
from emergence.planning.scaling_law import ScalingLaw
from emergence.records.points import FLOPS_PER_TOKEN

# Nested intervals whose ends are the quantiles of the confidence distribution of eta.
_LEVELS = (0.5, 0.8, 0.9, 0.95, 0.99)


@dataclass(frozen=True, eq=False, repr=False)
class SizeThreshold(Result):
    """Model size at which the loss reaches eta; made by :func:`size_threshold`.

    Attributes
    ----------
    params : float
        Model size N; infinite where eta is at or below the irreducible loss.
    tokens : float or None
        Training tokens D that N is for (None for a law without tokens: its own number).
    eta : float
    prob_out_of_reach : float
        Share of the joint draws in which no size reaches eta (at these tokens).
    cheapest : dict or None
        With L(N, D): params, tokens and flops of the cheapest training that reaches eta.
    warnings : tuple of str
    """

    params: float
    tokens: float | None
    eta: float
    prob_out_of_reach: float
    cheapest: dict[str, float] | None
    warnings: tuple[str, ...]
    _law: ScalingLaw = field(repr=False)
    _fit: ThresholdFit = field(repr=False)
    _eta_draws: FloatArray = field(repr=False)
    _size_draws: FloatArray = field(repr=False)
    _cheapest_draws: FloatArray | None = field(repr=False)

    @property
    def reason(self) -> str:
        """The finding in one sentence."""
        at = self._at
        if np.isinf(self.params):
            return f"no model size reaches eta = {self.eta:.4g}{at}: it lies below what the law can"
        return (
            f"{self.params:.3g} {self.interval()} parameters reach eta = {self.eta:.4g}{at}; no "
            f"size does with probability {self.prob_out_of_reach:.3f}"
        )

    @property
    def _at(self) -> str:
        """What tokens the size is for, in words."""
        if self.tokens is None:
            return f" {self._law.along}" if self._law.ray else ""
        return f" at {self.tokens:.3g} tokens"

    @property
    def extrapolated(self) -> bool:
        """Whether most of the draws lie outside the sizes that the law was fitted to."""
        return _beyond(self._law, self._size_draws)

    def interval(self, name: str = "params", level: float = 0.95) -> Interval:
        """Joint interval: it carries the uncertainty of eta and of the law.

        Of ``params``, ``cheapest_params``, ``cheapest_tokens`` or ``cheapest_flops``.  Open to the
        right where the draws that never reach eta are more than the tail, or where no data bound
        eta from below; open to the left where none bound it from above.
        """
        check_level(level, len(self._size_draws))
        if name == "params":
            return self._interval(self._size_draws, level)
        parts = ("cheapest_params", "cheapest_tokens", "cheapest_flops")
        if name not in parts or self._cheapest_draws is None:
            raise no_interval(name, ("params", *(parts if self.cheapest is not None else ())))
        return self._interval(self._cheapest_draws[:, parts.index(name)], level)

    def _interval(self, draws: FloatArray, level: float) -> Interval:
        """Percentiles, open where eta is: a lower eta takes a larger model."""
        finest = 1.0 - 1.0 / (self._fit.n_boot + 1)  # that the draws of the fit can show
        ci, eta = _log_interval(draws, level), self._fit.interval("eta", min(level, finest))
        return replace(ci, open_low=eta.open_high, open_high=ci.open_high or eta.open_low)

    def curve(self, tokens: ArrayLike, level: float = 0.95) -> pd.DataFrame:
        """Sizes that reach eta for given training tokens, with intervals; needs a law with tokens.

        Columns: tokens, params, low, high, open_low, open_high, prob_out_of_reach.
        """
        if self._law.form == "N":
            self._law.check_tokens()
        rows = []
        for d in np.atleast_1d(np.asarray(tokens, dtype=float)):
            point = _size_at(np.array([self.eta]), _columns(self._law, None), float(d))[0]
            draws = _size_at(self._eta_draws, _columns(self._law, self._law.draws), float(d))
            ci = self._interval(draws, level)
            out = float(np.isinf(draws).mean())
            rows.append({"tokens": d, "params": point, **ci.ends(), "prob_out_of_reach": out})
        return pd.DataFrame(rows)

    def to_frame(self, level: float = 0.95) -> pd.DataFrame:
        """One row: size, interval, probability that no size reaches eta, cheapest training."""
        ci = self.interval("params", level)
        row: dict[str, Any] = {
            "eta": self.eta,
            "tokens": self.tokens,
            "params": self.params,
            **ci.ends(),
            "prob_out_of_reach": self.prob_out_of_reach,
        }
        row |= {f"cheapest_{k}": v for k, v in (self.cheapest or {}).items()}
        return pd.DataFrame([row])

    def summary(self, level: float = 0.95) -> str:
        """Report as text."""
        ci = self.interval("params", level)
        lines = [
            f"Size that reaches eta = {self.eta:.4g}{self._at}: {self.params:.3g} parameters, "
            f"{level:.0%} {ci}",
            f"  probability that no size does: {self.prob_out_of_reach:.3f}",
        ]
        if self.cheapest is not None:
            c, f = self.cheapest, self.interval("cheapest_flops", level)
            lines.append(
                f"  cheapest: {c['params']:.3g} parameters, {c['tokens']:.3g} tokens, "
                f"{c['flops']:.3g} FLOP {f}"
            )
        return "\n".join(lines + self._warned)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the law, eta, and the size that reaches it."""
        from emergence.figures.scaling_law import Reached, plot_law

        law, reached = self._law, Reached(self.eta, self.params, self.tokens, self.interval())
        return plot_law((law.sizes, law.losses, law.tokens), law.predict, reached, ax)


def size_threshold(
    fit: ThresholdFit,
    law: ScalingLaw,
    *,
    tokens: float | None = None,
    n_draws: int = 4000,
    rng: Seed = 0,
) -> SizeThreshold:
    r"""Find the model size at which the loss reaches the threshold.

    .. math::

        N = N_0 (\eta - L_\infty)^{-1/\alpha}, \qquad
        N(D) = \left(\frac{A}{\eta - E - B/D^\beta}\right)^{1/\alpha}

    With L(N, D) the cheapest training (least 6 N D) that reaches eta splits the excess
    :math:`s = \eta - E` as :math:`A/N^\alpha = s \beta / (\alpha + \beta)`,
    :math:`B/D^\beta = s \alpha / (\alpha + \beta)`.

    The joint draws pair bootstrap replicates of the law with draws of eta from the
    confidence distribution that its intervals at five levels describe (Xie & Singh 2013,
    Int. Stat. Rev. 81, 3).

    Parameters
    ----------
    fit : ThresholdFit
    law : ScalingLaw
        Of losses of the same family.
    tokens : float, optional
        Training tokens D for a law L(N, D); default the largest number it was fitted to.
    n_draws : int
        Joint draws.
    rng : int, SeedSequence or Generator
        Same seed, same bits.

    Raises
    ------
    DataError
        For tokens with a law that has none, or that are not positive.
    MethodRefused
        For a fit that found no onset, for a law of losses that hardly fall with size, and for
        tokens with a law of runs whose tokens were tied to their size.

    Examples
    --------
    >>> import numpy as np
    >>> from emergence import fit_scaling_law, fit_threshold, simulate
    >>> from emergence.planning.scaling_law import scaling_law
    >>> N = np.geomspace(1e6, 1e9, 12)
    >>> law = fit_scaling_law(N, scaling_law(N, 1.7, 2e7, 0.3), n_boot=99)
    >>> fit = fit_threshold(simulate("jump", eta=2.2, rng=1).select(), n_boot=99)
    >>> size = size_threshold(fit, law)
    >>> 1e8 < size.params < 4e8
    True
    """
    if fit.status is Status.NO_ONSET:
        raise MethodRefused(f"{fit.points.label}: {fit.status}; there is no eta to reach")
    if not law.falls:
        raise MethodRefused(f"the law of {law.n_runs} runs gives no size: {HARDLY}")
    if tokens is not None and law.form == "N":
        law.check_tokens()
    if law.form == "ND":
        assert law.tokens is not None
        tokens = float(law.tokens.max()) if tokens is None else float(tokens)
        if not tokens > 0:
            raise DataError(f"tokens is {tokens}; it must be positive")
    g = child(as_seed(rng), Stream.SIZE)
    etas = _eta_draws(fit, n_draws, g)
    pick = g.integers(0, law.n_boot, n_draws)
    draws = {k: v[pick] for k, v in law.draws.items()}
    own, theirs = _columns(law, None), _columns(law, draws)
    sizes = _size_at(etas, theirs, tokens)
    cheapest = best = None
    if law.form == "ND":
        best = _cheapest(np.array([fit.eta]), own)[0]
        cheapest = _cheapest(etas, theirs)
    return SizeThreshold(
        params=float(_size_at(np.array([fit.eta]), own, tokens)[0]),
        tokens=tokens,
        eta=fit.eta,
        prob_out_of_reach=float(np.isinf(sizes).mean()),
        cheapest=None
        if best is None
        else dict(zip(("params", "tokens", "flops"), map(float, best), strict=True)),
        warnings=_warnings(fit, law, sizes),
        _law=replace(law, draws=draws),  # paired with those of eta
        _fit=fit,
        _eta_draws=etas,
        _size_draws=sizes,
        _cheapest_draws=cheapest,
    )


def _eta_draws(fit: ThresholdFit, size: int, rng: np.random.Generator) -> FloatArray:
    """Draws from the confidence distribution: a level's ends are its two quantiles."""
    quantile, value = [0.5], [fit.eta]
    # No level finer than the draws of the fit can show.
    for level in (v for v in _LEVELS if (fit.n_boot + 1) * (1 - v) >= 1 - 1e-9):
        ci = fit.interval("eta", level)
        quantile += [0.5 * (1.0 - level), 0.5 * (1.0 + level)]
        value += [min(ci.low, fit.eta), max(ci.high, fit.eta)]
    order = np.argsort(quantile)
    # The ends of wider levels may cross by bootstrap noise; intervals are nested by definition.
    ends = np.maximum.accumulate(np.array(value)[order])
    draws: FloatArray = np.interp(rng.uniform(size=size), np.array(quantile)[order], ends)
    return draws


def _columns(law: ScalingLaw, draws: dict[str, FloatArray] | None) -> dict[str, FloatArray]:
    """Parameters of the law as E, A, alpha (B, beta), one entry for each draw."""
    p = draws or {k: np.array([v]) for k, v in law.params.items()}
    if law.form == "ND":
        return dict(p)
    return {"E": p["L_inf"], "A": p["N0"] ** p["alpha"], "alpha": p["alpha"]}


def _size_at(etas: FloatArray, p: dict[str, FloatArray], tokens: float | None) -> FloatArray:
    """Sizes that reach the etas; infinite where none does."""
    excess = etas - p["E"]
    if tokens is not None:
        excess = excess - p["B"] / tokens ** p["beta"]
    reach = excess > 0
    with np.errstate(over="ignore"):
        size = (p["A"] / np.where(reach, excess, 1.0)) ** (1.0 / p["alpha"])
    return np.where(reach, size, np.inf)


def _cheapest(etas: FloatArray, p: dict[str, FloatArray]) -> FloatArray:
    """(params, tokens, flops) of the cheapest training that reaches each eta."""
    excess = etas - p["E"]
    reach = excess > 0
    # Least N D with E + A/N^alpha + B/D^beta = eta: by Lagrange alpha A/N^alpha = beta B/D^beta.
    s = np.where(reach, excess, 1.0) / (p["alpha"] + p["beta"])
    with np.errstate(over="ignore"):
        n = np.where(reach, (p["A"] / (s * p["beta"])) ** (1.0 / p["alpha"]), np.inf)
        d = np.where(reach, (p["B"] / (s * p["alpha"])) ** (1.0 / p["beta"]), np.inf)
        return np.column_stack([n, d, FLOPS_PER_TOKEN * n * d])


def _log_interval(draws: FloatArray, level: float) -> Interval:
    """Percentiles of positive draws, some infinite: then open to the right."""
    tail = 0.5 * (1.0 - level)
    low, high = np.quantile(draws, [tail, 1.0 - tail], method="inverted_cdf")
    return Interval(float(low), float(high), level, "joint draws", open_high=bool(np.isinf(high)))


def _beyond(law: ScalingLaw, sizes: FloatArray) -> bool:
    """Whether most draws lie outside the sizes that the law was fitted to."""
    return bool(np.mean((sizes < law.sizes.min()) | (sizes > law.sizes.max())) > 0.5)


def _warnings(fit: ThresholdFit, law: ScalingLaw, sizes: FloatArray) -> tuple[str, ...]:
    out = list(fit.warnings) + list(law.warnings)
    if _beyond(law, sizes):
        out.append("most of the interval lies outside the sizes that the law was fitted to")
    ci = fit.interval("eta")
    if ci.open_low:
        out.append("eta is not bounded from below, so N is not bounded from above")
    if ci.open_high:
        out.append("eta is not bounded from above, so N is not bounded from below")
    return tuple(out)
