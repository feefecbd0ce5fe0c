"""as_points: arrays, or points that came from records, to checked points."""

from dataclasses import replace
from typing import Any, Unpack

import numpy as np
from numpy.typing import ArrayLike

from emergence._typing import LOSSES, OUTLIERS, Columns
from emergence.errors import DataError
from emergence.records.cleaning import cleaned
from emergence.records.columns import (
    NUMBERS,
    WORDS,
    by_index,
    column_of,
    named_columns,
    number_of,
    refuse_tables,
)
from emergence.records.points import COLUMNS, Points
from emergence.records.validation import HIGH_LOSS
from emergence.records.warnings import may_be_counts, rounding

# Of anything that points hold; and how far apart losses, or weights, may lie.
_HUGE, _APART = 1e60, 1e12


def as_points(
    points: Points | ArrayLike, value: ArrayLike | None = None, **columns: Unpack[Columns]
) -> Points:
    """Make checked Points of arrays, or check Points that came from records.

    Parameters
    ----------
    points : Points or (n,) array_like
        Points, or the losses (nats per token, positive).
    value : (n,) array_like, optional
        Scores; needed with losses, refused with Points.
    **columns
        ``chance`` and ``best`` (default 0 and 1), ``n_items``, ``run``, ``tokens``, ``params``,
        ``weights``, ``loss_sd``, ``outliers``, ``losses``: see :class:`Points`.  With Points they
        override.  ``data``: a frame, of pandas, polars or pyarrow, or a mapping, whose columns are
        then named instead: ``fit_threshold("loss", "acc", run="model", data=frame)``.

    Raises
    ------
    DataError
        For lengths that differ, fewer than four points, numbers that are not finite,
        losses or weights that are not positive, or n_items below 1.

    Examples
    --------
    >>> as_points([3.0, 2.5, 2.0, 1.5], [0.25, 0.24, 0.3, 0.5], chance=0.25).size
    4
    """
    unknown = sorted(set(columns) - Columns.__annotations__.keys())
    if unknown:
        known = ", ".join(Columns.__annotations__)
        raise TypeError(f"no argument {', '.join(unknown)}; columns of points are {known}")
    if (data := columns.pop("data", None)) is not None:
        points, value, columns = named_columns(data, points, value, columns)
    words = {name: columns.pop(name, None) for name in WORDS}  # type: ignore[misc]
    given: dict[str, Any] = {k: column for k, column in columns.items() if column is not None}
    if isinstance(points, Points):
        if value is not None:
            raise DataError("give either Points or the two arrays loss and value, not both")
        base = points
    else:
        refuse_tables(points)
        if value is None:
            raise DataError("give the scores: fit(loss, value, chance=...)")
        value, given = by_index(points, value, given)
        loss, scores = column_of("loss", points, 0), column_of("value", value, 0)
        base = Points(loss=loss, value=scores)
    changes: dict[str, Any] = {
        name: number_of(name, column) if name in NUMBERS else column_of(name, column, base.size)
        for name, column in given.items()
    }
    changes |= {name: word for name, word in words.items() if word is not None}
    made = replace(base, **changes)
    if not isinstance(points, Points) and "best" not in given and made.chance >= 1:
        raise DataError(
            f"chance is {made.chance:g} and best is 1: are the scores percent? Then give best=100; "
            "if lower is better, give best"
        )
    _check(made)
    if not isinstance(points, Points):
        made = _noted(made, unit_given="best" in given)
        if "n_items" in given:
            made = replace(made, counted=_are_counts(made))
            if made.best > 1.0 and not made.counted:
                made = made.noting("n_items is no count of scores beyond 1: give fractions")
    return cleaned(made)


def _noted(points: Points, *, unit_given: bool) -> Points:
    """Say what looks like numbers of another unit."""
    if points.loss.max() > HIGH_LOSS:
        points = points.noting(
            f"a loss of {points.loss.max():.4g} is beyond any in nats per token; of a perplexity "
            "take the log"
        )
    if not unit_given and points.value.max() > 1.5:
        points = points.noting(
            f"a score of {points.value.max():.4g} is beyond the best, 1; of percent give best=100 "
            "and chance in percent, else best"
        )
    return points


def _are_counts(points: Points) -> bool:
    """Whether the scores can be shares of items right: in [0, 1], whole, better when higher."""
    assert points.n_items is not None
    whole = may_be_counts(points.value, points.n_items, rounding(points.value))
    inside = (points.value >= 0) & (points.value <= 1)
    return bool((whole & inside).all() and points.chance < points.best)


def _check(points: Points) -> None:
    if not points.loss.size:
        raise DataError("no losses were given; give one for each checkpoint")
    columns = {name: getattr(points, name) for name in COLUMNS}
    for name, column in columns.items():
        if column is None:
            continue
        if column.shape != points.loss.shape or column.ndim != 1:
            raise DataError(
                f"{name} has shape {column.shape}, loss has {points.loss.shape}; "
                "give one-dimensional arrays of one length"
            )
        if name != "run" and not np.isfinite(column).all():
            i = int(np.flatnonzero(~np.isfinite(column))[0])
            raise DataError(f"{name}[{i}] is {column[i]}; remove or repair that checkpoint")
        if name != "run" and np.abs(column).max() > _HUGE:
            i = int(np.abs(column).argmax())
            raise DataError(f"{name}[{i}] is {column[i]:g}; nothing here is that large")
    for name in NUMBERS:
        if not np.isfinite(number := getattr(points, name)):
            raise DataError(f"{name} is {number}; it must be a finite number")
    if points.loss_sd < 0:
        raise DataError(f"loss_sd is {points.loss_sd}; it must be 0 or more, in nats")
    if points.outliers not in OUTLIERS:
        raise DataError(f"outliers is {points.outliers!r}; it must be drop or keep")
    if points.losses not in LOSSES:
        raise DataError(f"losses is {points.losses!r}; it must be auto or given")
    for name, least in (*dict.fromkeys(("loss", "weights", "params", "tokens"), 0.0).items(),
                        ("n_items", 1.0)):  # fmt: skip
        column = columns[name]
        if column is None:
            continue
        bad = column < least if name == "n_items" else column <= least
        if bad.any():
            i = int(np.flatnonzero(bad)[0])
            rule = "at least 1" if name == "n_items" else "positive"
            raise DataError(f"{name}[{i}] is {column[i]:g}; it must be {rule}")
    for name in ("loss", "weights"):
        column = columns[name]
        if column is not None and column.max() > _APART * column.min():
            raise DataError(
                f"{name} runs from {column.min():g} to {column.max():g}, too far for one fit"
            )
    if points.size < 4:
        raise DataError(f"{points.label}: {points.size} points; a fit needs at least 4")
    if np.unique(points.loss).size < 3:
        raise DataError(f"{points.label}: fewer than 3 different losses; there is no curve to fit")
    if points.best == points.chance:
        raise DataError(f"best ({points.best}) must differ from chance ({points.chance})")
