"""Claims 1 to 3 of Du et al. (2024): is the loss the axis?  Checkpoints, final models, figures."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from emergence.equal_loss import collapse
from emergence.equal_loss_result import Collapse
from emergence.errors import DataError, DataWarning
from emergence.join import join_curves
from emergence.joined_curves import ReadThreshold
from emergence.points import Points
from emergence.report.figures import plot_fit
from emergence.report.finding import Finding, Source, counted, share_word, strict_groups
from emergence.resample import child

_READING_ERROR = 0.005


def checkpoints(source: Source) -> Finding:
    """Claim 1: checkpoints of long runs fall on one curve of the loss."""
    rising = {(v.points.family, v.points.task) for v in source.verdicts if v.label != "flat"}
    return _collapsed([g for g in source.groups if (g.family, g.task) in rising])


def final_models(source: Source) -> Finding:
    """Claim 2: so do models trained to budgets of their own, at their final checkpoints."""
    rising = {(v.points.family, v.points.task) for v in source.verdicts if v.label != "flat"}
    groups = strict_groups(source.records.final())
    finding = _collapsed([g for g in groups if (g.family, g.task) in rising])
    pooled = _pooled(groups)
    if not pooled:
        return finding
    apart = sum((c.p_families or 1.0) < c.alpha for c in pooled)
    families = sorted({o.name for c in pooled for o in c.offsets})
    clause = (
        f"{finding.clause}; the {len(families)} families ({', '.join(families)}) do not fall on "
        f"one curve in {apart} of {counted(len(pooled), 'task')}"
    )
    return Finding(finding.holds, clause, finding.table, finding.draw)


def _pooled(groups: Sequence[Points]) -> list[Collapse]:
    """One curve for all families of a task, where there are several."""
    tasks: dict[tuple[str, str], list[Points]] = {}
    for g in groups:
        tasks.setdefault((g.task, g.metric), []).append(g)
    out = []
    for same in tasks.values():
        try:
            out.append(collapse(same))
        except DataError:  # a single family, or chance levels that differ
            continue
    return out


def _collapsed(groups: Sequence[Points]) -> Finding:
    """Does the loss alone explain these tasks?"""
    found: list[Collapse] = []
    for group in groups:
        try:
            found.append(collapse(group))
        except DataError:  # too few runs or sizes to compare
            continue
    if not found:
        return Finding("cannot be told", "no task has runs and sizes enough to compare")
    labels = [c.label for c in found]
    alone, matters = labels.count("loss alone"), labels.count("size matters")
    best = sum(min(c.explained, key=_explained(c)) == "loss" for c in found)
    clause = (
        f"the loss alone explains {alone} of {counted(len(found), 'task')}, size matters at equal "
        f"loss in {matters}, {labels.count('undetermined')} cannot be told; of loss, compute, "
        f"params and tokens the loss predicts unseen runs best in {best}"
    )
    shown = max(found, key=lambda c: (c.label == "loss alone", c.explained["loss"]))
    table = pd.DataFrame([_row(c) for c in found])
    return Finding(share_word(alone, matters), clause, table, lambda: _draw(shown))


def _explained(c: Collapse):  # type: ignore[no-untyped-def]
    single = ("loss", "compute", "params", "tokens")
    return lambda name: -c.explained[name] if name in single else np.inf


def _row(c: Collapse) -> dict[str, object]:
    ci = c.effect.interval()
    return {
        "family": c.points.family,
        "task": c.points.task,
        "n": c.points.size,
        "runs": c.points.n_runs,
        "effect of size x 10": f"{c.effect.estimate:+.4f} [{ci.low:+.4f}, {ci.high:+.4f}]",
        "R2 by loss": f"{c.explained['loss']:.3f}",
        "by compute": f"{c.explained['compute']:.3f}",
        "by params": f"{c.explained['params']:.3f}",
        "by tokens": f"{c.explained['tokens']:.3f}",
        "finding": c.label,
    }


def _draw(c: Collapse) -> Figure:
    figure = Figure(figsize=(15, 3.6), layout="constrained")
    c.plot(figure.subplots(1, 4, sharey=True))
    return figure


def read_figures(source: Source) -> Finding:
    """Claim 3: figures read off a report tell the same thresholds as its records."""
    rows, fits, held = [], [], 0
    for verdict in source.labelled("emergent"):
        points = verdict.points
        try:
            read = _read_off(points, source)
        except DataError:  # runs of one checkpoint have no curve to read
            continue
        ci, own = read.interval(), verdict.interval
        inside = verdict.threshold.eta in ci
        held += inside
        fits.append(read)
        rows.append(
            {
                "family": points.family,
                "task": points.task,
                "eta by the records": f"{verdict.threshold.eta:.3f} {own:.3f}",
                "eta read off": f"{read.eta:.3f} {ci:.3f}",
                "reading adds sd": f"{read.reading_sd:.3f}",
                "holds it": "yes" if inside else "no",
            }
        )
    if not rows:
        return Finding("cannot be told", "no emergent task has runs with curves to read")
    clause = (
        f"drawn as curves against tokens and read off with an error of {_READING_ERROR:.1%} of the "
        f"axes, the interval of eta holds that of the records in {held} of "
        f"{counted(len(rows), 'task')}"
    )

    def draw() -> Figure:
        figure = Figure(figsize=(5.6, 3.8), layout="constrained")
        plot_fit(fits[0].fit, figure.subplots())
        return figure

    return Finding(share_word(held, len(rows) - held), clause, pd.DataFrame(rows), draw)


def _read_off(points: Points, source: Source) -> ReadThreshold:
    """Threshold of a task whose loss and score were drawn against tokens, and read off."""
    if points.run is None or points.tokens is None or points.params is None:
        raise DataError(f"{points.label}: no curves against tokens")
    g = child(np.random.SeedSequence(source.seed), 91)
    ends = {
        name: (float(column.min()), float(column.max()))
        for name, column in (
            ("tokens", points.tokens), ("loss", points.loss), ("value", points.value)
        )
    }  # fmt: skip
    curves: dict[str, dict[str, pd.DataFrame]] = {"loss": {}, "value": {}}
    params = {}
    for run in np.unique(points.run.astype(str)):
        mine = points.where(points.run.astype(str) == run)
        params[run] = float(mine.params[0])  # type: ignore[index]
        for name, column in (("loss", mine.loss), ("value", mine.value)):
            curves[name][run] = pd.DataFrame(
                {
                    "x": _misread(mine.tokens, ends["tokens"], g),
                    "y": _misread(column, ends[name], g),
                }
            ).sort_values("x", ignore_index=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # readings just beyond the loss curve
        joined = join_curves(
            curves["loss"], curves["value"], params=params, task=points.task,
            metric=points.metric, chance=points.chance, reading_error=_READING_ERROR,
            loss_axes=(ends["tokens"], ends["loss"]), score_axes=(ends["tokens"], ends["value"]),
        )  # fmt: skip
        return joined.fit_threshold(n_boot=source.n_boot, rng=source.seed)


def _misread(column: np.ndarray | None, ends: tuple[float, float], g: np.random.Generator):  # type: ignore[no-untyped-def]
    """Readings of a column, never below half of its least."""
    assert column is not None
    read = column + g.normal(0.0, _READING_ERROR * (ends[1] - ends[0]), column.size)
    return np.maximum(read, 0.5 * column.min())
