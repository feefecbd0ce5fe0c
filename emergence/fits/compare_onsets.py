r"""compare_onsets: does the score jump at the threshold, bend, or both?

.. math:: \text{ability}(L) = [L < \eta]\,(j + a\,(\eta - L))

is a kink where j = 0 and a step where a = 0.  Near a kink the threshold of this model is known
to the cube root of n only, and the usual limits do not hold; simulating the likelihood ratio under
each restricted fit, with eta estimated anew, does (Hidalgo, Lee & Seo 2019, J. Econometrics 210,
291).  Where runs have thresholds of their own, each has a curve of its own under every model.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from emergence._random import Seed, Stream, as_seed
from emergence._results import Result, no_interval
from emergence._text import table
from emergence._typing import Axes, Columns, FloatArray, Runs
from emergence.curves.catalogue import ONSETS
from emergence.engine.contest import Contest, threshold_contest
from emergence.engine.grid import TIE
from emergence.engine.replicates import ErrorModel, replicas
from emergence.engine.runs.sides import Side, sides_by_run
from emergence.fits.threshold import fit_threshold
from emergence.fits.threshold_result import ThresholdFit
from emergence.interval import Interval
from emergence.records.points import Points

Onset = Literal["kink", "step", "step and slope", "undetermined"]
# Models and the shapes that they are.
_SHAPES: dict[str, str] = {"kink": "hinge", "step": "step", "step and slope": "jump"}


@dataclass(frozen=True, eq=False, repr=False)
class OnsetComparison(Result):
    """What kind of onset the data show; made by :func:`compare_onsets`.

    ``p_kink``: there is no jump; ``p_step``: there is no slope below it.  ``jump`` (score) and
    ``slope`` (score per nat) are those of the model with both; ``eta`` holds the threshold under
    each.
    """

    label: Onset
    p_kink: float
    p_step: float
    jump: float
    slope: float
    eta: dict[str, float]
    alpha: float
    warnings: tuple[str, ...]
    _fits: dict[str, ThresholdFit] = field(repr=False)

    @property
    def reason(self) -> str:
        """The finding in one sentence."""
        kink, step = f"p = {self.p_kink:.3g}", f"p = {self.p_step:.3g}"
        text = {
            "kink": f"no jump is needed ({kink}), a slope is ({step})",
            "step": f"a jump is needed ({kink}), no slope ({step})",
            "step and slope": f"both a jump ({kink}) and a slope ({step}) are needed",
            "undetermined": f"neither a jump ({kink}) nor a slope ({step}) is needed for sure",
        }[self.label]
        return f"{self.label}: {text}"

    def interval(self, name: str = "step and slope", level: float = 0.95) -> Interval:
        """Interval of eta under one model: ``kink``, ``step`` or ``step and slope``."""
        if name not in self._fits:
            raise no_interval(name, self._fits)
        return self._fits[name].interval("eta", level)

    def to_frame(self, level: float = 0.95) -> pd.DataFrame:
        """One row per model: eta, interval, p-value (NaN for the model with both)."""
        p_values = (self.p_kink, self.p_step, float("nan"))
        rows = [
            {"model": m, "eta": self.eta[m], "low": ci.low, "high": ci.high, "p_value": p}
            for m, p in zip(self._fits, p_values, strict=True)
            for ci in [self._fits[m].bounds(level)]
        ]
        return pd.DataFrame(rows)

    def summary(self) -> str:
        """Report as text."""
        lines = [f"Onset of {self._fits['kink'].points.label}: {self.reason}"]
        lines += table((model, f"eta {eta:.4f}") for model, eta in self.eta.items())
        lines.append(f"  with both: jump {self.jump:.4g}, slope {self.slope:.4g} per nat")
        return "\n".join(lines + self._warned)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the points and the curve of every model."""
        from emergence.figures.fit import draw_curves
        from emergence.figures.scores import plot_points
        from emergence.figures.style import SERIES

        ax = plot_points(self._fits["kink"].points, ax)
        for (model, fit), color in zip(self._fits.items(), SERIES, strict=False):
            if curves := fit.curves(None):
                curves[0] = curves[0]._replace(label=model)
                draw_curves(ax, curves, color, dashed=False)
        ax.legend(frameon=False, fontsize=8)
        return ax


def compare_onsets(
    points: Points | ArrayLike,
    value: ArrayLike | None = None,
    *,
    alpha: float = 0.05,
    n_boot: int = 999,
    rng: Seed = 0,
    **options: Any,
) -> OnsetComparison:
    """Test kink, step, and step with slope against each other.

    Parameters
    ----------
    points, value
        As for :func:`fit_threshold`.
    alpha : float
        Level of each test.
    n_boot : int
        Replicates under each null hypothesis.
    rng : int, SeedSequence or Generator
        Same seed, same bits.
    **options
        Other arguments of :func:`fit_threshold` (chance, n_items, run, plateau, noise, runs).

    Raises
    ------
    DataError
        For arrays that cannot be fitted or options that do not exist.

    Examples
    --------
    >>> from emergence import compare_onsets, simulate
    >>> compare_onsets(simulate("hinge", n=200, rng=1).select(), n_boot=199).label
    'kink'
    >>> compare_onsets(simulate("jump", n=200, rng=1).select(), n_boot=199).label
    'step and slope'
    """
    seed = as_seed(rng)

    def fitted(shape: str, **how: Any) -> ThresholdFit:
        asked = options | how
        return fit_threshold(points, value, shape=shape, n_boot=n_boot, rng=seed, **asked)

    full = fitted("jump")
    if full.points.n_runs == 1 and not (isinstance(points, Points) and points.n_runs == 1):
        # One run alone rises: all three are compared on it.
        rest = {k: v for k, v in options.items() if k not in Columns.__annotations__}
        return compare_onsets(full.points, alpha=alpha, n_boot=n_boot, rng=seed, **rest)
    contests = [full.core.contest]
    how: dict[str, Any] = {}
    if full.by_run is not None:
        joint: Runs = "offset+ar1"
        whole = fitted("jump", runs=joint).core.contest
        onsets = sides_by_run(whole.problem.whole, fit_level=whole.fit_level)[0]
        contests = list(onsets.parts)
    else:  # all three on the same curve, with the same level
        how["plateau"] = "fitted" if contests[0].fit_level else "chance"
        how["runs"] = contests[0].problem.run_model.name
    fits = {model: full if shape == "jump" else fitted(shape, **how)
            for model, shape in _SHAPES.items()}  # fmt: skip
    if any((fit.by_run is None) != (full.by_run is None) for fit in fits.values()):
        asked = options | {"runs": "offset+ar1"}  # one of them says nothing of the runs
        return compare_onsets(points, value, alpha=alpha, n_boot=n_boot, rng=seed, **asked)
    p_kink, p_step = (_p_value(contests, _SHAPES[null], n_boot, seed) for null in ("kink", "step"))
    label: Onset = "undetermined"
    if p_kink <= alpha:
        label = "step and slope" if p_step <= alpha else "step"
    elif p_step <= alpha:
        label = "kink"
    return OnsetComparison(
        label=label,
        p_kink=p_kink,
        p_step=p_step,
        jump=full.params.get("jump", float("nan")),
        slope=full.params.get("slope", float("nan")),
        eta={model: fit.eta for model, fit in fits.items()},
        alpha=alpha,
        warnings=full.warnings,
        _fits=fits,
    )


def _p_value(
    contests: list[Contest], shape: str, n_boot: int, seed: np.random.SeedSequence
) -> float:
    """Bootstrap p-value of a restricted model against a step with slope."""
    null, full = (_side(contests, name) for name in (shape, "jump"))
    best = null.refined()[0]
    columns = []
    for i, (problem, curve) in enumerate(zip(null.problems, best.parts, strict=True)):
        key = (i,) if len(contests) > 1 else ()
        source = ErrorModel(problem, seed).source(n_boot, Stream.COMPARE_ONSETS, *key)
        ability = curve.ability(problem.x)
        columns.append(replicas(problem, ability, curve.n_params - 1, source))
    observed = _ratio(null, full, [p.wy[:, None] for p in null.problems])[0]
    exceed = _ratio(null, full, columns) >= observed - TIE
    return float((1 + exceed.sum()) / (1 + exceed.size))


def _side(contests: list[Contest], shape: str) -> Side:
    """One shape on every part, over the thresholds of its contest."""
    return Side(
        tuple(
            threshold_contest(c.problem, (ONSETS[shape],), fit_level=c.fit_level, etas=c.etas)
            for c in contests
        )
    )


def _ratio(null: Side, full: Side, columns: list[FloatArray]) -> FloatArray:
    """Twice the log likelihood ratio of step with slope over the restricted model."""
    rss = []
    for side in (null, full):
        parts = zip(side.parts, columns, strict=True)
        rss.append(np.sum([part.stack.least_rss(column)[0] for part, column in parts], axis=0))
    n = sum(p.n for p in full.problems)
    return np.asarray(n * np.log(rss[0] / np.minimum(rss[1], rss[0])))
