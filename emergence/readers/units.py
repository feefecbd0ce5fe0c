"""Units: percent or fractions, nats or bits per byte, and numbers that must be positive."""

from __future__ import annotations

from collections.abc import Mapping
from math import log
from typing import Any

import pandas as pd

from emergence.errors import DataError
from emergence.metrics import known_metric
from emergence.readers.chance import chance_of

_PER_BYTE = "bits per byte"


def check_positive(what: str, number: float | None) -> None:
    """DataError for a number that is given and is none above zero."""
    if number is not None and not 0 < number < float("inf"):
        raise DataError(f"{what} is {number:g}; it must be a positive number")


def per_byte(frame: pd.DataFrame, bytes_per_token: float | None) -> pd.DataFrame:
    """Losses in bits per byte where the bytes of a token are known; the family says so."""
    if bytes_per_token is None:
        return frame
    check_positive("bytes per token", bytes_per_token)
    scale = 1.0 / (bytes_per_token * log(2.0))
    losses = {n: scale * frame[n] for n in ("loss", "loss_stderr") if n in frame}
    family = frame["family"].fillna("") if "family" in frame else pd.Series("", frame.index)
    named = [f"{name}/{_PER_BYTE}" if name else _PER_BYTE for name in family]
    return frame.assign(**losses, family=named)


def percent_rows(frame: pd.DataFrame, given: Mapping[str, float]) -> pd.Series[Any]:
    """Rows whose scores are percent: of metrics of one bound, none beyond 100, some far beyond 1.

    A task beside them whose scores are all below 1 is percent too where guessing scores nothing;
    else DataError, for percent would be far below its chance.  ``given``: chance by task.
    """
    known = {name: known_metric(str(name)) for name in frame["metric"].unique()}
    bounds = {n: m.bounds[1] for n, m in known.items() if m is not None}
    highest = frame["metric"].map(bounds).astype(float)
    value = frame["value"].where(highest.notna() & ~_own_best(frame))
    far, percent = value > 1.5 * highest, pd.Series(False, frame.index)
    for _, mine in value.groupby(highest):
        if far[mine.index].any() and mine.min() >= 0 and mine.max() <= 100:
            percent[mine.dropna().index] = True
            _check_mixed(frame.loc[mine.dropna().index], given)
    return percent


def _check_mixed(frame: pd.DataFrame, given: Mapping[str, float]) -> None:
    """DataError for a task of a table in percent that seems to be in fractions."""
    if "task" not in frame:
        return
    for (task, metric), value in frame.groupby(["task", "metric"])["value"]:
        guess = chance_of(str(task), str(metric), given)
        if 0 < value.max() <= 1.0 and guess != 0.0:
            raise DataError(
                f"the scores of {task!r} are at most {value.max():g}, those of other tasks up to "
                f"{frame['value'].max():g}: write all as fractions, or with a percent sign"
            )


def _own_best(frame: pd.DataFrame) -> pd.Series[Any]:
    """Rows that say what their best value is: they need no guess at their unit."""
    return frame["best"].notna() if "best" in frame else pd.Series(False, frame.index)
