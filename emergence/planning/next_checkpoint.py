r"""next_checkpoint: where on the loss axis one more score says most about eta.

The shapes on their grid, weighted by :math:`e^{-\mathrm{BIC}/2}`, stand for what may be true, the
amplitude of each as unsure as the data leave it.  A score y at a loss L would weight them anew, so
the variance of eta to expect after it is

.. math:: \operatorname{E}_y \operatorname{Var}(\eta \mid y) =
    \int p(y)\, \operatorname{Var}(\eta \mid y)\, dy, \qquad
    p(y) = \sum_h w_h\, \mathcal{N}(y;\, f_h(L), \sigma^2)

(Lindley 1956, Ann. Math. Stat. 27, 986; Chaloner & Verdinelli 1995, Stat. Sci. 10, 273).
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from emergence._results import Result, Status
from emergence._typing import Axes, FloatArray
from emergence.engine.contest import Contest
from emergence.engine.grid import amplitudes, bic, curve
from emergence.errors import DataError, MethodRefused
from emergence.fits.threshold_result import ThresholdFit
from emergence.planning.panel import score_sd
from emergence.records.points import Points

_MOST = 3000  # hypotheses kept, the likeliest
_PLACES = 61  # losses tried
_SCORES = (41, 1001)  # least and most places of the integral over y
_STEP = 0.4  # so many standard deviations of a score apart
_SLACK = 20.0  # BIC above the best at which a hypothesis is dropped
_ETAS = 160
_EXACT = 1e-7
_BEYOND = 0.15  # of the span of the losses, below the lowest
# Three-point Gauss-Hermite rule for the amplitude.
_NODES = np.array([-np.sqrt(3.0), 0.0, np.sqrt(3.0)])
_SHARES = np.array([1.0, 4.0, 1.0]) / 6.0


@dataclass(frozen=True, eq=False, repr=False)
class Placement(Result):
    """Where the next checkpoint helps; made by :func:`next_checkpoint`.

    Attributes
    ----------
    loss : (m,) array
        Losses tried, nats per token.
    eta_sd : (m,) array
        Standard deviation of eta to expect after one more score there.
    now : float
        The same before it.
    warnings : tuple of str
        Of the fit: where there may be no threshold, there is nothing to plan for either.
    """

    points: Points = field(repr=False)
    loss: FloatArray
    eta_sd: FloatArray
    now: float
    warnings: tuple[str, ...]

    @property
    def best(self) -> float:
        """Loss at which one more score helps most."""
        return float(self.loss[self.eta_sd.argmin()])

    def to_frame(self) -> pd.DataFrame:
        """One row per loss: what to expect, and by which share the spread shrinks."""
        return pd.DataFrame(
            {"loss": self.loss, "eta_sd": self.eta_sd, "shrinks": 1.0 - self.eta_sd / self.now}
        )

    @property
    def reason(self) -> str:
        """The finding in one sentence."""
        gain = 1.0 - float(self.eta_sd.min()) / self.now
        return (
            f"{self.points.label}: one more score helps most at a loss of {self.best:.4g}; the "
            f"spread of eta is {self.now:.3g} nats now and {self.eta_sd.min():.3g} after it "
            f"({gain:.0%} less)"
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything but the points, in types that survive JSON."""
        return super().to_dict() | {"best": self.best}

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the spread of eta to expect against the loss of the next checkpoint."""
        from emergence.figures.design import plot_placement  # matplotlib only when drawing

        return plot_placement(self.points, self.loss, self.eta_sd, self.now, ax)


def next_checkpoint(fit: ThresholdFit, loss: ArrayLike | None = None) -> Placement:
    """Find the loss at which one more score says most about the threshold.

    Parameters
    ----------
    fit : ThresholdFit
        Of the records so far.
    loss : (m,) array_like, optional
        Losses to choose from; default: 61 from the highest seen to 15% of the span below the
        lowest.

    Raises
    ------
    MethodRefused
        For a fit without an onset, of the isotonic curve, or of scores without error.
    DataError
        For losses that are not positive.

    Examples
    --------
    >>> from emergence import fit_threshold, simulate
    >>> fit = fit_threshold(simulate("hinge", eta=2.2, n=60, rng=1).select(), shape="hinge")
    >>> place = next_checkpoint(fit)
    >>> 1.4 < place.best < 2.3
    True
    """
    if fit.status is Status.NO_ONSET or fit.requested == "isotonic":
        raise MethodRefused(f"{fit.points.label}: the fit has no onset of a shape to plan for")
    problem = fit.core.problem
    if loss is None:
        at = problem.low + problem.span * np.linspace(-_BEYOND, 1.0, _PLACES)
        at = at[at > 0]
    else:
        at = np.atleast_1d(np.asarray(loss, dtype=float))
    if at.ndim != 1 or at.size == 0 or not (np.isfinite(at) & (at > 0)).all():
        raise DataError("losses must be positive and finite, in one dimension")
    best = fit.core.candidates[0]
    sd = score_sd(problem, best.rss / max(problem.n - best.n_params, 1))
    if sd < _EXACT:
        raise MethodRefused(f"{fit.points.label}: scores without error leave nothing to plan")
    etas, weights, scores = _hypotheses(_near(fit.core.contest), problem.to_x(at))
    after = [_expected_variance(etas, weights, scores[:, j], sd) for j in range(at.size)]
    now = float(weights @ etas**2 - (weights @ etas) ** 2)
    stays, notes = 0.0, fit.warnings
    if (runs := fit.by_run) is not None:
        # What the mean of few runs leaves unsure, a score of one of them does not lessen.
        stays = runs.spread**2 / len(runs.runs)
        note = (
            f"runs differ by sd {runs.spread:.2g} nats: that takes another run, not another score"
        )
        notes = (note, *notes)
    return Placement(
        points=fit.points,
        loss=at,
        eta_sd=np.sqrt(problem.span**2 * np.maximum(after, 0.0) + stays),
        now=float(np.sqrt(problem.span**2 * max(now, 0.0) + stays)),
        warnings=notes,
    )


def _near(contest: Contest) -> Contest:
    """Same contest on an even grid of the thresholds that the data do not rule out."""
    assert contest.etas is not None
    profile = contest.profiles(contest.problem.wy[:, None])[:, 0]
    alive = np.flatnonzero(profile - profile.min() < _SLACK)
    low, high = max(alive[0] - 1, 0), min(alive[-1] + 1, contest.etas.size - 1)
    etas = np.linspace(contest.etas[low], contest.etas[high], _ETAS)
    return replace(contest, etas=etas)


def _hypotheses(contest: Contest, x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Eta (canonical axis), weight, and abilities (hypotheses, places) of what may be true."""
    p = contest.problem
    column = p.wy[:, None]
    stack = contest.stack
    gain, rss = stack.gains(column)[:, 0], stack.rss(column)[:, 0]
    etas, criteria, scores = [], [], []
    for i, family in enumerate(contest.families):
        rows, n_params = stack.rows_of(i), int(stack.n_params[i])
        keep = rows[np.argsort(rss[rows], kind="stable")[:_MOST]]
        theta = stack.parameters(keep, i)
        columns = np.repeat(column, keep.size, axis=1)
        amps = amplitudes(family, theta, p, columns, fit_level=contest.fit_level)
        # The amplitude is unsure by the residual error over the length of what it multiplies.
        variance = rss[keep] / max(p.n - n_params, 1)
        unsure = np.sqrt(variance / np.maximum(gain[keep], 1e-12))
        for node, share in zip(_NODES, _SHARES, strict=True):
            moved = amps.copy()
            moved[:, 1:] *= np.maximum(1.0 + node * np.minimum(unsure, 0.5), 0.0)[:, None]
            scores.append(curve(family, theta, moved, x))
            etas.append(theta[:, 0])
            criteria.append(bic(rss[keep], p.n, n_params) - 2.0 * np.log(share))
    criterion = np.concatenate(criteria)
    keep = np.argsort(criterion, kind="stable")[:_MOST]
    keep = keep[criterion[keep] - criterion[keep[0]] < _SLACK]
    weights = np.exp(-0.5 * (criterion[keep] - criterion[keep[0]]))
    return np.concatenate(etas)[keep], weights / weights.sum(), np.concatenate(scores)[keep]


def _expected_variance(etas: FloatArray, weights: FloatArray, said: FloatArray, sd: float) -> float:
    """Variance of eta to expect once a score is seen where the hypotheses say ``said``."""
    low, high = said.min() - 4.0 * sd, said.max() + 4.0 * sd
    y = np.linspace(low, high, int(np.clip((high - low) / (_STEP * sd), *_SCORES)))
    density = np.exp(-0.5 * ((y - said[:, None]) / sd) ** 2)
    # E Var(eta | y) by the moments of eta given y, summed over an even grid of y.
    mass = weights @ density
    mean = (weights * etas) @ density / np.maximum(mass, 1e-300)
    square = (weights * etas**2) @ density / np.maximum(mass, 1e-300)
    return float((mass * (square - mean**2)).sum() / mass.sum())
