"""Claims 1 to 3 of Du et al. (2024): is the loss the axis?  Checkpoints, final models, figures."""

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from emergence._random import Stream, child
from emergence._text import several
from emergence.errors import DataError, DataWarning
from emergence.readers.joined_curves import Axis, ReadFigure, ReadThreshold
from emergence.readers.joining import join_curves
from emergence.records.points import Points
from emergence.report.finding import Finding, Source, answers, panels, share_word, strict_groups
from emergence.verdicts.axis import align_sizes
from emergence.verdicts.collapse import collapse
from emergence.verdicts.collapse_result import Collapse

_READING_ERROR = 0.005
_Z = 1.96
_CROWDED = 0.3
_SINGLE = ("loss", "compute", "params", "tokens")
# A task is asked about where some predictor explains this share of the variance of unseen runs.
_RISES = 0.5


def checkpoints(source: Source) -> Finding:
    """Claim 1: checkpoints of long runs fall on one curve of the loss."""
    return _collapsed(source.groups)


def final_models(source: Source) -> Finding:
    """Claim 2: so do models trained to budgets of their own, at their final checkpoints."""
    groups = strict_groups(source.records.final())
    finding, pooled = _collapsed(groups), _pooled(groups)
    if not pooled:
        return finding
    apart = sum(c.p_families is not None and c.p_families < c.alpha for c in pooled)
    families = sorted({o.name for c in pooled for o in c.offsets})
    clause = (
        f"{finding.clause}; the {len(families)} families ({', '.join(families)}) do not fall on "
        f"one curve in {apart} of {several(len(pooled), 'task')}"
    )
    return Finding(finding.holds, clause, finding.table, finding.draw)


def _pooled(groups: Sequence[Points]) -> list[Collapse]:
    """One curve for all families of a task, where there are several."""
    tasks: dict[tuple[str, str], list[Points]] = {}
    for g in groups:
        tasks.setdefault((g.task, g.metric), []).append(g)
    # Left out: a single family, or chance levels that differ.
    return answers(collapse, tasks.values(), "")[0]


def _collapsed(groups: Sequence[Points]) -> Finding:
    """Does the loss alone explain these tasks?"""
    asked, why = answers(collapse, groups, "none rises")
    # Where nothing explains the scores there is no curve for the sizes to share.
    found = [c for c in asked if max(c.explained.values()) >= _RISES]
    if not found:
        return Finding("cannot be told", f"there is no task to compare sizes on ({why})")
    labels = [c.label for c in found]
    alone, matters = labels.count("loss alone"), labels.count("size matters")
    best = sum(max(_SINGLE, key=c.explained.__getitem__) == "loss" for c in found)
    unknown = labels.count("undetermined")
    clause = (
        f"of {several(len(found), 'task')} with a rise the loss alone explains {alone}, size "
        f"matters at equal loss in {matters}, {unknown} cannot be told; of loss, compute, params "
        f"and tokens the loss predicts unseen runs best in {best}"
    )
    shown = max(found, key=lambda c: (c.label == "loss alone", c.explained["loss"]))
    table = pd.DataFrame([_row(c) for c in found])
    return Finding(share_word(alone, matters, unknown), clause, table, lambda: _draw(shown))


def _row(c: Collapse) -> dict[str, object]:
    ci = c.effect.interval()
    return {
        "family": c.points.family,
        "task": c.points.task,
        "n": c.points.size,
        "runs": c.points.n_runs,
        "sizes line up by": _axis(c.points),
        "effect of size x 10": f"{c.effect.estimate:+.4f} [{ci.low:+.4f}, {ci.high:+.4f}]",
        "R2 by loss": f"{c.explained['loss']:.3f}",
        "by compute": f"{c.explained['compute']:.3f}",
        "by params": f"{c.explained['params']:.3f}",
        "by tokens": f"{c.explained['tokens']:.3f}",
        "finding": c.label,
    }


def _axis(points: Points) -> str:
    """Axis on which the sizes cross half of their rise at one place, if one is clearly best."""
    try:
        found = align_sizes(points)
    except DataError:
        return "cannot be asked"
    return found.best if found.clear else "none clearly"


def _draw(c: Collapse) -> Figure:
    figure = Figure(figsize=(15, 3.6), layout="constrained")
    c.plot_axes(figure.subplots(1, 4, sharey=True))
    return figure


def read_figures(source: Source) -> Finding:
    """Claim 3: figures read off a report tell the same thresholds as its records."""
    rows, held = [], 0
    reads, why = answers(
        lambda v: (v.points, v.threshold, _read_off(v.points, source)),
        source.labelled("emergent"),
        "no task is emergent",
    )
    for points, own, read in reads:
        # By the error of reading alone: the scores behind both are the same.
        near = abs(read.eta - own.eta) <= _Z * read.reading_sd
        held += near
        rows.append(
            {
                "family": points.family,
                "task": points.task,
                "eta of the records": f"{own.eta:.3f} {own.interval():.3f}",
                "eta read off": f"{read.eta:.3f} {read.interval():.3f}",
                "off by": f"{read.eta - own.eta:+.3f}",
                "sd of reading": f"{read.reading_sd:.3f}",
                "within": "yes" if near else "no",
            }
        )
    if not rows:
        return Finding("cannot be told", f"there are no curves to read ({why})")
    clause = (
        f"drawn as curves against tokens and read off with an error of {_READING_ERROR:.1%} of the "
        f"axes, eta is off by no more than the error of reading explains in {held} of "
        f"{several(len(rows), 'task')}"
    )
    first = reads[0][2].fit
    return Finding(
        share_word(held, len(rows) - held),
        clause,
        pd.DataFrame(rows),
        lambda: panels([first.plot], 5.6),
    )


def _read_off(points: Points, source: Source) -> ReadThreshold:
    """Threshold of a task whose loss and score were drawn against tokens, and read off."""
    if points.run is None or points.tokens is None or points.params is None:
        raise DataError(f"{points.label}: no curves against tokens")
    g = child(np.random.SeedSequence(source.seed), Stream.FIGURES_READ, *points.task.encode())
    # Checkpoints that crowd at the start are drawn on a logarithmic axis.
    log = bool(np.median(points.tokens) < _CROWDED * points.tokens.max())
    x = Axis(float(points.tokens.min()), float(points.tokens.max()), log)
    axes = [
        Axis(float(column.min()), float(column.max())) for column in (points.loss, points.value)
    ]
    curves: list[dict[str, pd.DataFrame]] = [{}, {}]
    run = points.run.astype(str)
    for name in np.unique(run):
        mine = points.where(run == name)
        for drawn, column in zip(curves, (mine.loss, mine.value), strict=True):
            drawn[name] = pd.DataFrame({"x": mine.tokens, "y": column})
    loss, score = (
        ReadFigure(drawn, x, y).again(_READING_ERROR, g, points=True)
        for drawn, y in zip(curves, axes, strict=True)
    )
    params = {name: float(points.params[run == name][0]) for name in np.unique(run)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # readings just beyond the loss curve
        joined = join_curves(
            loss.series, score.series, params=params, task=points.task, metric=points.metric,
            chance=points.chance, log_x=log, reading_error=_READING_ERROR,
            loss_axes=loss.axes, score_axes=score.axes,
        )  # fmt: skip
        return joined.fit_threshold(n_boot=source.n_boot, rng=source.seed)
