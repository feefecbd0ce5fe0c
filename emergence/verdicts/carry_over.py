r"""carry_over: does a threshold carry over between tokenizers, structures and corpora?

Where run r of group g begins, on a loss that may be the same for all: :math:`\eta_{gr}`.

.. math:: \log \eta_{gr} = \mu + u_g + e_{gr}, \qquad u_g \sim N(0, \tau^2),\ e \sim N(0, \sigma^2)

Seeds of one group say how much runs differ that differ in nothing; tau is what the groups add.  The
logarithm makes losses in different units comparable: nats per token and bits per byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from emergence._text import several
from emergence._typing import FloatArray
from emergence.errors import DataError, MethodRefused
from emergence.records.datasets import losses_table
from emergence.records.record import Record
from emergence.records.records import Records
from emergence.verdicts.carry_over_result import CarryOver, OnAxis
from emergence.verdicts.monotone import monotone_curve, reached

_ALPHA = 0.05
_LEAST_DOF = 2
_GROUP, _WAY = " group", " way"  # no column of the records is called so
_BESIDES = set(Record.model_fields)  # what else a table of losses may hold


def carry_over(
    records: Records,
    task: str,
    losses: pd.DataFrame | str | Path | None = None,
    *,
    metric: str = "acc",
    by: str = "model",
    base: str | None = None,
    share: float = 0.2,
    margin: float = 0.05,
) -> CarryOver:
    r"""Ask whether groups of runs begin at one loss, and on which loss they differ least.

    A run begins where the isotonic curve of its scores against tokens passes ``share`` of the way
    from chance to perfect; every loss is read there, between the same two checkpoints.  Groups are
    then compared, loss by loss, on the scale of the logarithm,

    .. math:: \log \eta_{gr} = \mu + u_g + e_{gr}

    by analysis of variance (is there one threshold?), by two one-sided t tests of every group
    against the base (is it within the margin?), and by Wald's exact interval of the standard
    deviation of u.

    Parameters
    ----------
    records : Records
        With ``run`` and ``tokens``; families may differ, their losses are put beside one another
        on purpose.
    task : str
        Name of the task.
    losses : DataFrame, path or name of a bundled table, optional
        One row per checkpoint: ``run``, ``tokens``, and further losses: all columns of numbers that
        are no fields of a record.
    metric : str
        Name of the metric.
    by : str
        Column of the records that names the group of a run.
    base : str, optional
        Group that the others are held against; default: that with the most runs.
    share : float
        Of the way from chance to the best score, 0 to 1.
    margin : float
        Difference that does not matter, as a share of eta, 0 to 1.

    Returns
    -------
    CarryOver

    Raises
    ------
    DataError
        For a task, column or group that is not there, or where fewer than two groups begin.
    MethodRefused
        Where runs of one group are too few: what a seed does and what a group does cannot be told
        apart.

    Examples
    --------
    >>> from emergence import load_dataset
    >>> found = carry_over(load_dataset("paper3-cpu"), "reading_zh", base="908k")
    >>> [one.axis for one in found.axes], len(found.best.groups)
    (['loss'], 3)
    """
    if not (0.0 < share < 1.0 and 0.0 < margin < 1.0):
        raise DataError(f"share is {share:g} and margin {margin:g}; both lie between 0 and 1")
    scores = _scores(records, task, metric, by)
    table, names = _beside(scores, losses)
    begins, gaps, aside = _begin(table, names, by, share)
    groups = sorted(begins[by].unique(), key=_in_order) if len(begins) else []
    if len(groups) < 2:
        raise DataError(f"{task}: runs of {several(len(groups), 'group')} begin; two are needed")
    code = begins[by].map(groups.index).to_numpy()
    counts = np.bincount(code)
    if len(begins) - len(groups) < _LEAST_DOF:
        raise MethodRefused(
            f"{task}: {several(len(begins), 'run')} of {len(groups)} groups by {by} begin; what a "
            "seed does and what a group does cannot be told apart; add runs that differ in their "
            "seed alone"
        )
    base = groups[int(counts.argmax())] if base is None else str(base)
    if base not in groups:
        raise DataError(f"{task}: no run of {base!r} begins; there is {', '.join(groups)}")
    axes = [
        OnAxis(
            axis=name,
            groups=tuple(groups),
            base=groups.index(base),
            margin=margin,
            alpha=_ALPHA / len(names),
            log_eta=np.log(begins[name].to_numpy(dtype=float)),
            gap=gaps[:, i],
            group=code,
        )
        for i, name in enumerate(names)
    ]
    return CarryOver(
        task=task,
        metric=metric,
        by=by,
        base=base,
        axes=tuple(sorted(axes, key=lambda one: one.spread)),
        begins=begins,
        aside=aside,
        lost=tuple(sorted(set(scores[_GROUP]) - set(groups), key=_in_order)),
    )


def _in_order(group: str) -> tuple[float, str]:
    """Numbers by their size, before words."""
    try:
        return float(group), group
    except ValueError:
        return np.inf, group


def _scores(records: Records, task: str, metric: str, by: str) -> pd.DataFrame:
    """Abilities of one task, with the group of each run."""
    if task not in records.tasks:
        raise DataError(f"no task {task!r}; there is {', '.join(records.tasks)}")
    mine = records.filter(task=task, metric=metric)
    if not (found := mine.groups()):
        raise DataError(f"{task} has no metric {metric!r} that a fit takes")
    frame = mine.to_frame()
    if by not in frame or by in ("run", "tokens", "loss") or frame[by].isna().any():
        raise DataError(f"{task}: by is {by!r}; name a column that says of every run what it is")
    number = is_numeric_dtype(frame[by])
    frame[_GROUP] = frame[by].map("{:g}".format) if number else frame[by].astype(str)
    runs = frame.groupby("run", observed=True)[_GROUP]
    if len(several_groups := runs.nunique().loc[lambda n: n > 1]):
        raise DataError(f"{task}: {by!r} changes within run {several_groups.index[0]!r}")
    parts = [
        pd.DataFrame(
            {"run": p.run.astype(str), "tokens": p.tokens, "loss": p.loss, _WAY: p.ability}
        )
        for p in found
        if p.run is not None
    ]
    table = pd.concat(parts, ignore_index=True)
    return table.assign(**{_GROUP: table["run"].map(runs.first())})


def _beside(
    table: pd.DataFrame, given: pd.DataFrame | str | Path | None
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Scores with every loss of their checkpoint, and the names of the losses."""
    if given is None:
        return table, ("loss",)
    losses = losses_table(given)
    losses = losses.set_axis([str(c) for c in losses], axis=1)
    if losses.columns.has_duplicates:
        raise DataError("losses: two columns have one name")
    there = [str(c) for c in losses]
    names = [c for c in there if c not in _BESIDES and not c.startswith("Unnamed")]
    names = [c for c in names if is_numeric_dtype(losses[c]) and not is_bool_dtype(losses[c])]
    if not {"run", "tokens"} <= set(there) or not names:
        raise DataError(
            "losses: the columns run and tokens are needed, and one at least of numbers beside "
            f"them; there is {', '.join(there)}"
        )
    losses = losses.assign(run=losses["run"].astype(str).str.strip())
    both = table.merge(losses[["run", "tokens", *names]], on=["run", "tokens"], how="left")
    if len(both) != len(table):
        raise DataError("losses: a checkpoint (run, tokens) has several rows")
    if len(gone := both[both[names].isna().any(axis=1)]):
        first = gone.iloc[0]
        raise DataError(
            f"losses: {several(len(gone), 'checkpoint')} of the records lack a loss, first run "
            f"{first['run']} at {first['tokens']:.6g} tokens"
        )
    for name in names:
        if not (np.isfinite(both[name]) & (both[name] > 0)).all():
            raise DataError(f"losses: {name!r} is not a positive number everywhere")
    return both, ("loss", *names)


def _begin(
    table: pd.DataFrame, names: Sequence[str], by: str, share: float
) -> tuple[pd.DataFrame, FloatArray, dict[str, str]]:
    """Where each run begins, on every loss; the gap between checkpoints there; why others do not.

    Gaps (runs, losses) are those of the logarithm.
    """
    rows: list[dict[str, object]] = []
    gaps: list[FloatArray] = []
    aside: dict[str, str] = {}
    for (group, run), mine in table.groupby([_GROUP, "run"]):
        step = mine.sort_values("tokens")
        tokens, level = monotone_curve(step["tokens"].to_numpy(float), step[_WAY].to_numpy(float))
        if level[-1] < share or level[0] >= share:
            begun = level[0] >= share
            aside[str(run)] = "had begun at its first checkpoint" if begun else "never begins"
            continue
        after, at = int((level >= share).argmax()), reached(tokens, level, share)
        seen = step[list(names)].to_numpy(dtype=float)
        read = [
            np.interp([at, *tokens[after - 1 : after + 1]], step["tokens"], column)
            for column in seen.T
        ]
        gaps.append(np.array([abs(np.log(b / a)) for _, a, b in read]))
        values = {name: float(three[0]) for name, three in zip(names, read, strict=True)}
        rows.append({by: str(group), "run": str(run), "tokens": float(at)} | values)
    return pd.DataFrame(rows), np.array(gaps), aside
