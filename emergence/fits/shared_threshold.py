r"""shared_threshold: do several tasks leave chance at one loss?

Each task has a curve of its own, so only eta ties them (:mod:`emergence.engine.runs.shared_eta`).
Where runs have thresholds of their own, runs are blocks and tasks treatments (Fisher 1935):

.. math:: \hat\eta_{rt} = \eta_t + c_t + u_r + e_{rt},

with :math:`c_t` the error of the curve that the runs of a task share.  One eta for the tasks is
tested by F, the mean square between tasks over that of the rest plus R times the variance of
:math:`c_t`.  The shared eta is the mean of those of the tasks weighted by their precision; as all
rest on the same runs their errors are taken as one, which is never too narrow.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pandas as pd
from scipy.special import fdtrc, stdtrit

from emergence._random import Seed, as_seed
from emergence._results import Result, Status, jsonable, no_interval, renamed
from emergence._text import table
from emergence._typing import Axes
from emergence.engine.runs.shared_eta import share_curves
from emergence.errors import DataError
from emergence.fits.runs.thresholds_result import RunThresholds
from emergence.fits.threshold import fit_threshold
from emergence.fits.threshold_result import ThresholdFit
from emergence.interval import Interval, check_level
from emergence.records.points import Points

_ALPHA = 0.05


class _Share(Protocol):
    """How the shared threshold was found; it gives the interval."""

    def interval(self, eta: float, level: float) -> Interval: ...


@dataclass(frozen=True, eq=False, repr=False)
class SharedThreshold(Result):
    """One eta for several tasks, and whether it serves; made by :func:`shared_threshold`.

    Attributes
    ----------
    tasks : tuple of str
    eta : float
        Shared threshold, nats per token.
    etas : tuple of float
        Threshold of each task alone, as :func:`fit_threshold` gives it.
    p_common : float
        p-value of "one eta for these tasks".
    what : str
        ``tasks``, or ``metrics`` where they are those of one task.
    warnings : tuple of str
    """

    tasks: tuple[str, ...]
    eta: float
    etas: tuple[float, ...]
    p_common: float
    what: str
    warnings: tuple[str, ...]
    _fits: tuple[ThresholdFit, ...] = field(repr=False)
    _share: _Share = field(repr=False)

    @property
    def reason(self) -> str:
        """The finding in one sentence."""
        low, high = min(self.etas), max(self.etas)
        one = f"one threshold for these {len(self.tasks)} {self.what}"
        if self.p_common <= _ALPHA:
            return (
                f"{one} is rejected (p = {self.p_common:.3g}); alone they begin between "
                f"{low:.3f} and {high:.3f}"
            )
        ci = self.interval()
        return f"{one} is not rejected (p = {self.p_common:.3g}): {self.eta:.3f} {ci:.3f}"

    verdict = renamed("verdict", "reason")

    def __repr__(self) -> str:
        return f"SharedThreshold({', '.join(self.tasks)}: eta {self.eta:.4g})"

    def interval(self, name: str = "eta", level: float = 0.95) -> Interval:
        """Interval of the shared threshold (``eta``).

        By inversion of the constrained bootstrap test, or by Student's t of the runs where these
        have thresholds of their own.
        """
        if name != "eta":
            raise no_interval(name, ("eta",))
        return self._share.interval(self.eta, level)

    def to_frame(self, level: float = 0.95) -> pd.DataFrame:
        """One row per task, alone: eta and its interval."""
        found = [fit.interval("eta", level) for fit in self._fits]
        return pd.DataFrame(
            {
                "task": self.tasks,
                "eta": self.etas,
                "low": [ci.low for ci in found],
                "high": [ci.high for ci in found],
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything, in types that survive JSON."""
        return super().to_dict() | {"interval": jsonable(self.interval())}

    def summary(self) -> str:
        """Report as text."""
        head = f"Shared threshold of {len(self.tasks)} {self.what}: "
        lines = [f"{head}{self.eta:.4f} {self.interval()}"]
        lines += table(
            (task, f"{eta:.4f}") for task, eta in zip(self.tasks, self.etas, strict=True)
        )
        return "\n".join([*lines, f"  {self.reason}", *self._warned])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw eta of each task with its interval, and the one that they share."""
        from emergence.figures.thresholds import plot_forest  # matplotlib only when drawing

        intervals = [fit.interval() for fit in self._fits]
        rows = list(zip(self.tasks, self.etas, intervals, strict=True))
        return plot_forest(rows, ax, shared=(self.eta, self.interval()))


def shared_threshold(
    tasks: Sequence[Points], *, n_boot: int = 999, rng: Seed = 0, **options: Any
) -> SharedThreshold:
    """Fit one threshold to several tasks and test whether it serves them all.

    Parameters
    ----------
    tasks : sequence of Points
        From ``records.select(...)``, one for each task; losses of one family.
    n_boot : int
        Replicates, at least 99.
    rng : int, SeedSequence or Generator
        Same seed, same bits.
    **options
        Other arguments of :func:`fit_threshold`: shape, plateau, noise, runs.

    Raises
    ------
    DataError
        For fewer than two tasks, several families of losses, a task without an onset,
        losses that do not overlap, or runs whose own thresholds only some tasks show.

    Examples
    --------
    >>> from emergence import shared_threshold, simulate
    >>> tasks = [simulate("jump", task=t, rng=i).select() for i, t in enumerate("ab")]
    >>> bool(shared_threshold(tasks, n_boot=199).p_common > 0.05)
    True
    """
    if len(tasks) < 2:
        raise DataError(f"{len(tasks)} task given; a shared threshold needs at least two")
    families = sorted({p.family for p in tasks})
    if len(families) > 1:
        raise DataError(
            f"losses of different families are not comparable: {', '.join(families)}; give tasks "
            "of one family"
        )
    seed = as_seed(rng)
    fits = [fit_threshold(p, n_boot=n_boot, rng=seed, **options) for p in tasks]
    return share_fits(fits, n_boot=n_boot, rng=seed)


def share_fits(fits: Sequence[ThresholdFit], *, n_boot: int, rng: Seed) -> SharedThreshold:
    """Threshold that the fits of several tasks of one family share; as :func:`shared_threshold`."""
    for fit in fits:
        if fit.status is Status.NO_ONSET:
            raise DataError(f"{fit.points.label}: {fit.status}; leave the task out")
    apart = [fit.by_run for fit in fits if fit.by_run is not None]
    if apart and len(apart) < len(fits):
        common = ", ".join(fit.points.label for fit in fits if fit.by_run is None)
        raise DataError(
            f"runs have thresholds of their own, but {common} does not show them; give "
            "runs='offset+ar1' to compare the common curves"
        )
    eta, p_common, share = _of_runs(apart) if apart else _of_curves(fits, n_boot, as_seed(rng))
    return SharedThreshold(
        tasks=tuple(f.points.label for f in fits),
        eta=eta,
        etas=tuple(f.eta for f in fits),
        p_common=p_common,
        what="tasks" if len({f.points.task for f in fits}) > 1 else "metrics",
        warnings=tuple(dict.fromkeys(w for runs in apart for w in runs.warnings)),
        _fits=tuple(fits),
        _share=share,
    )


@dataclass(frozen=True)
class _MeanOfRuns:
    """Student's t of a mean over runs."""

    stderr: float
    dof: int

    def interval(self, eta: float, level: float) -> Interval:
        check_level(level)
        half = float(stdtrit(self.dof, 0.5 * (1.0 + level))) * self.stderr
        return Interval(eta - half, eta + half, level, "random-effects")


def _of_runs(tasks: Sequence[RunThresholds]) -> tuple[float, float, _Share]:
    """Shared eta, p-value of one for all tasks, and its error, of runs as blocks."""
    table = pd.concat(found.to_frame().assign(task=t) for t, found in enumerate(tasks))
    run = np.unique(table["run"], return_inverse=True)[1]
    task, eta = table["task"].to_numpy(), table["eta"].to_numpy(dtype=float)
    blocks = (run == np.arange(run.max() + 1)[:, None]).astype(float)
    both = np.concatenate([blocks, (task == np.arange(1, len(tasks))[:, None]).astype(float)])
    left = []
    for design in (blocks, both):
        fitted = design.T @ np.linalg.lstsq(design.T, eta, rcond=None)[0]
        left.append((float(np.square(eta - fitted).sum()), int(np.linalg.matrix_rank(design))))
    (without, n_runs), (rest, used) = left
    dof = eta.size - used
    if dof < 1 or used == n_runs:
        raise DataError("the tasks have too few runs in common to compare their thresholds")
    # An error that all runs of a task share does not show in the rest, but moves the task.
    curve = eta.size / len(tasks) * float(np.mean([found.curve_variance for found in tasks]))
    f = max(without - rest, 0.0) / (used - n_runs) / max(rest / dof + curve, 1e-300)
    stderr = np.array([found.stderr for found in tasks])
    weight = stderr**-2 / np.sum(stderr**-2)
    shared = float(weight @ [found.eta for found in tasks])
    error = _MeanOfRuns(float(weight @ stderr), min(found.dof for found in tasks))
    return shared, float(fdtrc(used - n_runs, dof, f)), error


def _of_curves(
    fits: Sequence[ThresholdFit], n_boot: int, seed: np.random.SeedSequence
) -> tuple[float, float, _Share]:
    """Shared eta, p-value of one for all tasks, and its test, of common curves."""
    curves = share_curves([fit.core.contest for fit in fits], n_boot, seed)
    eta, p_common = curves.fit()
    return eta, p_common, curves
