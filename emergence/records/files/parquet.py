"""Parquet: tables of records by pyarrow."""

from pathlib import Path

import pandas as pd

from emergence.records.files.parts import AT_ONCE, joined, text_columns, unreadable
from emergence.records.validation import TEXT


def read_parquet(path: Path) -> pd.DataFrame:
    """Table of a Parquet file; RecordsError where it is damaged."""
    try:
        from pyarrow.parquet import ParquetFile, read_schema

        known = set(read_schema(path).names)
        with ParquetFile(path, read_dictionary=[n for n in TEXT if n in known]) as file:
            if file.metadata.num_rows <= AT_ONCE:
                return text_columns(_plain(file.read().to_pandas()))
            parts = file.iter_batches(AT_ONCE)
            return joined(_categories(part.to_pandas(split_blocks=True)) for part in parts)
    except ImportError as error:
        raise ImportError(
            "reading Parquet needs pyarrow: pip install 'emergence-lm[parquet]'"
        ) from error
    except MemoryError:
        raise
    except Exception as error:
        # Of a damaged file the reader's own library raises nearly anything.
        raise unreadable(
            path, f"cannot be read as Parquet: {error}; copy the file again"
        ) from error


def _plain(frame: pd.DataFrame) -> pd.DataFrame:
    """Categories as what they stand for."""
    kinds = frame.select_dtypes("category").columns
    return frame.astype({name: frame[name].cat.categories.dtype for name in kinds})


def _categories(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.astype({name: "category" for name in TEXT if name in frame})
