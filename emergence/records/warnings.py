"""Warnings about a valid table of records: what is usable, but deserves a look."""

from collections.abc import Iterable
from unicodedata import normalize

import numpy as np
import pandas as pd

from emergence._typing import BoolArray, FloatArray
from emergence.errors import Violation
from emergence.metrics import known_metric
from emergence.records.table import Table

# A count rounded on the way (to 32-bit floats, to ten digits) is off by far less than this.
_WHOLE = 0.02
_DIGITS = 4  # decimals of scores that were rounded; of more a few scores may end there by luck
_SMALLEST, _FEWEST = 1000.0, 1e5  # parameters, tokens
_SAME_LOSS = 0.01  # share by which the losses of one checkpoint may differ
_LOOKS = 100  # rows with another loss whose runs are looked at


def whole_counts(frame: pd.DataFrame) -> BoolArray:
    """Whether value x n_items may be a whole number; true where n_items is missing.

    Scores that all have few decimals were rounded, each task's on its own, and are taken for what
    they may have been.
    """
    if "n_items" not in frame:
        return np.ones(len(frame), dtype=bool)
    n = frame["n_items"].to_numpy(dtype=float)
    value = frame["value"].to_numpy(dtype=float)
    exact = may_be_counts(value, n, 0.0)
    if exact.all():  # nothing was rounded away
        return exact
    rounded = np.zeros(value.size)
    for rows in (
        frame.reset_index(drop=True).groupby(["task", "metric"], observed=True).indices.values()
    ):
        rounded[rows] = rounding(value[rows])
    return may_be_counts(value, n, rounded)


def may_be_counts(value: FloatArray, n_items: FloatArray, rounded: FloatArray | float) -> BoolArray:
    """Whether each score, rounded to so much, may be a share of items; true where n is NaN."""
    right = value * n_items
    slack = _WHOLE + 1e-7 * n_items + rounded * n_items
    return ~(np.isfinite(right) & (np.abs(right - np.round(right)) > slack))


def rounding(value: FloatArray) -> float:
    """Half of the last decimal that all scores keep to; 0 where they have many digits."""
    for digits in range(1, _DIGITS + 1):
        scaled = value * 10.0**digits
        if np.abs(scaled - np.round(scaled)).max(initial=0.0) < 1e-6:
            return 0.5 * 10.0**-digits
    return 0.0


def worth_a_look(table: Table) -> list[Violation]:
    """Find all of them."""
    checks = (_count_warnings, _gap_warnings, _unit_warnings, _loss_warnings, _name_warnings)
    return [note for check in checks for note in check(table)]


def _count_warnings(table: Table) -> list[Violation]:
    """Tasks whose scores of a counted metric are no counts; fits then take them as means."""
    frame = table.frame
    if "n_items" not in frame or not len(frame):
        return []
    codes, names = pd.factorize(frame["metric"])
    counted = np.array([_is_counted(str(n)) for n in names], dtype=bool)[codes]
    rows = np.flatnonzero(counted & ~whole_counts(frame))
    out = []
    for (task, metric), part in frame.iloc[rows].groupby(
        ["task", "metric"], sort=True, observed=True
    ):
        problem = (
            f"task {task!r}, {metric}: {len(part)} scores times n_items are no whole number, so "
            "they are taken as means over groups, not as counts"
        )
        value = float(part["value"].iloc[0])
        out.append(table.violation(int(part.index[0]), "value", value, problem))
    return out


def _gap_warnings(table: Table) -> list[Violation]:
    """Tasks with ``n_items`` in some rows only: then none of them can be used."""
    frame = table.frame
    if "n_items" not in frame:
        return []
    blank = frame["n_items"].isna()
    if not blank.any():
        return []
    some = ~blank.groupby([frame["task"], frame["metric"]], observed=True).transform("all")
    gaps = (blank & some).to_numpy()
    advice = "n_items is blank here and not elsewhere, so all its scores count as equally precise"
    return table.of_tasks(gaps, "n_items", advice)


def _unit_warnings(table: Table) -> list[Violation]:
    """Sizes and tokens that look like thousands, millions or billions, or like steps."""
    params, tokens = (table.frame[c].to_numpy(dtype=float) for c in ("params", "tokens"))
    out = []
    few = np.flatnonzero(params < _SMALLEST)
    problem = "parameters are few for a language model; in millions or billions? Give their number"
    out += [table.violation(int(i), "params", float(params[i]), problem) for i in few[:1]]
    if tokens.size and tokens.max() < min(_FEWEST, 1e-3 * params.max()):
        problem = (
            "tokens at most are few to train on; billions of them, or steps? Give their number"
        )
        i = int(tokens.argmax())
        out.append(table.violation(i, "tokens", float(tokens[i]), problem))
    return out


def _loss_warnings(table: Table) -> list[Violation]:
    """Checkpoints whose rows give several losses: columns mixed up, or a join that is off?"""
    loss, runs = table.frame["loss"].to_numpy(dtype=float), table.codes("run")[0]
    key, most = table.keys(["run", "tokens"])
    if most > 10 * loss.size + 1000:  # few of the pairs are there
        key, kinds = pd.factorize(key)
        most = len(kinds)
    low, high = np.full(most, np.inf), np.full(most, -np.inf)
    np.minimum.at(low, key, loss)
    np.maximum.at(high, key, loss)
    rows = np.flatnonzero(((high - low) > _SAME_LOSS * high)[key])
    # Scores without runs may go by any names for them: a run has several checkpoints.
    rows = np.array([i for i in rows[:_LOOKS] if np.ptp(key[runs == runs[i]]) > 0], dtype=int)
    problem = (
        "this checkpoint has another loss in other rows; a loss is of a checkpoint, not a task"
    )
    return [table.violation(int(i), "loss", float(loss[i]), problem) for i in rows[:1]]


def _name_warnings(table: Table) -> list[Violation]:
    """Tasks, or runs, whose names look the same."""
    out = []
    for column in ("task", "run"):
        seen: dict[str, str] = {}
        for name in map(str, table.frame[column].unique()):
            bare = name.casefold()
            if not (name.isascii() and name.isprintable()):  # as hardly any of millions is
                bare = "".join(c for c in normalize("NFKC", bare) if c.isprintable())
            other = seen.setdefault(bare, name)
            if other != name:
                row = int((table.frame[column] == name).to_numpy().argmax())
                problem = f"looks like {other!r} and is another {column}; is it meant to be?"
                out.append(table.violation(row, column, name, problem))
    return out


def _is_counted(name: str) -> bool:
    metric = known_metric(name)
    return metric is not None and metric.counted


def not_fitted(found: Iterable[tuple[str, str, str]]) -> list[str]:
    """One line for every reason, of (task, metric, reason); tasks of the same metrics together."""
    by_reason: dict[str, dict[str, list[str]]] = {}
    for task, metric, reason in found:
        by_reason.setdefault(reason, {}).setdefault(task, []).append(metric)
    lines = []
    for reason, metrics in by_reason.items():
        tasks: dict[str, list[str]] = {}
        for task, names in metrics.items():
            tasks.setdefault(", ".join(dict.fromkeys(names)), []).append(task)
        what = "; ".join(f"{names} of {', '.join(of)}" for names, of in tasks.items())
        lines.append(f"not fitted: {what}: {reason}")
    return lines
