"""classify: is a task smooth, emergent, flat, or can these data not tell?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from emergence.errors import DataError
from emergence.evidence import TESTS, Evidence, adjust, gather
from emergence.intervals import Interval
from emergence.points import Points
from emergence.records import Records
from emergence.resample import Seed, as_seed
from emergence.results import jsonable
from emergence.smooth import SmoothFit, fit_smooth
from emergence.threshold import Plateau, ThresholdFit, fit_threshold
from emergence.width import width_bound

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Label = Literal["smooth", "emergent", "flat", "undetermined"]

# The side that predicts left-out runs better must do so by this many standard errors: the
# one-sided 5% point of a normal.
_MARGIN = 1.645
# An ability is absent above its threshold: the plateau lies within this share of the way
# from chance to best.
_ABSENT = 0.1
_WIDTH, _WIDTH_DRAWS = 13, 199
_NAMES = {"logistic_free": "logistic with free floor", "power_law": "power law", "jump": "jump"}


@dataclass(frozen=True, eq=False)
class Verdict:
    """What the data say of one task; made by :func:`classify`.

    Attributes
    ----------
    label : {"smooth", "emergent", "flat", "undetermined"}
    reason : str
        One sentence with the evidence.
    threshold : ThresholdFit
    smooth : SmoothFit
        Best smooth family (fitted when first asked for).
    evidence : Evidence
        All p-values, adjusted for the number of tasks by :func:`classify_tasks`.
    alpha : float
        Level of the tests (or the false discovery rate).
    """

    points: Points = field(repr=False)
    threshold: ThresholdFit = field(repr=False)
    evidence: Evidence
    alpha: float
    adjusted: bool = False

    @cached_property
    def label(self) -> Label:
        """The verdict."""
        return self._decision[0]

    @cached_property
    def smooth(self) -> SmoothFit:
        """Best smooth fit."""
        return fit_smooth(self.points, rng=self.threshold._errors.seed)

    @cached_property
    def interval(self) -> Interval:
        """Interval of eta at 1 - alpha."""
        return self.threshold.interval("eta", 1.0 - self.alpha)

    @cached_property
    def width(self) -> float:
        """Upper 95% bound for the width of the corner, nats."""
        errors = self.threshold._errors.source(_WIDTH_DRAWS, _WIDTH)
        return width_bound(self.threshold._contest, errors)

    @cached_property
    def _decision(self) -> tuple[Label, str]:
        return _decide(self)

    @cached_property
    def reason(self) -> str:
        """One sentence that says why, with the numbers."""
        return f"{self.label}: {self._decision[1]}"

    def to_row(self) -> dict[str, Any]:
        """One row of the table of verdicts."""
        p, e, fit = self.points, self.evidence, self.threshold
        emergent = self.label == "emergent"
        nan = float("nan")
        return {
            "family": p.family,
            "task": p.task,
            "metric": p.metric,
            "label": self.label,
            "eta": fit.eta if emergent else nan,
            "eta_low": self.interval.low if emergent else nan,
            "eta_high": self.interval.high if emergent else nan,
            "shape": fit.shape if emergent else "",
            "width_below": self.width if emergent else nan,
            "p_smooth": e.p_smooth,
            "p_threshold": e.p_threshold,
            "p_flat": e.p_flat,
            "best_smooth": e.best_smooth,
            "bic_difference": e.difference,
            "n": p.size,
            "n_runs": p.n_runs,
            "reason": self.reason,
            "warnings": "; ".join(fit.warnings) if emergent else "",
        }

    def to_frame(self) -> pd.DataFrame:
        """Return the verdict as a table of one row."""
        return pd.DataFrame([self.to_row()])

    def to_dict(self) -> dict[str, Any]:
        """Label, reason, evidence and threshold, in types that survive JSON."""
        out: dict[str, Any] = jsonable(self.to_row())
        out["evidence"] = jsonable(self.evidence)
        out["threshold"] = self.threshold.to_dict()
        return out

    def summary(self) -> str:
        """Reason and warnings as text."""
        lines = [f"{self.points.label}: {self.reason}"]
        return "\n".join(lines + [f"  warning: {w}" for w in self.threshold.warnings])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the points and the fit that the label stands for."""
        from emergence.report.figures import plot_verdict  # matplotlib only when drawing

        return plot_verdict(self, ax=ax)


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
    points, value, chance, best, n_items, run, tokens, weights, plateau
        As for :func:`fit_threshold`.
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

    References
    ----------
    Cox 1962, J. R. Stat. Soc. B 24, 406 (tests of separate families).

    Examples
    --------
    >>> from emergence import classify, simulate
    >>> classify(simulate(shape="jump", eta=2.2, rng=1).select(), n_boot=199).label
    'emergent'
    """
    if not 0.0 < alpha < 0.5:
        raise DataError(f"alpha is {alpha}; it must lie between 0 and 0.5")
    fit = fit_threshold(
        points,
        value,
        chance=chance,
        best=best,
        n_items=n_items,
        run=run,
        tokens=tokens,
        weights=weights,
        plateau=plateau,
        n_boot=n_boot,
        rng=as_seed(rng),
    )
    return Verdict(fit.points, fit, gather(fit._contest, n_boot, fit._errors.seed, alpha), alpha)


def _decide(v: Verdict) -> tuple[Label, str]:
    """Label and the reason for it."""
    e, a = v.evidence, v.alpha
    if e.p_flat > a:
        if e.p_inverse <= a:
            return "undetermined", (
                f"the score falls as the loss falls ({_p(e.p_inverse)}); "
                "no curve here describes that"
            )
        return "flat", (
            f"no curve that rises as the loss falls beats a constant ({_p(e.p_flat)}); mean "
            f"{v.points.value.mean():.3g}, chance {v.points.chance:.3g}"
        )
    smooth, onset = _name(e.best_smooth), _name(e.best_threshold)
    no_smooth, no_threshold = e.p_smooth <= a, e.p_threshold <= a
    if no_smooth and no_threshold:
        return _by_prediction(v, smooth, onset)
    if no_threshold:
        return "smooth", (
            f"the threshold shapes are rejected ({_p(e.p_threshold)}, best: {onset}), a {smooth} "
            f"curve is not ({_p(e.p_smooth)})"
        )
    if no_smooth:
        return _emergent(
            v,
            f"the smooth families are rejected ({_p(e.p_smooth)}, best: {smooth}), a {onset} onset "
            f"is not ({_p(e.p_threshold)})",
        )
    return "undetermined", (
        f"neither a {smooth} curve ({_p(e.p_smooth)}) nor a {onset} onset "
        f"({_p(e.p_threshold)}) is rejected; these data cannot tell"
    )


def _by_prediction(v: Verdict, smooth: str, onset: str) -> tuple[Label, str]:
    """Neither side is exactly true: let prediction of left-out runs decide."""
    e = v.evidence
    both = (
        f"neither the smooth families ({_p(e.p_smooth)}, best: {smooth}) nor the threshold shapes "
        f"({_p(e.p_threshold)}, best: {onset}) fit exactly"
    )
    if abs(e.prediction) < _MARGIN:
        return "undetermined", (
            f"{both}, and neither predicts left-out data clearly better ({abs(e.prediction):.1f} "
            "standard errors)"
        )
    winner = "a threshold" if e.prediction > 0 else "a smooth curve"
    text = (
        f"{both}, but {winner} predicts left-out data better by {abs(e.prediction):.1f} "
        "standard errors"
    )
    return ("smooth", text) if e.prediction < 0 else _emergent(v, text)


def _emergent(v: Verdict, evidence: str) -> tuple[Label, str]:
    """Emergent, if the plateau above the threshold is inside the data."""
    fit, points = v.threshold, v.points
    if (fit.plateau - points.chance) / (points.best - points.chance) > _ABSENT:
        return "undetermined", (
            f"{evidence}; but above the threshold the score is {fit.plateau:.3g}, not chance "
            f"({points.chance:.3g}), so the ability is not absent there"
        )
    ci = v.interval
    if ci.open_high:
        return "undetermined", (
            f"{evidence}; but the highest losses may already lie below the threshold "
            f"(eta {v.threshold.eta:.3g} {ci}), so no plateau has been seen"
        )
    corner = (
        f"corner narrower than {v.width:.2g}" if np.isfinite(v.width) else "corner of any width"
    )
    return (
        "emergent",
        f"{evidence}; eta = {v.threshold.eta:.3f} [{ci.low:.3f}, {ci.high:.3f}]; {corner}",
    )


def _p(p: float) -> str:
    return "p < .001" if p < 0.001 else "p = " + f"{p:.3f}".lstrip("0").removesuffix("0")


def _name(family: str) -> str:
    return _NAMES.get(family, family)


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
        lines += [f"  not fitted: {s.task} {s.metric}: {s.reason}" for s in self.skipped]
        return "\n".join(lines).replace("95%", f"{1 - self[0].alpha:.0%}" if len(self) else "95%")


def classify_tasks(
    records: Records,
    *,
    metric: str | Sequence[str] | None = None,
    alpha: float = 0.05,
    n_boot: int = 999,
    rng: Seed = 0,
    progress: Callable[[Sequence[Points]], Iterator[Points]] | None = None,
) -> Verdicts:
    """Classify every task and metric of a table of records, each family of losses apart.

    The tests of all tasks are adjusted together, so that among the tasks called something
    the expected share of false calls is at most alpha (Benjamini & Hochberg 1995).

    Parameters
    ----------
    records : Records
        From :func:`read_records`.
    metric : str or sequence of str, optional
        Only these metrics.
    alpha : float
        False discovery rate, and one minus the level of the intervals.
    n_boot : int
        Replicates under each null hypothesis.
    rng : int, SeedSequence or Generator
        Same seed, same bits; each task has its own stream, named by task, metric and family,
        so that other tasks in the table do not change it.
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
    wanted = None if metric is None else {metric} if isinstance(metric, str) else set(metric)
    groups = [g for g in records.groups() if wanted is None or g.metric in wanted]
    skipped = [
        Skipped("", task, name, reason)
        for task, name, reason in records.refused
        if wanted is None or name in wanted
    ]
    seed = as_seed(rng)
    verdicts = []
    for g in progress(groups) if progress else groups:
        try:
            verdicts.append(classify(g, alpha=alpha, n_boot=n_boot, rng=_stream(seed, g)))
        except DataError as error:
            skipped.append(Skipped(g.family, g.task, g.metric, str(error)))
    if not verdicts:
        why = "; ".join(f"{s.task} {s.metric}: {s.reason}" for s in skipped[:3])
        raise DataError(f"no task to classify{f' ({why})' if why else ''}")
    table = np.array([[getattr(v.evidence, name) for name in TESTS] for v in verdicts])
    q = np.column_stack([adjust(table[:, j]) for j in range(len(TESTS))])
    adjusted = [
        replace(v, evidence=v.evidence.with_p_values(row), adjusted=True)
        for v, row in zip(verdicts, q, strict=True)
    ]
    return Verdicts(adjusted, skipped)


def _stream(seed: np.random.SeedSequence, points: Points) -> np.random.SeedSequence:
    """Seed of one task that depends on its name, not on its place in the table."""
    name = "\x1f".join((points.family, points.task, points.metric)).encode()
    return np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, *name))
