"""Reading: files of records in our own schema to data frames, errors with file and row."""

import codecs
import csv
import gzip
import zlib
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import pandas as pd

from emergence.records.files.delimited import open_bytes, read_delimited, rows
from emergence.records.files.jsonl import read_jsonl
from emergence.records.files.parquet import read_parquet
from emergence.records.files.parts import unreadable

_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")


def read_frame(
    path: Path, encoding: str | None = None, *, text: bool = False
) -> tuple[pd.DataFrame, int]:
    """Read a file; return the table and the number that its first data row has in the file.

    The suffix says the format: .csv, .tsv, .jsonl or .parquet; the first two may be
    compressed (.gz), and give every cell as text where that is asked for.
    """
    if not path.exists():
        raise FileNotFoundError(f"no such file: {path}")
    if path.is_dir():
        raise unreadable(path, "is a folder; give a file of records")
    if not path.is_file():
        raise unreadable(path, "is a pipe or a device; write what it gives to a file first")
    suffix, packed = _suffix(path), path.suffix.lower() == ".gz"
    if suffix not in SUFFIXES or (packed and suffix not in (".csv", ".tsv")):
        known = ", ".join(SUFFIXES)
        advice = "write the results as a table, one row per checkpoint, task and metric"
        raise unreadable(path, f"the suffix {path.suffix!r} is not one of {known}: {advice}")
    if path.stat().st_size == 0:
        raise unreadable(path, "the file is empty; it needs a header and rows")
    if suffix == ".parquet":
        return read_parquet(path), 1
    try:
        encoding = text_encoding(path, encoding)
        if suffix == ".jsonl":
            return read_jsonl(path, encoding), 1
        return read_delimited(path, encoding, "," if suffix == ".csv" else "\t", text=text), 2
    except UnicodeDecodeError as error:
        raise unreadable(
            path,
            f"byte {error.object[error.start]:#04x} at position {error.start} is not {encoding}; "
            "name the encoding: encoding='latin-1', or --encoding latin-1 on the command line",
        ) from error
    except UnicodeError as error:
        raise unreadable(path, f"is not {encoding}: {error}") from error
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        advice = "copy the file again, or unpack what is left of it with gzip -dc"
        raise unreadable(path, f"cannot be unpacked: {error}; {advice}") from error
    except csv.Error as error:
        raise unreadable(path, f"is no table of text: {error}") from error


def text_encoding(path: Path, encoding: str | None) -> str:
    """Encoding of a text file: as given, else by its byte-order mark, else UTF-8.

    RecordsError for one that is not known, or of no text.
    """
    if encoding:
        try:
            found = codecs.lookup(encoding)
        except (LookupError, ValueError):  # also a name of no ASCII or with a NUL
            found = None
        if found is None or not getattr(found, "_is_text_encoding", True):
            raise unreadable(path, f"encoding {encoding!r} is not known")
        return "utf-8-sig" if found.name == "utf-8" else encoding  # the mark is no text
    with open_bytes(path) as file:
        head = file.read(4)
    return next((name for mark, name in _BOMS if head.startswith(mark)), "utf-8")


def row_numbers(
    path: Path, encoding: str | None, count: int, first_row: int
) -> Callable[[int], int]:
    """From the place of a row in a table of ``count`` to its number in the file it was read from.

    Blank lines and quoted line breaks of a delimited file make the two differ; the lines are
    counted when the first is asked for.
    """

    @cache
    def numbers() -> Sequence[int]:
        suffix, found = _suffix(path), list[int]()
        if suffix in (".csv", ".tsv"):
            sep = "," if suffix == ".csv" else "\t"
            found = [stop for _, stop, _ in rows(path, text_encoding(path, encoding), sep)][1:]
        # What the two parsers do not split alike is numbered as it came.
        return found if len(found) == count else range(first_row, first_row + count)

    return lambda row: numbers()[row]


def _suffix(path: Path) -> str:
    """Format by the name: the suffix, or the one before .gz."""
    last = path.suffix.lower()
    return Path(path.stem).suffix.lower() if last == ".gz" else last
