r"""shared_threshold: do several tasks leave chance at one loss?

Each task has its own curve, so only eta ties them.  With :math:`B_t(\eta)` the criterion of the
best shape of task t whose onset is at :math:`\eta`,

.. math:: T = \min_\eta \sum_t B_t(\eta) - \sum_t \min_\eta B_t(\eta)

is small when one threshold serves all.  Its distribution is simulated from the fits constrained to
the shared eta.  Tasks scored on the same checkpoints draw the same checkpoints in every replicate,
so what their errors have in common stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from emergence._typing import FloatArray
from emergence.contest import Contest, threshold_contest
from emergence.errors import DataError
from emergence.intervals import Interval, check_level, invert
from emergence.points import Points
from emergence.resample import ResampledErrors, Seed, as_seed, child, replicas
from emergence.results import Status, jsonable
from emergence.threshold import fit_threshold

_STREAM = 41
_ETAS, _MOST_GAPS = 121, 240


@dataclass(frozen=True, eq=False)
class SharedThreshold:
    """One eta for several tasks, and whether it serves; made by :func:`shared_threshold`.

    Attributes
    ----------
    tasks : tuple of str
    eta : float
        Shared threshold, nats per token.
    etas : tuple of float
        Threshold of each task alone.
    p_common : float
        p-value of "one eta for these tasks".
    """

    tasks: tuple[str, ...]
    eta: float
    etas: tuple[float, ...]
    p_common: float
    n_boot: int
    _contests: tuple[Contest, ...] = field(repr=False)
    _index: tuple[ResampledErrors, ...] = field(repr=False)

    @property
    def verdict(self) -> str:
        """One sentence with the numbers."""
        low, high = min(self.etas), max(self.etas)
        ci = self.interval()
        if self.p_common <= 0.05:
            return (
                f"one threshold for these {len(self.tasks)} tasks is rejected (p = "
                f"{self.p_common:.3g}); alone they begin between {low:.3f} and {high:.3f}"
            )
        return (
            f"one threshold for these {len(self.tasks)} tasks is not rejected (p = "
            f"{self.p_common:.3g}): {self.eta:.3f} {ci:.3f}"
        )

    def interval(self, level: float = 0.95) -> Interval:
        """Interval of the shared threshold, by inversion of the constrained bootstrap test.

        Parameters
        ----------
        level : float
            Nominal coverage.

        Returns
        -------
        Interval

        Raises
        ------
        DataError
            For a level out of range, or finer than the draws can show.
        """
        check_level(level, self.n_boot)
        grid = _grid(self._contests[0])
        alpha = 1.0 - level
        low, high, open_low, open_high = invert(
            lambda eta: self._p_value(eta) > alpha,
            self.eta,
            (float(grid[0]), float(grid[-1])),
            (float(grid[0]), float(grid[-1])),
            2e-3 * float(np.ptp(grid)),
        )
        return Interval(low, high, level, "profile", open_low, open_high)

    def _p_value(self, eta: float) -> float:
        """Test of "the shared threshold is eta"."""
        grid = _grid(self._contests[0])

        def statistic(columns: list[FloatArray]) -> FloatArray:
            here = np.zeros(columns[0].shape[1])
            free = np.zeros((grid.size, columns[0].shape[1]))
            for contest, data in zip(self._contests, columns, strict=True):
                here += _at(contest, eta).best(data)
                free += contest.profiles(data)
            out: FloatArray = here - np.minimum(free.min(axis=0), here)
            return out

        observed = statistic([c.problem.wy[:, None] for c in self._contests])[0]
        null = statistic(_simulated(self._contests, self._index, eta))
        return float((1 + np.sum(null >= observed - 1e-9)) / (1 + null.size))

    def to_dict(self) -> dict[str, Any]:
        """Everything, in types that survive JSON."""
        out: dict[str, Any] = jsonable(self)
        return out | {"interval": jsonable(self.interval()), "verdict": self.verdict}

    def summary(self) -> str:
        """Report as text."""
        lines = [f"Shared threshold of {len(self.tasks)} tasks: {self.eta:.4f} {self.interval()}"]
        lines += [f"  {t:<36}{e:>8.4f}" for t, e in zip(self.tasks, self.etas, strict=True)]
        return "\n".join([*lines, f"  {self.verdict}"])


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

    Returns
    -------
    SharedThreshold

    Raises
    ------
    DataError
        For fewer than two tasks, several families of losses, a task without an onset, or
        losses that do not overlap.

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
    for fit in fits:
        if fit.status is Status.NO_ONSET:
            raise DataError(f"{fit.points.label}: {fit.status}; leave the task out")
    grids = [_grid(f._contest) for f in fits]
    low, high = max(g[0] for g in grids), min(g[-1] for g in grids)
    if low >= high:
        raise DataError("the losses of these tasks do not overlap; there is no eta to share")
    losses = _shared_grid(tasks, low, high)
    contests = tuple(
        threshold_contest(
            f._contest.problem,
            f._contest.families,
            fit_level=f._contest.fit_level,
            etas=f._contest.problem.to_x(losses),
        )
        for f in fits
    )
    profiles = [c.profiles(c.problem.wy[:, None])[:, 0] for c in contests]
    total = np.sum(profiles, axis=0)
    eta = float(losses[int(total.argmin())])
    index = _draws(fits[0].points, tasks, n_boot, seed)
    columns = _simulated(contests, index, eta)
    null_profiles = [c.profiles(data) for c, data in zip(contests, columns, strict=True)]
    null = np.sum(null_profiles, axis=0).min(axis=0) - sum(p.min(axis=0) for p in null_profiles)
    observed = total.min() - sum(p.min() for p in profiles)
    return SharedThreshold(
        tasks=tuple(p.label for p in tasks),
        eta=eta,
        etas=tuple(f.eta for f in fits),
        p_common=float((1 + np.sum(null >= observed - 1e-9)) / (1 + n_boot)),
        n_boot=n_boot,
        _contests=contests,
        _index=index,
    )


def _shared_grid(tasks: Sequence[Points], low: float, high: float) -> FloatArray:
    """Thresholds to try: even steps, and the gaps between the losses of all tasks.

    A jump of one task fits anywhere in a gap; what several have in common may be narrower than
    an even step.
    """
    losses = np.unique(np.concatenate([p.loss for p in tasks]))
    gaps = 0.5 * (losses[1:] + losses[:-1])
    gaps = gaps[(gaps >= low) & (gaps <= high)]
    some = gaps[np.unique(np.linspace(0, gaps.size - 1, min(gaps.size, _MOST_GAPS)).astype(int))]
    return np.unique(np.concatenate([np.linspace(low, high, _ETAS), some]))


def _grid(contest: Contest) -> FloatArray:
    """Thresholds that a contest tries, nats."""
    etas: FloatArray = np.asarray(contest.etas)
    return contest.problem.low + contest.problem.span * etas


def _at(contest: Contest, eta: float) -> Contest:
    """Contest at one threshold, nats."""
    return threshold_contest(
        contest.problem,
        contest.families,
        fit_level=contest.fit_level,
        etas=contest.problem.to_x(np.array([eta])),
    )


def _draws(
    first: Points, tasks: Sequence[Points], n_boot: int, seed: np.random.SeedSequence
) -> tuple[ResampledErrors, ...]:
    """Residuals to draw for each task: the same ones where the checkpoints are the same."""
    same = all(
        p.size == first.size and np.array_equal(np.sort(p.loss), np.sort(first.loss)) for p in tasks
    )
    out = []
    for t, points in enumerate(tasks):
        rng = child(seed, _STREAM, 0 if same else t)
        out.append(ResampledErrors(rng.integers(0, points.size, (n_boot, points.size)).T))
    return tuple(out)


def _simulated(
    contests: tuple[Contest, ...], index: tuple[ResampledErrors, ...], eta: float
) -> list[FloatArray]:
    """Replicates of every task, each constrained to the threshold eta."""
    out = []
    for contest, source in zip(contests, index, strict=True):
        best = min(_at(contest, eta).polished_at_eta(), key=lambda c: c.bic)
        problem = contest.problem
        out.append(replicas(problem, best.ability(problem.x), best.n_params - 1, source))
    return out
