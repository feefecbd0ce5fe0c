"""Columns: the one door for arrays, with the same care as the door for files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from emergence._typing import AnyArray
from emergence.errors import DataError

if TYPE_CHECKING:
    from emergence.records.records import Records

# Of what stands beside losses and scores: options, and single numbers; the rest are columns.
WORDS = ("outliers", "losses")
NUMBERS = ("chance", "best", "loss_sd")


def as_records(records: Any) -> Records:
    """Check that records were given; DataError that says how to get them."""
    kind = type(records).__name__
    if kind == "Records":
        found: Records = records
        return found
    if kind == "Points":
        raise DataError("these are points of one task; give all records, or call classify(points)")
    if hasattr(records, "columns"):
        raise DataError(f"a {kind} was given for records: give Records(frame), which checks it")
    raise DataError(f"a {kind} was given for records: give read_records(file)")


def refuse_tables(points: object) -> None:
    """Say what to call for a table; it holds more than the scores of one task."""
    kind = type(points).__name__
    if kind == "Records":
        raise DataError("these are records: choose a task with records.select(task, metric)")
    if hasattr(points, "columns") and hasattr(points, "shape"):
        raise DataError(
            f"a {kind} was given for the losses: give two of its columns, fit(frame['loss'], "
            "frame['value'], chance=...), or Records(frame).select(task, metric)"
        )
    if isinstance(points, str | bytes | Mapping) or callable(getattr(points, "summary", None)):
        raise DataError(
            f"a {kind} was given for the losses: give numbers, or points from "
            "read_records(file).select(task, metric)"
        )


def named_columns(data: Any, points: Any, value: Any, columns: Any) -> tuple[Any, Any, Any]:
    """Columns of a table in place of their names; what is no name stays as it is."""
    names = getattr(data, "column_names", None)  # of pyarrow, whose columns are the arrays
    known = list(names if isinstance(names, list) else getattr(data, "columns", data))

    def column(what: str, given: Any) -> Any:
        if not isinstance(given, str) or what in WORDS:
            return given
        if what in NUMBERS:
            raise DataError(f"{what} is {given!r}; it is one number, not a column")
        if given not in known:
            raise DataError(
                f"{what}: no column {given!r} in the data; there is {', '.join(map(str, known))}"
            )
        return data[given]

    if not isinstance(points, str) or not isinstance(value, str):
        raise DataError("with data= name the columns of losses and scores: fit('loss', 'acc', ...)")
    rest = {name: column(name, given) for name, given in columns.items()}
    return column("loss", points), column("value", value), rest


def by_index(
    loss: ArrayLike, value: ArrayLike, given: dict[str, Any]
) -> tuple[ArrayLike, dict[str, Any]]:
    """Columns of pandas in the order of the index of the losses, as pandas itself would take them.

    DataError where their indices do not hold the same labels, each once.
    """
    if not hasattr(loss, "index") or not hasattr(loss, "reindex"):
        return value, given
    index: Any = loss.index

    def aligned(name: str, column: Any) -> Any:
        if not hasattr(column, "reindex") or index.equals(column.index):
            return column
        same = index.is_unique and column.index.is_unique and len(index) == len(column.index)
        if not same or not index.isin(column.index).all():
            raise DataError(
                f"the index of {name} is not that of loss: take both from one frame, or give "
                ".to_numpy() of both to go by position"
            )
        return column.reindex(index)

    return aligned("value", value), {name: aligned(name, c) for name, c in given.items()}


def column_of(name: str, column: ArrayLike, size: int = 0) -> AnyArray:
    """Array of real numbers, or of names for ``run``; a single one repeated ``size`` times.

    DataError for what numpy would convert in silence: masks, complex numbers, dates, nameless runs.
    """
    if np.ma.is_masked(column):
        many = int(np.ma.getmaskarray(np.ma.asarray(column)).sum())
        raise DataError(
            f"{name} has {many} masked entries; leave them out of every column: x[~mask]"
        )
    try:
        raw = np.asarray(column, dtype=object if name == "run" else None)
    except ValueError as error:
        raise DataError(f"{name} is no array: {error}") from error
    if name == "run":
        array = _names(raw)
    else:
        if raw.dtype.kind == "O" and name == "loss" and any(type(v) is bool for v in raw.flat):
            raise DataError(f"{name} holds True or False; give real numbers")
        if raw.dtype.kind in "cMmV" or (raw.dtype.kind == "b" and name == "loss"):
            what = {"c": "complex numbers", "b": "True and False", "V": "fields"}
            problem = what.get(raw.dtype.kind, "dates")
            raise DataError(f"{name} holds {problem}; give real numbers")
        try:
            array = np.array(raw, dtype=float)
        except (TypeError, ValueError, OverflowError) as error:
            raise DataError(f"{name} holds something that is no number: {error}") from error
    return np.broadcast_to(array, (size,)).copy() if array.ndim == 0 else array


def _names(run: AnyArray) -> AnyArray:
    """Names of runs as text; DataError for one that is missing."""
    missing = pd.isna(run.ravel()).tolist()
    if any(missing):
        raise DataError(f"run[{missing.index(True)}] has no name; name it, or leave run out")
    try:
        return run.astype(str)
    except ValueError as error:
        raise DataError(f"run holds something that is no name: {error}") from error


def number_of(name: str, given: Any) -> float:
    """One real number; DataError for several, or for what is none."""
    number = column_of(name, given, 1)
    if number.size != 1:
        raise DataError(f"{name} is one number for all points; {number.size} were given")
    return float(number.item())
