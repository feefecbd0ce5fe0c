"""classify: is a task smooth, emergent, flat, or can these data not tell?"""

from typing import Unpack

from numpy.typing import ArrayLike

from emergence._random import Seed, as_seed
from emergence._typing import Columns, Noise, Plateau, Runs
from emergence.engine.problem import MAY_SHOW, canonical_order
from emergence.errors import DataError, MethodRefused
from emergence.records.as_points import as_points
from emergence.records.points import Points
from emergence.verdicts.trial.trial import Trial
from emergence.verdicts.verdict import Verdict


def classify(
    points: Points | ArrayLike,
    value: ArrayLike | None = None,
    *,
    plateau: Plateau = "auto",
    noise: Noise = "auto",
    runs: Runs = "auto",
    alpha: float = 0.05,
    n_boot: int = 999,
    rng: Seed = 0,
    **columns: Unpack[Columns],
) -> Verdict:
    r"""Say whether one task is smooth, emergent, flat or undetermined.

    What is tested is how sudden the beginning is (see :mod:`emergence.curves.foot`),

    .. math:: \rho = \frac{x_{.05} - x_{.25}}{\min(P, 2R)},

    x_q the highest loss at which the share q of the gain is made, P the plateau and R the rise.
    The label is

    - ``flat`` when no falling curve beats a constant;
    - ``emergent`` when a rho of 1/4 or more is rejected, and the score before is that of chance;
    - ``smooth`` when a rho of 1/4 or less is rejected, and so is a threshold of which too little
      plateau was seen; or when P > 2R and the foot takes more than a third of the rise R;
    - ``undetermined`` otherwise.

    No label says that the curve has a corner.

    Parameters
    ----------
    points, value, plateau, noise, runs, **columns
        As for :func:`fit_threshold`.  Where two runs or more have 8 checkpoints and span four
        fifths of the losses, ``auto`` reads the task with one curve for all and with one for each
        run, and a p-value is the mean of both by their shares of the evidence
        (:mod:`emergence.engine.runs.own_curves`).
    alpha : float
        Level of each test.
    n_boot : int
        Replicates under each null hypothesis, at least 99.
    rng : int, SeedSequence or Generator
        Same seed, same bits.

    Raises
    ------
    DataError
        For arrays that cannot be fitted or options that do not exist.
    MethodRefused
        For ``runs="random threshold"`` where a run has too few checkpoints for its own curve.

    References
    ----------
    Cox 1962, J. R. Stat. Soc. B 24, 406 (tests of separate families).

    Examples
    --------
    >>> from emergence import classify, simulate
    >>> classify(simulate(shape="jump", eta=2.2, rng=1).select(), n_boot=199).label
    'emergent'
    """
    check_alpha(alpha, n_boot)
    pts = as_points(points, value, **columns)
    pts = pts.where(canonical_order(pts))
    trial = Trial(pts, plateau, noise, runs, alpha=alpha, n_boot=n_boot, seed=as_seed(rng))
    if runs == "random threshold" and not trial.own:
        raise MethodRefused(
            f"{pts.label}: runs={runs!r} tests a curve for each run, which takes at least two runs "
            f"of at least {MAY_SHOW} checkpoints each; classify with runs='offset+ar1', "
            "and compare the runs with run_thresholds"
        )
    verdict = Verdict(trial)
    verdict.label  # noqa: B018 - the rule asks for the evidence; what cannot be judged raises here
    return verdict


def check_alpha(alpha: float, n_boot: int) -> None:
    """Raise DataError for an alpha out of range, or finer than the draws can show."""
    if not 0.001 <= alpha < 0.5:
        raise DataError(f"alpha is {alpha}; it must lie between 0.001 and 0.5")
    if (n_boot + 1) * alpha < 1.0:
        raise DataError(f"{n_boot} draws cannot show a p-value below {alpha}: raise n_boot")
