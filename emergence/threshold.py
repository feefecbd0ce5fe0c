"""fit_threshold: where on the loss axis an ability begins, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from emergence._typing import FloatArray
from emergence.contest import Candidate, Contest, threshold_contest
from emergence.errors import DataError, MethodRefused
from emergence.families import THRESHOLD_FAMILIES, THRESHOLD_SHAPES, eta_grid
from emergence.intervals import (
    Interval,
    curve_draws,
    eta_interval,
    eta_replicates,
    percentile,
    symmetric,
)
from emergence.isotonic import IsotonicOnset, fit_isotonic, isotonic_interval
from emergence.points import Points, as_points
from emergence.problem import Problem, make_problem
from emergence.resample import ErrorModel, Seed, as_seed, child, error_model, pairs_hinge
from emergence.results import Status, jsonable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Plateau = Literal["auto", "chance", "fitted"]
Method = Literal["profile", "symmetric", "percentile"]

SHAPES = ("auto", *THRESHOLD_SHAPES, "isotonic")
# A fitted plateau must beat chance by this much BIC to be called visible.
_VISIBLE = 10.0
# Streams of random numbers, one for each purpose.
_PROFILE, _PAIRS, _PREDICT, _ISOTONIC = 1, 2, 3, 4


@dataclass(frozen=True)
class ShapeFit:
    """Threshold under one shape: its eta, parameters in natural units, and criterion."""

    shape: str
    eta: float
    params: dict[str, float]
    plateau: float
    bic: float


@dataclass(frozen=True, eq=False)
class ThresholdFit:
    """A fitted threshold; made by :func:`fit_threshold`.

    Attributes
    ----------
    shape : str
        Shape of the estimate; under ``requested="auto"`` the one with the lowest BIC.
    eta : float
        Threshold loss, nats per token.
    params : dict
        Parameters in natural units: ``slope`` in score per nat, ``exponent``, ``rate``
        per nat, ``jump`` and ``amplitude`` in score.
    plateau : float
        Score above the threshold: chance, or the fitted level.
    shapes : tuple of ShapeFit
        Every shape that competed, best first.
    noise : dict
        The noise model, why it was chosen, and its estimates.
    status : Status
        Outcome; its text says what it means.
    warnings : tuple of str
        What should be read with care.
    n_boot : int
        Replicates behind each interval.
    """

    points: Points = field(repr=False)
    requested: str
    shape: str
    eta: float
    params: dict[str, float]
    plateau: float
    rss: float
    bic: float
    shapes: tuple[ShapeFit, ...]
    noise: dict[str, Any]
    status: Status
    warnings: tuple[str, ...]
    n_boot: int
    _contest: Contest = field(repr=False)
    _best: Candidate | IsotonicOnset = field(repr=False)
    _errors: ErrorModel = field(repr=False)
    _cache: dict[tuple[str, float], Interval] = field(repr=False, default_factory=dict)

    def interval(
        self, name: str = "eta", level: float = 0.95, method: Method = "profile"
    ) -> Interval:
        r"""Confidence interval.

        Parameters
        ----------
        name : {"eta"}
            The quantity.
        level : float
            Nominal coverage, between 0.5 and 0.999.
        method : {"profile", "symmetric", "percentile"}
            ``profile`` inverts a constrained bootstrap test of every eta (the default, the
            only one known to hold for every shape).  ``symmetric`` and ``percentile`` use
            the pairs bootstrap of the exact hinge.

        Returns
        -------
        Interval

        Raises
        ------
        MethodRefused
            For a pairs-bootstrap interval of any shape but the hinge (for a jump the
            percentile interval covers as little as 1%), or on data with runs.
        DataError
            For another name or a level out of range.

        Notes
        -----
        See :mod:`emergence.intervals`.  The test of eta uses

        .. math:: T(\eta) = \min_s \mathrm{BIC}_s(\eta) - \min_{s, \eta'} \mathrm{BIC}_s(\eta').

        Examples
        --------
        >>> from emergence import fit_threshold, simulate
        >>> points = simulate(eta=2.2, n=60, rng=1).select()
        >>> low, high = fit_threshold(points, n_boot=199, rng=0).interval("eta")
        >>> low < 2.2 < high
        True
        """
        if name != "eta":
            raise DataError(f"no interval for {name!r}; there is one for 'eta'")
        if not 0.5 <= level <= 0.999:
            raise DataError(f"level is {level}; it must lie between 0.5 and 0.999")
        if method not in ("profile", "symmetric", "percentile"):
            raise DataError(f"method {method!r} is not known: profile, symmetric or percentile")
        if method == "profile":
            return self._profile(self.requested, level)
        return _pairs_interval(self, level, method)

    def shape_interval(self, shape: str, level: float = 0.95) -> Interval:
        """Interval of eta if the shape were known to be ``shape``."""
        return self._profile(shape, level)

    def _profile(self, shape: str, level: float) -> Interval:
        """Interval under one shape or under the competition of all, remembered."""
        key = (shape, level)
        if key not in self._cache:
            if shape == "isotonic":
                index = child(self._errors.seed, _ISOTONIC).integers(
                    0, self.points.size, (self.points.size, min(self.n_boot, 199))
                )
                self._cache[key] = isotonic_interval(self._contest.problem, index, level)
            else:
                self._cache[key] = _profile_interval(self, shape, level)
        return self._cache[key]

    def predict(
        self, loss: ArrayLike, level: float | None = None
    ) -> FloatArray | tuple[FloatArray, FloatArray, FloatArray]:
        """Fitted score at new losses, with a pointwise interval of the curve if asked.

        Parameters
        ----------
        loss : array_like
            Losses, nats per token.
        level : float, optional
            Coverage of the interval.  It is symmetric around the estimate, from a residual
            bootstrap in which the shape is chosen anew in every replicate.

        Returns
        -------
        ndarray, or three of them (score, low, high) with ``level``

        Examples
        --------
        >>> from emergence import fit_threshold, simulate
        >>> fit = fit_threshold(simulate(eta=2.2, n=60, rng=1).select(), rng=0)
        >>> float(fit.predict([3.0])[0])
        0.25
        """
        problem = self._contest.problem
        x = problem.to_x(np.atleast_1d(np.asarray(loss, dtype=float)))
        ability = self._best.ability(x)
        if level is None:
            return problem.to_value(ability)
        if isinstance(self._best, IsotonicOnset):
            raise MethodRefused(
                "no interval of the isotonic curve is known to hold; use another shape"
            )
        errors = self._errors.source(self.n_boot, _PREDICT)
        draws = curve_draws(self._contest, self._best, errors, x)
        half = np.quantile(np.abs(draws - ability), level, axis=0)
        below = ability - half
        if not self._contest.fit_level:
            below = np.maximum(below, 0.0)  # no curve of these shapes lies below its plateau
        ends = np.sort([problem.to_value(v) for v in (below, ability + half)], axis=0)
        return problem.to_value(ability), ends[0], ends[1]

    def eta_draws(self) -> FloatArray:
        """Eta in every replicate of a residual bootstrap, the shape chosen anew in each.

        They show the sampling distribution.  The interval does not come from them: their
        percentiles break down where the score jumps.
        """
        if isinstance(self._best, IsotonicOnset):
            raise MethodRefused("the isotonic curve has no bootstrap that is known to hold")
        errors = self._errors.source(self.n_boot, _PREDICT)
        problem, ci = self._contest.problem, self.interval("eta", 0.99)
        low, high = problem.to_x(np.array([ci.low, ci.high]))
        reach = 0.5 * (high - low)
        edge = eta_grid(problem.x)[[0, -1]]
        # An even grid around the interval: on the grid of the fit, which follows the data,
        # the replicates would pile up in its cells.
        etas = np.linspace(max(low - reach, edge[0]), min(high + reach, edge[1]), 240)
        families = tuple(b.family for b in self._contest.blocks)
        fine = threshold_contest(problem, families, fit_level=self._contest.fit_level, etas=etas)
        return problem.low + problem.span * eta_replicates(fine, self._best, errors)

    def to_frame(self, level: float = 0.95) -> pd.DataFrame:
        """One row per shape, best first: eta, interval, BIC above the best."""
        rows = []
        for s in self.shapes:
            ci = self.shape_interval(s.shape, level)
            rows.append(
                {
                    "shape": s.shape,
                    "eta": s.eta,
                    "low": ci.low,
                    "high": ci.high,
                    "open_low": ci.open_low,
                    "open_high": ci.open_high,
                    "delta_bic": s.bic - self.shapes[0].bic,
                }
            )
        return pd.DataFrame(rows)

    def to_dict(self) -> dict[str, Any]:
        """Everything but the points, in types that survive JSON."""
        p = self.points
        out: dict[str, Any] = jsonable(self)
        out["data"] = jsonable(
            {
                "task": p.task,
                "metric": p.metric,
                "n": p.size,
                "n_runs": p.n_runs,
                "loss": [p.loss.min(), p.loss.max()],
                "chance": p.chance,
                "best": p.best,
            }
        )
        return out

    def summary(self, level: float = 0.95) -> str:
        """Report as text: estimate, interval, eta under every shape, noise, warnings."""
        p = self.points
        ci = self.interval("eta", level)
        lines = [
            f"Threshold of {p.label}: {p.size} points, {p.n_runs} runs",
            f"  eta    {self.eta:.4f}  {level:.0%} {ci}   ({self.requested}: {self.shape})",
            f"  params {', '.join(f'{k} = {v:.4g}' for k, v in self.params.items())}",
            f"  plateau {self.plateau:.4g} ({self.noise['plateau']})",
            f"  noise  {self.noise['name']} ({self.noise['reason']}), sd {self.noise['sd']:.3g}"
            + (f", dispersion {d:.3g}" if (d := self.noise["dispersion"]) is not None else ""),
            f"  runs   {self.noise['runs']}",
            f"  status {self.status}",
            "",
            f"  {'shape':<12}{'eta':>9}{'low':>9}{'high':>9}{'dBIC':>9}",
        ]
        for row in self.to_frame(level).itertuples():
            lines.append(
                f"  {row.shape:<12}{row.eta:>9.4f}{row.low:>9.4f}"
                f"{row.high:>8.4f}{'+' if row.open_high else ' '}{row.delta_bic:>9.1f}"
            )
        lines += [f"  warning: {w}" for w in self.warnings]
        return "\n".join(lines)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw points, fit, band, eta and chance; see :func:`emergence.report.figures.plot_fit`."""
        from emergence.report.figures import plot_fit  # matplotlib only when drawing

        return plot_fit(self, ax=ax)


def fit_threshold(
    points: Points | ArrayLike,
    value: ArrayLike | None = None,
    *,
    shape: str = "auto",
    plateau: Plateau = "auto",
    chance: float | None = None,
    best: float | None = None,
    n_items: ArrayLike | None = None,
    run: ArrayLike | None = None,
    tokens: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    n_boot: int = 999,
    rng: Seed = 0,
) -> ThresholdFit:
    r"""Fit the loss below which an ability begins.

    .. math::
        \text{score}(L) = c + f(\eta - L) \text{ for } L < \eta, \qquad c \text{ otherwise}

    with f(d) one of: ``hinge`` a d; ``power`` a d^g; ``saturating`` a (1 - e^{-kd}); ``jump``
    j + a d.  Under ``shape="auto"`` they compete by BIC, for the shape decides eta: a hinge
    through a curved onset can be off by more than any interval says.

    Parameters
    ----------
    points : Points or (n,) array_like
        From ``records.select(...)``, or losses in nats per token (then ``value`` too).
    value : (n,) array_like, optional
        Scores.
    shape : {"auto", "hinge", "power", "saturating", "jump", "isotonic"}
        ``isotonic`` is the definition taken literally: any falling curve below eta.
    plateau : {"auto", "chance", "fitted"}
        Level above eta.  ``auto`` takes chance unless the plateau visibly is not chance.
    chance, best : float, optional
        Score of guessing (default 0) and of a perfect model (default 1).
    n_items, run, tokens, weights : array_like, optional
        Items behind each score (makes them counts), run of each checkpoint, tokens seen
        (their order inside a run), relative precision.
    n_boot : int
        Bootstrap replicates behind each interval, at least 99.
    rng : int, SeedSequence or Generator
        Same seed, same bits, whatever the order of the rows.

    Returns
    -------
    ThresholdFit

    Raises
    ------
    DataError
        For arrays that cannot be fitted or options that do not exist.

    References
    ----------
    Du et al. 2024, arXiv 2403.15796 (definition); Hudson 1966, J. Am. Stat. Assoc. 61, 1097
    (exact search); Hall & Titterington 1989, J. R. Stat. Soc. B 51, 459 (bootstrap tests
    simulated under the null).

    Examples
    --------
    >>> from emergence import fit_threshold, simulate
    >>> fit = fit_threshold(simulate(eta=2.2, n=60, rng=1).select(), shape="hinge")
    >>> abs(fit.eta - 2.2) < 0.1
    True
    """
    if shape not in SHAPES:
        raise DataError(f"shape {shape!r} is not known: {', '.join(SHAPES)}")
    if plateau not in ("auto", "chance", "fitted"):
        raise DataError(f"plateau {plateau!r} is not known: auto, chance or fitted")
    if n_boot < 99:
        raise DataError(f"n_boot is {n_boot}; an interval needs at least 99")
    pts = as_points(
        points,
        value,
        chance=chance,
        best=best,
        n_items=n_items,
        run=run,
        tokens=tokens,
        weights=weights,
    )
    problem = make_problem(pts)
    if problem.n < 8:
        raise DataError(f"{pts.label}: {problem.n} points; a threshold needs at least 8")
    families = THRESHOLD_FAMILIES if shape in ("auto", "isotonic") else (THRESHOLD_SHAPES[shape],)
    contest = with_plateau(problem, families, plateau)
    candidates = sorted(contest.refined(), key=lambda c: c.bic)
    isotonic = fit_isotonic(problem) if shape in ("auto", "isotonic") else None
    chosen: Candidate | IsotonicOnset = candidates[0]
    if shape == "isotonic":
        assert isotonic is not None
        chosen = isotonic
    return _result(contest, candidates, isotonic, chosen, shape, n_boot, as_seed(rng))


def with_plateau(problem: Problem, families: tuple[Any, ...], plateau: Plateau) -> Contest:
    """Contest with the plateau at chance or fitted; ``auto`` decides by what is visible."""
    if plateau != "auto":
        return threshold_contest(problem, families, fit_level=plateau == "fitted")
    known = threshold_contest(problem, families, fit_level=False)
    free = threshold_contest(problem, families, fit_level=True)
    column = problem.wy[:, None]
    if known.best(column)[0] - free.best(column)[0] <= _VISIBLE:
        return known
    # On the grid alone very precise data could prefer a fitted plateau for its flexibility.
    best = [min(c.bic for c in side.refined()) for side in (known, free)]
    return free if best[0] - best[1] > _VISIBLE else known


def _result(
    contest: Contest,
    candidates: list[Candidate],
    isotonic: IsotonicOnset | None,
    chosen: Candidate | IsotonicOnset,
    requested: str,
    n_boot: int,
    seed: np.random.SeedSequence,
) -> ThresholdFit:
    problem, best = contest.problem, candidates[0]
    shapes = [_shape_fit(problem, c) for c in candidates]
    if isotonic is not None:
        eta = problem.to_loss(isotonic.eta)
        shapes.append(ShapeFit("isotonic", eta, {}, problem.points.chance, isotonic.bic))
    mine = next(
        s for s in shapes if s.shape == ("isotonic" if requested == "isotonic" else shapes[0].shape)
    )
    errors = error_model(problem, best.ability(problem.x), best.n_params, seed)
    status = _status(contest, chosen)
    return ThresholdFit(
        points=problem.points,
        requested=requested,
        shape=mine.shape,
        eta=mine.eta,
        params=mine.params,
        plateau=mine.plateau,
        rss=chosen.rss,
        bic=chosen.bic,
        shapes=tuple(shapes),
        noise=_noise_report(contest, best, errors),
        status=status,
        warnings=_warnings(contest, chosen, errors, status),
        n_boot=n_boot,
        _contest=contest,
        _best=chosen,
        _errors=errors,
    )


def _shape_fit(problem: Problem, c: Candidate) -> ShapeFit:
    """Parameters in natural units: scores in the metric's units, losses in nats."""
    points = problem.points
    scale = points.best - points.chance
    name, a = c.family.name, c.amps[1:] * scale
    params: dict[str, float]
    if name == "hinge":
        params = {"slope": float(a[0] / problem.span)}
    elif name == "power":
        g = float(c.theta[1])
        params = {"amplitude": float(a[0] / problem.span**g), "exponent": g}
    elif name == "saturating":
        params = {"amplitude": float(a[0]), "rate": float(c.theta[1] / problem.span)}
    else:
        params = {"jump": float(a[0]), "slope": float(a[1] / problem.span)}
    level = float(points.chance + c.amps[0] * scale)
    return ShapeFit(name, problem.to_loss(float(c.theta[0])), params, level, c.bic)


def _status(contest: Contest, chosen: Candidate | IsotonicOnset) -> Status:
    grid = np.unique(contest.blocks[0].theta[:, 0])
    eta = chosen.eta if isinstance(chosen, IsotonicOnset) else float(chosen.theta[0])
    if isinstance(chosen, Candidate) and not chosen.amps[1:].any():
        return Status.NO_ONSET
    return Status.AT_BOUNDARY if eta <= grid[0] or eta >= grid[-1] else Status.CONVERGED


def _noise_report(contest: Contest, best: Candidate, errors: ErrorModel) -> dict[str, Any]:
    p = contest.problem
    variance = best.rss / max(p.n - best.n_params, 1)
    scale = abs(p.points.best - p.points.chance)
    dispersion = None
    if p.precision.unit is not None:
        residual = p.y - best.ability(p.x)
        dispersion = float((residual**2 / p.precision.unit).sum() / max(p.n - best.n_params, 1))
    runs = "independent checkpoints"
    if (noise := errors.run_noise) is not None:
        runs = (
            f"offset per run (sd {np.sqrt(noise.offset_var) * scale:.2g}) plus AR(1) in token "
            f"order (rho {noise.rho:.2f}), {p.points.n_runs} runs"
        )
    return {
        "name": p.precision.name,
        "reason": p.precision.reason,
        "sd": float(np.sqrt(variance) * scale),
        "dispersion": dispersion,
        "runs": runs,
        "plateau": "fitted" if contest.fit_level else "chance",
    }


def _warnings(
    contest: Contest, chosen: Candidate | IsotonicOnset, errors: ErrorModel, status: Status
) -> tuple[str, ...]:
    p = contest.problem
    out = []
    if status is not Status.CONVERGED:
        out.append(str(status))
    eta = chosen.eta if isinstance(chosen, IsotonicOnset) else float(chosen.theta[0])
    below = int((p.x < eta).sum())
    if below < 6:
        out.append(f"only {below} points lie below the threshold")
    if errors.run_noise is not None and p.points.n_runs < 5:
        out.append(
            f"only {p.points.n_runs} runs: how much runs differ is poorly known, and the interval "
            "with it"
        )
    if contest.fit_level:
        out.append("the plateau is not at chance; its level was fitted")
    return tuple(out)


def _profile_interval(fit: ThresholdFit, shape: str, level: float) -> Interval:
    """Constrained-bootstrap interval under one shape, or under all (``auto``)."""
    contest = fit._contest
    if shape == "auto":
        target = fit.eta
    else:
        contest = Contest(
            contest.problem,
            tuple(b for b in contest.blocks if b.family.name == shape),
            contest.fit_level,
        )
        if not contest.blocks:
            raise DataError(f"shape {shape!r} was not part of this fit")
        target = next(s.eta for s in fit.shapes if s.shape == shape)
    start = float(contest.problem.to_x(target))
    errors = fit._errors.source(fit.n_boot, _PROFILE)
    return eta_interval(contest, errors, start, level)


def _pairs_interval(fit: ThresholdFit, level: float, method: str) -> Interval:
    """Pairs-bootstrap interval of the hinge; refused where it is known to fail."""
    if fit.shape != "hinge" or fit.requested == "auto":
        raise MethodRefused(
            f"method {method!r} holds for shape='hinge' alone (for a jump it covers as little "
            "as 1% instead of 95%); use method='profile'"
        )
    p = fit._contest.problem
    if p.run is not None:
        raise MethodRefused(
            f"method {method!r} takes checkpoints as independent, but these belong to runs; "
            "use method='profile'"
        )
    rng = child(fit._errors.seed, _PAIRS)
    draws = pairs_hinge(p.x, p.y, fit.n_boot, rng, p.root_w**2, fit_plateau=fit._contest.fit_level)
    etas = p.low + p.span * draws.eta
    low, high = (
        percentile(etas, level) if method == "percentile" else symmetric(fit.eta, etas, level)
    )
    return Interval(low, high, level, method)
