"""Parts: large tables are read in parts, so that of many rows the names are held once."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
from pandas.api.types import union_categoricals

from emergence.errors import RecordsError, Violation
from emergence.records.validation import TEXT

AT_ONCE = 500_000  # rows; of more the names are held as categories


def unreadable(path: Path, problem: str, row: int | None = None) -> RecordsError:
    """Error of a file that holds no table."""
    return RecordsError([Violation(path.name, row, "", None, problem)])


def joined(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Parts of one table, their categories those of all."""
    tables = list(parts)
    columns: dict[str, Any] = {}
    for name in tables[0].columns:
        cells = [table.pop(name) for table in tables]
        if isinstance(cells[0].dtype, pd.CategoricalDtype):
            columns[name] = union_categoricals(cells)
        else:
            columns[name] = pd.concat(cells, ignore_index=True)
    return pd.DataFrame(columns, copy=False)


def text_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Names as text, whatever type they were stored as."""
    for column in TEXT:
        if column in frame:
            frame[column] = frame[column].map(lambda v: "" if v is None or v != v else str(v))
    return frame
