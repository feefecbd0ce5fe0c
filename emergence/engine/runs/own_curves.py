r"""Own curves: how much do the data ask for a curve of each run, rather than one for all?

Both are judged by the whole likelihood of the same scores, each with the covariance of errors that
goes with it, and pay for their parameters as Schwarz's criterion corrected for small samples says
(McQuarrie 1999, Stat. Probab. Lett. 44, 79),

.. math:: n \log \frac{\mathrm{RSS}}{n} + \log |V|
        + \sum_r \frac{n_r\, k_r \log n_r}{n_r - k_r - 2}.

Offsets and errors that follow each other are there in either, so that runs which differ by no more
than that share a curve; the share of the evidence moves with every checkpoint, by no count.
"""

from dataclasses import dataclass

import numpy as np

from emergence._typing import FloatArray
from emergence.engine.contest import Candidate
from emergence.engine.problem import Problem, long_runs
from emergence.engine.runs.covariance import best_curve, structured
from emergence.engine.runs.sides import RunCurves, best_of, sides_by_run


@dataclass(frozen=True, eq=False)
class OwnCurves:
    """Both sides with a curve for each run, and their share of the evidence, 0 to 1."""

    curves: RunCurves
    share: float


def own_curves(problem: Problem, *, fit_level: bool) -> OwnCurves | None:
    """Compare a curve for each run with one for all; None where too few could have one.

    ``problem`` is whitened around the common curve.  Runs too short to show a curve have no say,
    unless the others see less than most of the losses.
    """
    long = long_runs(problem)
    if long is None:
        return None
    common = long if long is problem else structured(long)
    one = best_curve(common)[0]
    onsets, smooths = sides_by_run(common, fit_level=fit_level)
    parts = best_of(onsets, smooths).parts
    own = onsets.problems[0].run_model.noise
    assert own is not None
    apart = _criterion(parts, [p.n for p in onsets.problems], sum(map(_log_det, onsets.problems)))
    together = _criterion((one,), [common.n], common.log_det)
    share = 1.0 / (1.0 + np.exp(np.clip(0.5 * (apart - together), -500, 500)))
    return OwnCurves(RunCurves(common, onsets, smooths), float(share))


def _log_det(problem: Problem) -> float:
    return problem.log_det


def _criterion(curves: tuple[Candidate, ...], n: list[int], log_det: float) -> float:
    """Twice the negative logarithm of the likelihood, and what the parameters cost."""
    k = np.array([c.n_params for c in curves])
    size: FloatArray = np.array(n, dtype=float)
    cost = k * np.log(size) * size / np.maximum(size - k - 2.0, 1.0)
    rss = sum(c.rss for c in curves)
    return float(size.sum() * np.log(rss / size.sum()) + log_det + cost.sum())
