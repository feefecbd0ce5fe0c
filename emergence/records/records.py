"""Records: the one schema that readers fill, the trainer writes and every fit reads."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emergence._files import replacing
from emergence._typing import AsPandas
from emergence.errors import DataError, DataWarning, MethodRefused, RecordsError, Violation
from emergence.metrics import known_metric, refusal
from emergence.records import validation
from emergence.records.files.reading import read_frame, row_numbers
from emergence.records.points import Points
from emergence.records.record import Record
from emergence.records.table import Table
from emergence.records.warnings import whole_counts, worth_a_look


class Records:
    """A validated table of records.

    Parameters
    ----------
    frame : DataFrame
        One row per record, columns as the fields of :class:`Record`; others are kept.  Of pandas,
        or anything with ``to_pandas()``, as tables of polars and pyarrow have.
    where : str
        Name of the source, for messages.
    first_row : int
        Number that the first row has in the source.
    row_of : callable, optional
        From the place of a row, 0 the first, to its number there; default, counted on.

    Raises
    ------
    RecordsError
        With every violation: where, row, column, value and what to do.

    Warns
    -----
    DataWarning
        Where a counted score times n_items is not near a whole number.
    """

    def __init__(
        self,
        frame: pd.DataFrame | AsPandas,
        *,
        where: str = "records",
        first_row: int = 1,
        row_of: Callable[[int], int] | None = None,
    ) -> None:
        if not isinstance(frame, pd.DataFrame) and hasattr(frame, "to_pandas"):
            frame = frame.to_pandas()
        if not isinstance(frame, pd.DataFrame):
            raise DataError(
                f"a {type(frame).__name__} was given for a table: give a DataFrame, or "
                "Records.from_records(rows)"
            )
        found = validation.check_columns(frame, where)
        frame = frame.reset_index(drop=True)
        if found:
            raise RecordsError(found)
        for column in validation.TEXT:
            if column in frame:
                frame = frame.assign(**{column: validation.clean_names(frame[column])})
        row_of = row_of or (lambda row: first_row + row)
        frame, found = validation.to_numbers(Table(frame, where, row_of))
        table = Table(frame, where, row_of)
        found += validation.check_cells(table)
        if found:
            raise RecordsError(sorted(found, key=lambda v: (v.row is not None, v.row or 0)))
        self._frame = frame
        notes = worth_a_look(table)
        self.warnings: tuple[Violation, ...] = tuple(notes)
        if notes:
            warnings.warn("\n".join(map(str, notes)), DataWarning, stacklevel=2)

    @classmethod
    def from_records(cls, records: Iterable[Record | Mapping[str, object]]) -> Records:
        """Make a table of single records."""
        rows = [r.model_dump() if isinstance(r, Record) else dict(r) for r in records]
        frame = pd.DataFrame(rows, columns=None if rows else list(validation.REQUIRED))
        optional = [
            c for c in frame.columns if c not in validation.REQUIRED and frame[c].isna().all()
        ]
        return cls(frame.drop(columns=optional))

    def __len__(self) -> int:
        return len(self._frame)

    def __repr__(self) -> str:
        f = self._frame
        counts = {
            "row": len(f),
            "run": f["run"].nunique(),
            "task": f["task"].nunique(),
            "family": len(self.families),
        }
        plural = {"family": "families"}
        parts = [f"{n} {k if n == 1 else plural.get(k, k + 's')}" for k, n in counts.items()]
        return f"Records({', '.join(parts)})"

    @property
    def tasks(self) -> list[str]:
        """Names of the tasks, sorted."""
        return sorted(self._frame["task"].unique())

    @property
    def families(self) -> list[str]:
        """Names of the families of losses, sorted; [''] where none is named."""
        return sorted(self._family().unique())

    def _family(self) -> pd.Series[str]:
        if "family" not in self._frame:
            return pd.Series("", index=self._frame.index)
        return self._frame["family"]

    def to_frame(self) -> pd.DataFrame:
        """Copy of the table."""
        return self._frame.copy()

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the table so that :func:`read_records` gives it back, to the bit.

        The file is written beside its place and renamed; OutputError says why it cannot be.
        """
        with replacing(Path(path)) as beside:
            self._frame.to_csv(beside, index=False, encoding="utf-8", lineterminator="\n")

    def filter(self, **equal: object) -> Records:
        """Rows in which every named column equals the value (or one of a list of values).

        DataError for a column that does not exist.
        """
        keep = np.ones(len(self), dtype=bool)
        for column, wanted in equal.items():
            if column not in self._frame:
                raise DataError(
                    f"no column {column!r}; there are {', '.join(map(str, self._frame.columns))}"
                )
            options = list(wanted) if isinstance(wanted, (list, tuple, set)) else [wanted]
            keep &= self._frame[column].isin(options).to_numpy()
        return self._view(self._frame[keep])

    def final(self) -> Records:
        """Last checkpoint of every run: the rows with the most tokens."""
        last = self._frame.groupby("run", observed=True)["tokens"].transform("max")
        return self._view(self._frame[self._frame["tokens"] == last])

    def _view(self, frame: pd.DataFrame) -> Records:
        """Rows of a valid table are valid: no second check."""
        made = object.__new__(Records)
        made._frame = frame.reset_index(drop=True)
        made.warnings = ()
        return made

    def select(
        self, task: str | None = None, metric: str | None = None, family: str | None = None
    ) -> Points:
        """Points of one task and metric.

        Parameters
        ----------
        task, metric, family : str, optional
            May be left out where the table holds only one.

        Raises
        ------
        DataError
            Where nothing matches, or several tasks, metrics, families or chance levels do.
        MethodRefused
            For the perplexity of the correct option, with the reason.

        Examples
        --------
        >>> from emergence import simulate
        >>> simulate(task="toy", n=30, rng=0).select("toy", "acc").size
        30
        """
        frame, family_column = self._frame, self._family()
        keep = np.ones(len(frame), dtype=bool)
        for name, wanted, column in (
            ("task", task, frame["task"]),
            ("metric", metric, frame["metric"]),
            ("family", family, family_column),
        ):
            here = sorted(column[keep].unique())
            if wanted is not None:
                keep &= (column == wanted).to_numpy()
                if not keep.any():
                    there = ", ".join(here) if any(here) else "none named"
                    raise DataError(f"no {name} {wanted!r}; there is {there}")
            elif len(here) != 1:
                why = " (losses of different families are not comparable)" * (name == "family")
                raise DataError(
                    f"{len(here)} different {name} values match{why}; choose one: {', '.join(here)}"
                )
        return _points(frame[keep])

    def groups(self) -> list[Points]:
        """Points of every family, task and metric, sorted by name.

        Perplexities and losses, no measures of ability, are in :attr:`refused` instead.
        """
        keys = [self._family(), self._frame["task"], self._frame["metric"]]
        return [
            _points(part)
            for (_, _, metric), part in self._frame.groupby(keys, sort=True, observed=True)
            if refusal(str(metric)) is None
        ]

    def sizes(self) -> dict[tuple[str, ...], int]:
        """Number of rows of every family, task and metric."""
        keys = [self._family(), self._frame["task"], self._frame["metric"]]
        count: dict[Any, int] = self._frame.groupby(keys, observed=True).size().to_dict()
        return {tuple(map(str, names)): int(n) for names, n in sorted(count.items())}

    @property
    def refused(self) -> list[tuple[str, str, str]]:
        """Task, metric and reason of the scores that no fit takes."""
        pairs = self._frame[["task", "metric"]].drop_duplicates().itertuples(index=False)
        return sorted((t, m, r) for t, m in pairs if (r := refusal(str(m))) is not None)

    def __iter__(self) -> Iterator[Record]:
        """Single records, for small tables."""
        for row in self._frame.to_dict("records"):
            yield Record(**{str(k): v for k, v in row.items() if v == v and v != ""})


def _points(part: pd.DataFrame) -> Points:
    """Points of rows that share task, metric and family."""
    task, name = str(part["task"].iloc[0]), str(part["metric"].iloc[0])
    if (reason := refusal(name)) is not None:
        raise MethodRefused(f"metric {name!r}: {reason}")
    metric = known_metric(name)

    def column(c: str) -> np.ndarray | None:
        """Whole column, or None where it is missing or has gaps."""
        if c not in part or part[c].isna().any():
            return None
        return part[c].to_numpy(dtype=float)

    def level(c: str, default: float | None) -> float:
        values = part[c].dropna().unique() if c in part else np.array([])
        if values.size > 1:
            given = ", ".join(f"{v:g}" for v in np.sort(values))
            raise DataError(f"task {task!r}, metric {name!r}: several values of {c}: {given}")
        if values.size:
            return float(values[0])
        assert default is not None  # the validation has asked for it
        return default

    return Points(
        loss=part["loss"].to_numpy(dtype=float),
        value=part["value"].to_numpy(dtype=float),
        chance=level("chance", metric.chance(0) if metric else None),
        best=level("best", metric.best if metric else None),
        n_items=column("n_items"),
        run=part["run"].to_numpy(dtype=object),
        tokens=column("tokens"),
        params=column("params"),
        counted=metric is not None and metric.counted and bool(whole_counts(part).all()),
        task=task,
        metric=name,
        family=str(part["family"].iloc[0]) if "family" in part else "",
        loss_sd=_loss_sd(part),
    )


def _loss_sd(part: pd.DataFrame) -> float:
    """Root mean square of the errors of the losses that are given."""
    known = part["loss_stderr"].dropna() if "loss_stderr" in part else pd.Series(dtype=float)
    return float(np.sqrt(np.mean(np.square(known)))) if len(known) else 0.0


def read_records(
    path: str | os.PathLike[str],
    *,
    chance: Mapping[str, float] | None = None,
    encoding: str | None = None,
) -> Records:
    """Read records from CSV, TSV, JSONL or Parquet and check every cell.

    Parameters
    ----------
    path : str or path
        The suffix says the format.
    chance : mapping of task to float, optional
        Accuracy of guessing, 1/k, for tasks whose file does not give it; rows scored by Brier
        get 1 - 1/k.
    encoding : str, optional
        Default: by byte-order mark, else UTF-8.

    Raises
    ------
    RecordsError
        With every violation: file, row as the file counts it (the header of a CSV is row 1),
        column, value and what to do.
    FileNotFoundError
        If there is no such file.

    Warns
    -----
    DataWarning
        Where a counted score times n_items is not near a whole number.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from emergence import simulate
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "runs.csv"
    >>> simulate(n=30, rng=0).to_csv(path)
    >>> read_records(path)
    Records(30 rows, 30 runs, 1 task, 1 family)
    """
    file = Path(path)
    frame, first_row = read_frame(file, encoding)
    if chance and {"task", "metric"} <= set(frame.columns):
        frame["chance"] = validation.fill_chance(frame, chance)

    row_of = row_numbers(file, encoding, len(frame), first_row)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # given below, to the caller's line
        records = Records(frame, where=file.name, row_of=row_of)
    if records.warnings:
        warnings.warn("\n".join(map(str, records.warnings)), DataWarning, stacklevel=2)
    return records
