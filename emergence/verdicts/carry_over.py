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
from pandas.api.types import is_numeric_dtype

from emergence._text import several
from emergence.errors import DataError, MethodRefused
from emergence.records.datasets import losses_table
from emergence.records.records import Records
from emergence.verdicts.carry_over_result import CarryOver, OnAxis
from emergence.verdicts.monotone import monotone_curve

_BESIDES = ("family", "model", "run", "params", "tokens", "source")  # of a table of losses


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
        One row per checkpoint: ``run``, ``tokens``, and a column for each further loss.
    metric : str
        Name of the metric, of which more is better.
    by : str
        Column of the records that names the group of a run.
    base : str, optional
        Group that the others are held against; default: that with the most runs.
    share : float
        Of the way from chance to a perfect score, 0 to 1.
    margin : float
        Difference that does not matter, as a share of eta.

    Returns
    -------
    CarryOver

    Raises
    ------
    DataError
        For a task, column or group that is not there, or where fewer than two groups begin.
    MethodRefused
        Where no group has two runs: what a seed does and what a group does cannot be told apart.

    Examples
    --------
    >>> from emergence import load_dataset
    >>> found = carry_over(load_dataset("paper3-cpu"), "cloze_en", base="285k")
    >>> [one.axis for one in found.axes], len(found.best.groups)
    (['loss'], 3)
    """
    if not (0.0 < share < 1.0 and margin > 0.0):
        raise DataError(f"share {share:g} must lie between 0 and 1, margin {margin:g} above 0")
    table, names = _beside(_scores(records, task, metric, by), losses)
    begins, aside = _begin(table, names, by, share)
    groups = sorted(begins[by].unique()) if len(begins) else []
    if len(groups) < 2:
        raise DataError(f"{task}: runs of {several(len(groups), 'group')} begin; two are needed")
    code = np.searchsorted(groups, begins[by])
    counts = np.bincount(code)
    if counts.max() < 2:
        raise MethodRefused(
            f"{task}: no group by {by} has two runs that begin, so what a seed does and what a "
            "group does cannot be told apart; add runs that differ in their seed alone"
        )
    base = groups[int(counts.argmax())] if base is None else base
    if base not in groups:
        raise DataError(f"{task}: no run of {base!r} begins; there is {', '.join(groups)}")
    axes = [
        OnAxis(
            axis=name,
            groups=tuple(groups),
            base=groups.index(base),
            margin=margin,
            log_eta=np.log(begins[name].to_numpy(dtype=float)),
            group=code,
        )
        for name in names
    ]
    axes.sort(key=lambda one: (one.spread, one.p_equivalent))
    return CarryOver(
        task=task, metric=metric, by=by, base=base, axes=tuple(axes), begins=begins, aside=aside
    )


def _scores(records: Records, task: str, metric: str, by: str) -> pd.DataFrame:
    """Scores of one task, from 0 at chance to 1."""
    frame = records.to_frame()
    if task not in records.tasks:
        raise DataError(f"no task {task!r}; there is {', '.join(records.tasks)}")
    mine = frame[(frame["task"] == task) & (frame["metric"] == metric)]
    if not len(mine):
        raise DataError(f"{task} has no metric {metric!r}")
    if missing := [c for c in (by, "run", "tokens") if c not in mine or mine[c].isna().any()]:
        raise DataError(f"{task}: every record needs {missing[0]!r}")
    if mine["chance"].isna().any():
        raise DataError(f"{task}: every record needs its chance")
    way = (mine["value"] - mine["chance"]) / (1.0 - mine["chance"])
    return mine[["run", "tokens", "loss"]].assign(way=way, **{by: mine[by].astype(str)})


def _beside(
    table: pd.DataFrame, given: pd.DataFrame | str | Path | None
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Scores with every loss of their checkpoint, and the names of the losses."""
    if given is None:
        return table, ("loss",)
    losses = losses_table(given)
    names = [str(c) for c in losses if c not in _BESIDES and is_numeric_dtype(losses[c])]
    if not {"run", "tokens"} <= set(losses) or not names:
        raise DataError("losses: the columns run, tokens and at least one loss are needed")
    if twice := sorted(set(names) & set(table)):
        raise DataError(f"losses: a column {twice[0]!r} is of the records; rename it")
    both = table.merge(losses[["run", "tokens", *names]], on=["run", "tokens"], how="left")
    if len(both) != len(table):
        raise DataError("losses: a checkpoint (run, tokens) has several rows")
    if len(gone := both[both[names].isna().any(axis=1)]):
        first = gone.iloc[0]
        raise DataError(
            f"losses: {several(len(gone), 'checkpoint')} of the records lack a loss, first run "
            f"{first['run']} at {first['tokens']:.6g} tokens"
        )
    if not (both[names] > 0).all(axis=None):
        raise DataError("losses: a loss is not positive")
    return both, ("loss", *names)


def _begin(
    table: pd.DataFrame, names: Sequence[str], by: str, share: float
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Where each run begins, on every loss; and why the others have no such place."""
    rows: list[dict[str, object]] = []
    aside: dict[str, str] = {}
    for (group, run), mine in table.groupby([by, "run"]):
        step = mine.sort_values("tokens")
        tokens, level = monotone_curve(step["tokens"].to_numpy(float), step["way"].to_numpy(float))
        if level[-1] < share or level[0] >= share:
            begun = level[0] >= share
            aside[str(run)] = "had begun at its first checkpoint" if begun else "never begins"
            continue
        after = int((level >= share).argmax())
        part = (share - level[after - 1]) / (level[after] - level[after - 1])
        at = tokens[after - 1] + part * (tokens[after] - tokens[after - 1])
        read = {n: float(np.interp(at, step["tokens"], step[n])) for n in names}
        rows.append({by: str(group), "run": str(run), "tokens": float(at)} | read)
    return pd.DataFrame(rows), aside
