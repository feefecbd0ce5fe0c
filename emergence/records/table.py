"""Table: a table of records, where it comes from, and what its checks ask of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from emergence._typing import BoolArray, IntArray
from emergence.errors import Violation

Codes = npt.NDArray[np.int32]
_MOST_PAIRS = 10_000_000  # that are ticked off one by one


@dataclass(frozen=True, eq=False)
class Table:
    """A table, where it comes from, and the number that each row has there, by its place."""

    frame: pd.DataFrame
    where: str
    row_of: Callable[[int], int]

    def codes(self, column: str) -> tuple[Codes, Sequence[Any]]:
        """Number of each row's value in a column, -1 where it is missing, and the values."""
        if column not in self._codes:
            cells = self.frame[column]
            found: tuple[Codes, Sequence[Any]]
            if isinstance(cells.dtype, pd.CategoricalDtype):
                known: Codes = cells.cat.codes.to_numpy().astype(np.int32)
                found = known, list(cells.cat.categories)
            else:
                number, names = pd.factorize(cells)
                found = number.astype(np.int32), list(names)
            if pd.api.types.is_numeric_dtype(cells):  # asked for once
                return found
            self._codes[column] = found
        return self._codes[column]

    @cached_property
    def _codes(self) -> dict[str, tuple[Codes, Sequence[Any]]]:
        return {}

    def one_each(self, keys: Sequence[str], column: str, good: BoolArray) -> bool:
        """Whether rows that share the keys share the value of a column, of the good rows."""
        codes, names = self.codes(column)
        if len(names) <= 1:
            return True
        key, size = self.keys(keys)
        if size * len(names) > _MOST_PAIRS:
            pairs = self.frame.loc[good, [*keys, column]].drop_duplicates()
            return not bool(pairs.duplicated(list(keys)).any())
        key *= len(names)
        key += codes
        seen = np.zeros((size, len(names)), dtype=bool)
        seen.ravel()[key if good.all() else key[good]] = True
        return not bool((seen.sum(axis=1) > 1).any())

    def keys(self, columns: Sequence[str]) -> tuple[IntArray, int]:
        """One number for the values of several columns, and how many there may be."""
        key, most = np.zeros(len(self.frame), dtype=np.int64), 1
        for column in columns:
            codes, names = self.codes(column)
            if most * (len(names) + 1) >= 2**62:  # renumber before the key overflows
                key, kinds = pd.factorize(key)
                most = len(kinds)
            key *= len(names) + 1
            key += codes + 1
            most *= len(names) + 1
        return key, most

    def violation(self, row: int, column: str, value: object, problem: str) -> Violation:
        """What is wrong in one row, counted from 0."""
        return Violation(self.where, self.row_of(row), column, value, problem)

    def cells(self, mask: BoolArray, column: str, problem: str) -> list[Violation]:
        """One violation for each cell concerned."""
        rows = np.flatnonzero(mask)
        known = column in self.frame
        values = self.frame[column].iloc[rows].tolist() if known else [None] * rows.size
        return [
            self.violation(int(i), column, value, problem)
            for i, value in zip(rows, values, strict=True)
        ]

    def of_tasks(self, mask: BoolArray, column: str, problem: str) -> list[Violation]:
        """One violation for each task concerned, at its first row."""
        rows = np.flatnonzero(mask)
        tasks = self.frame["task"].iloc[rows]
        first = ~tasks.duplicated().to_numpy()
        return [
            self.violation(int(row), column, None, f"task {task!r}: {problem}")
            for row, task in zip(rows[first], tasks[first], strict=True)
        ]

    def again(self, columns: Sequence[str]) -> BoolArray | None:
        """Rows whose values in some columns came before; None where there are none."""
        key, most = self.keys(columns)
        if most <= 10 * _MOST_PAIRS:
            seen = np.zeros(most, dtype=bool)
            seen[key] = True
            if seen.sum() == key.size:
                return None
        return np.asarray(pd.Series(key).duplicated())
