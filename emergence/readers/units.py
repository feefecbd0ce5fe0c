"""Units: percent or fractions, nats or bits per byte, and numbers that must be positive."""

from __future__ import annotations

from math import log
from typing import Any

import pandas as pd

from emergence.errors import DataError
from emergence.metrics import known_metric

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


def percent_rows(frame: pd.DataFrame) -> pd.Series[Any]:
    """Rows whose scores are percent: of a metric that none beyond 100, and some half beyond 1.

    DataError where a task of that metric seems to be in fractions beside them.
    """
    known = {name: known_metric(str(name)) for name in frame["metric"].unique()}
    highest = frame["metric"].map({n: m.bounds[1] for n, m in known.items() if m is not None})
    value = frame["value"].where(highest.notna() & ~_own_best(frame))
    far = value > 1.5 * highest.astype(float)
    percent = pd.Series(False, frame.index)
    for metric, mine in value.groupby(frame["metric"]):
        if far[mine.index].any() and mine.min() >= 0 and mine.max() <= 100:
            percent[mine.dropna().index] = True
            by_task = frame["task"] if "task" in frame else pd.Series("", frame.index)
            most = mine.groupby(by_task[mine.index]).max()
            small = most[(most > 0) & (most <= 1.0)]
            if small.size:
                raise DataError(
                    f"the scores of {small.index[0]!r} are at most {small.iloc[0]:g}, those of "
                    f"other tasks by {metric} up to {mine.max():g}: write all as fractions, or "
                    "with a percent sign"
                )
    return percent


def _own_best(frame: pd.DataFrame) -> pd.Series[Any]:
    """Rows that say what their best value is: they need no guess at their unit."""
    return frame["best"].notna() if "best" in frame else pd.Series(False, frame.index)
