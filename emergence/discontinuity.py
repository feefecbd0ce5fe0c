r"""compare_onsets: does the score jump at the threshold, bend, or both?

.. math:: \text{ability}(L) = [L < \eta]\,(j + a\,(\eta - L))

is a kink where j = 0 and a step where a = 0.  Near a kink the threshold of this model is known
to the cube root of n only, and the usual limits do not hold; simulating the likelihood ratio under
each restricted fit, with eta estimated anew, does (Hidalgo, Lee & Seo 2019, J. Econometrics 210,
291).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from emergence.contest import Candidate, Contest
from emergence.families import HINGE, STEP, Family
from emergence.points import Points
from emergence.profile import best_gain, residual_ss
from emergence.resample import ErrorModel, Seed, replicas
from emergence.results import jsonable
from emergence.threshold import fit_threshold

Onset = Literal["kink", "step", "step and slope", "undetermined"]
_STREAM = 31


@dataclass(frozen=True)
class OnsetComparison:
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

    @property
    def reason(self) -> str:
        """One sentence with the numbers."""
        kink, step = f"p = {self.p_kink:.3g}", f"p = {self.p_step:.3g}"
        text = {
            "kink": f"no jump is needed ({kink}), a slope is ({step})",
            "step": f"a jump is needed ({kink}), no slope ({step})",
            "step and slope": f"both a jump ({kink}) and a slope ({step}) are needed",
            "undetermined": f"neither a jump ({kink}) nor a slope ({step}) is needed for sure",
        }[self.label]
        return f"{self.label}: {text}"

    def to_dict(self) -> dict[str, Any]:
        """Everything, in types that survive JSON."""
        out: dict[str, Any] = jsonable(self)
        return out | {"reason": self.reason}


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

    Returns
    -------
    OnsetComparison

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
    fit = fit_threshold(points, value, shape="jump", n_boot=n_boot, rng=rng, **options)
    full = fit._contest
    source = ErrorModel(full.problem, fit._errors.seed).source(n_boot, _STREAM)

    def p_value(family: Family) -> tuple[float, Candidate]:
        null = Contest(full.problem, (family,), full.etas, full.fit_level)
        best = null.refined()[0]
        columns = replicas(full.problem, best.ability(full.problem.x), best.n_params - 1, source)
        observed = _ratio(null, full, full.problem.wy[:, None])[0]
        exceed = _ratio(null, full, columns) >= observed - 1e-9
        return float((1 + exceed.sum()) / (1 + exceed.size)), best

    (p_kink, kink), (p_step, step) = p_value(HINGE), p_value(STEP)
    label: Onset = "undetermined"
    if p_kink <= alpha:
        label = "step and slope" if p_step <= alpha else "step"
    elif p_step <= alpha:
        label = "kink"
    to_loss = full.problem.to_loss
    return OnsetComparison(
        label=label,
        p_kink=p_kink,
        p_step=p_step,
        jump=fit.params.get("jump", float("nan")),
        slope=fit.params.get("slope", float("nan")),
        eta={
            "kink": to_loss(float(kink.theta[0])),
            "step": to_loss(float(step.theta[0])),
            "step and slope": fit.eta,
        },
        alpha=alpha,
    )


def _ratio(null: Contest, full: Contest, columns: np.ndarray) -> np.ndarray:
    """Twice the log likelihood ratio of step with slope over the restricted model."""
    total = np.einsum("ij,ij->j", columns, columns)
    rss = [residual_ss(total, best_gain(side.blocks[0], columns)) for side in (null, full)]
    ratio: np.ndarray = full.problem.n * np.log(rss[0] / np.minimum(rss[1], rss[0]))
    return ratio
