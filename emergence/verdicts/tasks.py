"""classify_tasks: the verdict on every task of a table, adjusted for their number."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd
from joblib import delayed
from threadpoolctl import threadpool_limits

from emergence._parallel import parallel
from emergence._random import Seed, as_seed
from emergence._results import Result, jsonable, no_interval
from emergence._text import table
from emergence._typing import Axes, FloatArray, Losses, Noise, Outliers, Runs
from emergence.errors import DataError, MethodRefused
from emergence.interval import Interval
from emergence.records.columns import as_records
from emergence.records.points import Points
from emergence.records.records import Records
from emergence.records.warnings import not_fitted
from emergence.verdicts.classify import check_alpha, classify
from emergence.verdicts.trial.evidence import TESTS
from emergence.verdicts.verdict import Verdict


@dataclass(frozen=True)
class Skipped:
    """A task that could not be classified, and why."""

    family: str
    task: str
    metric: str
    reason: str


class Verdicts(Result, Sequence[Verdict]):
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
        return super().to_dict() | {
            "verdicts": [v.to_dict() for v in self],
            "skipped": [jsonable(s) for s in self.skipped],
        }

    @property
    def reason(self) -> str:
        """The finding in one sentence: how many of each label."""
        labels = [v.label for v in self]
        counts = [f"{labels.count(n)} {n}" for n in dict.fromkeys(labels)]
        return f"{len(self)} scores: {', '.join(counts) or 'none'}"

    @property
    def warnings(self) -> tuple[str, ...]:
        """What should be read with care: tasks that were not fitted."""
        return tuple(self.not_fitted)

    def interval(self, name: str, level: float = 0.95) -> Interval:
        """Interval of eta of the task of this name."""
        tasks = [v.points.task for v in self]
        if tasks.count(name) != 1:
            raise no_interval(name, (t for t in tasks if tasks.count(t) == 1))
        found: Interval = self[name].interval("eta", level)
        return found

    @property
    def not_fitted(self) -> list[str]:
        """Skipped tasks, those with one reason together."""
        return not_fitted((s.task, s.metric, s.reason) for s in self.skipped)

    def summary(self) -> str:
        """Table as text, one line per task, families apart."""
        lines: list[str] = []
        for family, verdicts in groupby(self, key=lambda v: v.points.family):
            lines += ([""] if lines else []) + ([family] if family else [])
            found = list(verdicts)
            level = f"{1 - found[0].alpha:.0%}"
            header = ("task", "metric", "verdict", "eta", level, "points")
            lines += table(map(_line, found), header, right=[3, 5])
        return "\n".join(lines + [f"  {line}" for line in self.not_fitted])

    def forest(self, family: str) -> list[tuple[str, float, Interval]]:
        """Name, eta and interval of the emergent tasks of one family."""
        found = (v for v in self if v.label == "emergent" and v.points.family == family)
        return [(v.points.label, v.threshold.eta, v.eta_interval) for v in found]

    def feet(self, family: str) -> list[tuple[str, str, float, Interval, float, Interval]]:
        """Name, label, rho and onset with their intervals, of the tasks of one family that rise."""
        return [
            (
                v.points.label,
                v.label,
                v.evidence.rho,
                v.rho_interval,
                v.evidence.onset,
                v.onset_interval,
            )
            for v in self
            if v.points.family == family and not np.isnan(v.rho_interval.low)
        ]

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw eta of the emergent tasks, of the family that has most of them."""
        from emergence.figures.thresholds import plot_forest  # matplotlib only when drawing

        families = [v.points.family for v in self if v.label == "emergent"]
        most = max(dict.fromkeys(families), key=families.count, default="")
        return plot_forest(self.forest(most), ax)


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
    verdict.trial.release()
    return verdict


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
    loss_sd: float = 0.0,
    outliers: Outliers = "drop",
    losses: Losses = "auto",
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
        table do not change it; with one thread of BLAS :func:`classify` alone gives the same.
    n_jobs : int, optional
        Tasks at once, -1 for one on each core; by default what ``joblib.parallel_config`` says,
        else one.  Inside ``with joblib.parallel_config(backend="dask")``, or ``"ray"``, the
        tasks go to that cluster.  The result does not depend on it.
    loss_sd : float
        Standard deviation of the error of each loss, nats: widens intervals on the loss axis.
    outliers : {"drop", "keep"}
        Whether scores that look like evaluations that broke off, and spikes of the loss, are left
        out, with a warning.
    losses : {"auto", "given"}
        Whether losses whose wiggle the scores do not follow are put on the trend of their run.
    progress : callable, optional
        Wraps the iteration over tasks, for a progress bar.

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
    groups = [g for g in as_records(records).groups() if wanted is None or g.metric in wanted]
    skipped = [
        Skipped("", task, name, reason)
        for task, name, reason in records.refused
        if wanted is None or name in wanted
    ]
    if n_jobs == 0:
        raise DataError("n_jobs is 0; give the number of tasks at once, or -1 for every core")
    work, seed = delayed(_judge), as_seed(rng)
    options: dict[str, Any] = {"noise": noise, "runs": runs, "alpha": alpha, "n_boot": n_boot}
    options |= {"loss_sd": loss_sd, "outliers": outliers, "losses": losses}
    outcomes = parallel(n_jobs, lazy=True)(work(g, seed, options) for g in groups)
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
        replace(v, adjusted=v.evidence.with_p_values(row))
        for v, row in zip(verdicts, table, strict=True)
    ]


def adjust(p: FloatArray) -> FloatArray:
    """Benjamini-Hochberg adjusted p-values; NaN stays NaN and does not count.

    Rejecting where the adjusted value is at most alpha keeps the false discovery rate at
    alpha (J. R. Stat. Soc. B 57, 289, 1995).
    """
    out = np.full(p.shape, np.nan)
    known = np.flatnonzero(np.isfinite(p))
    if known.size:
        order = known[np.argsort(p[known], kind="stable")]
        scaled = p[order] * known.size / np.arange(1, known.size + 1)
        out[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return out


def _line(verdict: Verdict) -> tuple[str, ...]:
    """Cells of a task in the table that is printed."""
    eta, ends = "", ""
    if verdict.label == "emergent":
        eta, ends = f"{verdict.threshold.eta:.3f}", f"{verdict.eta_interval:.3f}"
    points = verdict.points
    return points.task, points.metric, verdict.label, eta, ends, str(points.size)
