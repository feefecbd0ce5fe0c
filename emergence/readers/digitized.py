"""Digitized curves: the CSV that WebPlotDigitizer exports, one or several series in a file.

The first row names the series, each above its first column; the second says X, Y, X, Y, ...;
then come the readings, shorter series leaving their cells blank.  A file of two columns of numbers
is one series without a name.
"""

import csv
import os
from pathlib import Path

import numpy as np
import pandas as pd

from emergence.errors import RecordsError, Violation

LEAST_READINGS = 3


def read_curves(path: str | os.PathLike[str]) -> dict[str, pd.DataFrame]:
    r"""Read digitized series.

    Parameters
    ----------
    path : path
        CSV of WebPlotDigitizer ("export all", or one series).

    Returns
    -------
    dict of str to DataFrame
        For each series its readings, columns ``x`` and ``y``, by rising x; a reading that occurs
        twice counts once.

    Raises
    ------
    RecordsError
        With file, row, column and value of every cell that is no number, or half a reading.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from emergence import read_curves
    >>> path = Path(tempfile.mkdtemp()) / "loss.csv"
    >>> _ = path.write_text("7B,,13B,\nX,Y,X,Y\n1,3.1,1,2.9\n2,2.8,2,2.6\n3,2.7,3,2.4\n")
    >>> {name: len(curve) for name, curve in read_curves(path).items()}
    {'7B': 3, '13B': 3}
    """
    path = Path(path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [[cell.strip() for cell in row] for row in csv.reader(file)]
    if not any(any(row) for row in rows):
        raise RecordsError([_problem(path, None, "", None, "the file is empty")])
    names, first = _names(rows)
    # A comma at the end of every row makes a column of nothing.
    width = max(i + 1 for row in rows for i, cell in enumerate(row) if cell)
    if width % 2:
        text = f"{width} columns; readings come in pairs, X and Y"
        raise RecordsError([_problem(path, 1, "", None, text)])
    if first and rows[first - 1][0].lower() == "x" and len(rows[first - 1]) < width - 1:
        header = len(rows[first - 1])
        row = next(i for i, cells in enumerate(rows, start=1) if len(cells) > header)
        text = f"{width} columns where the header has {header}; a decimal comma? Write 1.5"
        raise RecordsError([_problem(path, row, "", None, text)])
    names += [""] * (width // 2 - len(names))
    found: dict[str, pd.DataFrame] = {}
    problems: list[Violation] = []
    for i in range(width // 2):
        name = names[i] or (f"series {i + 1}" if width > 2 else "series")
        if name in found:
            problems.append(_problem(path, 1, name, None, "two series of one name; rename one"))
        curve, wrong = _series(path, rows, first, i, name)
        problems += wrong
        found[name] = curve
    if problems:
        raise RecordsError(problems)
    return found


def _names(rows: list[list[str]]) -> tuple[list[str], int]:
    """Names of the series, and the row at which the readings begin."""
    if _number(rows[0][0]) is not None:
        return [], 0
    second = rows[1] if len(rows) > 1 else []
    if second and _number(second[0]) is None and any(second):  # X, Y, X, Y
        return rows[0][::2], 2
    # One header row: names of columns, not of series, where it says x and y.
    plain = rows[0][0].lower() in ("x", "")
    return ([] if plain else rows[0][::2]), 1


def _series(
    path: Path, rows: list[list[str]], first: int, i: int, name: str
) -> tuple[pd.DataFrame, list[Violation]]:
    """Readings of one pair of columns, and what is wrong with them."""
    x, y, problems = [], [], []
    for number, row in enumerate(rows[first:], start=first + 1):
        cells = [*row, "", ""][2 * i : 2 * i + 2] if 2 * i < len(row) else ["", ""]
        if not any(cells):
            continue
        values = [_number(cell) for cell in cells]
        for axis, cell, value in zip("XY", cells, values, strict=True):
            if value is None:
                what = "half a reading; give both" if not cell else "no finite number"
                problems.append(_problem(path, number, f"{name} {axis}", cell, what))
        if None not in values:
            x.append(values[0])
            y.append(values[1])
    curve = pd.DataFrame({"x": x, "y": y}, dtype=float).drop_duplicates()
    if len(curve) < LEAST_READINGS and not problems:
        problems.append(
            _problem(
                path,
                None,
                name,
                None,
                f"{len(curve)} readings; at least {LEAST_READINGS} are needed",
            )
        )
    return curve.sort_values(["x", "y"], ignore_index=True), problems


def _number(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def _problem(path: Path, row: int | None, column: str, value: object, text: str) -> Violation:
    return Violation(path.name, row, column, value, text)
