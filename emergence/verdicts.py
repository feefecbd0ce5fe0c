"""classify: is a task smooth, emergent, flat, or can these data not tell?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from joblib.parallel import get_active_backend
from numpy.typing import ArrayLike
from threadpoolctl import threadpool_limits

from emergence.errors import DataError, MethodRefused
from emergence.evidence import TESTS, adjust, gather
from emergence.noise import Noise
from emergence.plateau import Plateau
from emergence.points import Points, as_points
from emergence.record_warnings import not_fitted
from emergence.records import Records
from emergence.resample import Seed, as_seed
from emergence.results import jsonable
from emergence.runs import Runs
from emergence.side import LEAST_CHECKPOINTS, RunCurves, Side, runs_show_curves, sides_by_run
from emergence.threshold import fit_threshold
from emergence.verdict import Verdict

_OWN: Runs = "random threshold"


def classify(
    points: Points | ArrayLike,
    value: ArrayLike | None = None,
    *,
    chance: float | None = None,
    best: float | None = None,
    n_items: ArrayLike | None = None,
    run: ArrayLike | None = None,
    tokens: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    plateau: Plateau = "auto",
    noise: Noise = "auto",
    runs: Runs = "auto",
    alpha: float = 0.05,
    n_boot: int = 999,
    rng: Seed = 0,
) -> Verdict:
    r"""Say whether one task is smooth, emergent, flat or undetermined.

    Two sets of shapes compete (see :mod:`emergence.evidence`).  The label is

    - ``flat`` when no falling curve beats a constant;
    - ``emergent`` when every near-best smooth family is rejected, a threshold is not, and
      the plateau above it is inside the data;
    - ``smooth`` the other way round;
    - ``undetermined`` when neither is rejected, or when both are and neither predicts
      left-out runs clearly better.

    Parameters
    ----------
    points, value, chance, best, n_items, run, tokens, weights, plateau, noise
        As for :func:`fit_threshold`.
    runs : {"auto", "independent", "offset", "offset+ar1", "random threshold"}
        As for :func:`fit_threshold`.  Under ``random threshold`` every run has a curve of its own
        on either side, for a kink that each run has at a loss of its own is no kink of their
        common curve; ``auto`` does so where all runs have at least 15 checkpoints.
    alpha : float
        Level of each test.
    n_boot : int
        Replicates under each null hypothesis, at least 99.
    rng : int, SeedSequence or Generator
        Same seed, same bits.

    Returns
    -------
    Verdict

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
    apart = runs in ("auto", _OWN) and runs_show_curves(pts)
    if runs == _OWN and not apart:
        raise MethodRefused(
            f"{pts.label}: runs={_OWN!r} tests a curve for each run, which takes at least two runs "
            f"of at least {LEAST_CHECKPOINTS} checkpoints each; classify with runs='offset+ar1', "
            "and compare the runs with run_thresholds"
        )
    fit = partial(fit_threshold, pts, plateau=plateau, noise=noise, n_boot=n_boot, rng=as_seed(rng))
    threshold = fit(runs="offset+ar1" if apart else runs)
    contest, seed = threshold._contest, threshold._errors.seed
    if not apart:
        sides = Side((contest,)), Side((threshold._smooth,))
        onsets = [sides[0].curves((c,)) for c in threshold._candidates]
        evidence = gather(*sides, n_boot, seed, alpha, (onsets, sides[1].refined()))
        return Verdict(contest.problem.points, threshold, evidence, alpha)
    sides = sides_by_run(contest.problem, fit_level=contest.fit_level)
    polished = sides[0].refined(), sides[1].refined()
    evidence = gather(*sides, n_boot, seed, alpha, polished)
    # Without a sign of a threshold nothing is gained by looking for that of each run.
    if evidence.p_smooth <= alpha:
        with suppress(DataError):  # too few runs say where theirs is: that of the common curve
            threshold = fit(runs=_OWN)
    own = RunCurves(contest.problem, polished[0][0], polished[1][0])
    return Verdict(contest.problem.points, threshold, evidence, alpha, run_curves=own)


@dataclass(frozen=True)
class Skipped:
    """A task that could not be classified, and why."""

    family: str
    task: str
    metric: str
    reason: str


class Verdicts(Sequence[Verdict]):
    """Verdicts of several tasks; made by :func:`classify_tasks`.  A sequence of Verdict.

    ``skipped`` lists the tasks that have none, with the reason.
    """

    def __init__(self, verdicts: list[Verdict], skipped: Sequence[Skipped] = ()) -> None:
        self._verdicts = tuple(verdicts)
        self.skipped = tuple(skipped)

    def __len__(self) -> int:
        return len(self._verdicts)

    def __getitem__(self, key: Any) -> Any:
        """Return by position, or by task name."""
        if isinstance(key, str):
            found = [v for v in self if v.points.task == key]
            if len(found) != 1:
                raise KeyError(f"{len(found)} verdicts for task {key!r}; use positions")
            return found[0]
        return self._verdicts[key]

    def __iter__(self) -> Iterator[Verdict]:
        return iter(self._verdicts)

    def to_frame(self) -> pd.DataFrame:
        """One row per task and metric; those skipped come last, undetermined, with the reason."""
        rows = [v.to_row() for v in self]
        for s in self.skipped:
            row: dict[str, Any] = {"family": s.family, "task": s.task, "metric": s.metric}
            rows.append(row | {"label": "undetermined", "reason": f"not fitted: {s.reason}"})
        return pd.DataFrame(rows)

    def to_dict(self) -> dict[str, Any]:
        """All verdicts, in types that survive JSON."""
        return {
            "verdicts": [v.to_dict() for v in self],
            "skipped": [jsonable(s) for s in self.skipped],
        }

    @property
    def not_fitted(self) -> list[str]:
        """Skipped tasks, those with one reason together."""
        return not_fitted((s.task, s.metric, s.reason) for s in self.skipped)

    def summary(self) -> str:
        """Table as text, one line per task, families apart."""
        width = max([len(f"{v.points.task} {v.points.metric}") for v in self] + [20]) + 2
        lines: list[str] = []
        family = None
        for v in self:
            if v.points.family != family:
                family = v.points.family
                lines += ([""] if lines else []) + ([family] if family else [])
                lines.append(
                    f"  {'task':<{width}}{'verdict':<14}{'eta':>6}  {'95%':<17}{'points':>6}"
                )
            eta, ci = "", ""
            if v.label == "emergent":
                eta, ci = f"{v.threshold.eta:.3f}", f"[{v.interval.low:.3f}, {v.interval.high:.3f}]"
            name = f"{v.points.task} {v.points.metric}"
            lines.append(f"  {name:<{width}}{v.label:<14}{eta:>6}  {ci:<17}{v.points.size:>6}")
        lines += [f"  {line}" for line in self.not_fitted]
        return "\n".join(lines).replace("95%", f"{1 - self[0].alpha:.0%}" if len(self) else "95%")


def check_alpha(alpha: float, n_boot: int) -> None:
    """Raise DataError for an alpha out of range, or finer than the draws can show."""
    if not 0.001 <= alpha < 0.5:
        raise DataError(f"alpha is {alpha}; it must lie between 0.001 and 0.5")
    if (n_boot + 1) * alpha < 1.0:
        raise DataError(f"{n_boot} draws cannot show a p-value below {alpha}: raise n_boot")


def _judge(
    points: Points, seed: np.random.SeedSequence, options: dict[str, Any]
) -> Verdict | Skipped:
    """One task, all that its row needs computed, and small enough to send."""
    # One thread: tasks share the cores, and sums must not depend on how many there are.
    with threadpool_limits(1):
        try:
            verdict = classify(points, rng=seed, **options)
        except (DataError, MethodRefused) as error:
            reason = str(error).removeprefix(f"{points.label}: ")
            return Skipped(points.family, points.task, points.metric, reason)
        verdict.to_row()
    return replace(verdict, threshold=verdict.threshold.light())


def classify_tasks(
    records: Records,
    *,
    metric: str | Sequence[str] | None = None,
    noise: Noise = "auto",
    runs: Runs = "auto",
    alpha: float = 0.05,
    n_boot: int = 999,
    rng: Seed = 0,
    n_jobs: int | None = None,
    progress: Callable[[Sequence[Points]], Iterable[Points]] | None = None,
) -> Verdicts:
    """Classify every task and metric of a table of records, each family of losses apart.

    The tests of all tasks are adjusted together, each metric apart, so that among the tasks called
    something by a metric the expected share of false calls is at most alpha (Benjamini & Hochberg
    1995), and a metric more in the table changes nothing for the others.

    Parameters
    ----------
    records : Records
        From :func:`read_records`.
    metric : str or sequence of str, optional
        Only these metrics.
    noise, runs
        As for :func:`fit_threshold`.
    alpha : float
        False discovery rate, and one minus the level of the intervals.
    n_boot : int
        Replicates under each null hypothesis.
    rng : int, SeedSequence or Generator
        Same seed, same bits; every task starts from the same seed, so that other tasks in the
        table do not change it and :func:`classify` alone gives the same.
    n_jobs : int, optional
        Tasks at once, -1 for one on each core; by default what ``joblib.parallel_config`` says,
        else one.  Inside ``with joblib.parallel_config(backend="dask")``, or ``"ray"``, the
        tasks go to that cluster.  The result does not depend on it.
    progress : callable, optional
        Wraps the iteration over tasks, for a progress bar.

    Returns
    -------
    Verdicts

    Raises
    ------
    DataError
        For records without a task that can be fitted.

    Examples
    --------
    >>> from emergence import classify_tasks, simulate
    >>> records = simulate(shape="jump", eta=2.2, task="toy", rng=1)
    >>> classify_tasks(records, n_boot=199)["toy"].label
    'emergent'
    """
    check_alpha(alpha, n_boot)
    wanted = None if metric is None else {metric} if isinstance(metric, str) else set(metric)
    groups = [g for g in records.groups() if wanted is None or g.metric in wanted]
    skipped = [
        Skipped("", task, name, reason)
        for task, name, reason in records.refused
        if wanted is None or name in wanted
    ]
    if n_jobs == 0:
        raise DataError("n_jobs is 0; give the number of tasks at once, or -1 for every core")
    work, seed = delayed(_judge), as_seed(rng)
    options = {"noise": noise, "runs": runs, "alpha": alpha, "n_boot": n_boot}
    # Not every backend (Ray) can hand results back one by one.
    lazy = getattr(get_active_backend()[0], "supports_return_generator", False)
    outcomes = Parallel(n_jobs=n_jobs, return_as="generator" if lazy else "list")(
        work(g, seed, options) for g in groups
    )
    verdicts: list[Verdict] = []
    for _, outcome in zip(progress(groups) if progress else groups, outcomes, strict=True):
        if isinstance(outcome, Skipped):
            skipped.append(outcome)
        else:
            verdicts.append(outcome)
    if not verdicts:
        why = "; ".join(f"{s.task} {s.metric}: {s.reason}" for s in skipped[:3])
        if wanted is not None and not groups and not skipped:
            there = sorted(records.to_frame()["metric"].unique())
            why = f"no metric {', '.join(sorted(wanted))}; there is {', '.join(there)}"
        raise DataError(f"no task to classify{f' ({why})' if why else ''}")
    return Verdicts(_adjusted(verdicts), skipped)


def _adjusted(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Verdicts with p-values adjusted for the number of tasks, each metric apart."""
    table = np.array([[getattr(v.evidence, name) for name in TESTS] for v in verdicts])
    metrics = np.array([v.points.metric for v in verdicts])
    for metric in np.unique(metrics):
        rows = metrics == metric
        table[rows] = np.column_stack([adjust(column) for column in table[rows].T])
    return [
        replace(v, evidence=v.evidence.with_p_values(row), adjusted=True)
        for v, row in zip(verdicts, table, strict=True)
    ]
