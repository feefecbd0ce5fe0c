"""Delimited text: CSV and TSV by pandas, with the rows that errors name, and no row lost."""

import csv
import gzip
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import pandas as pd

from emergence.records.files.parts import AT_ONCE, joined, unreadable
from emergence.records.validation import BLANKS, NUMERIC, TEXT

# From 3.1 on pandas reads every float to the bit and deprecates the option that asks for it.
_OLD_PANDAS = tuple(map(int, pd.__version__.split(".")[:2])) < (3, 1)
_EXACT: Any = {"float_precision": "round_trip"} if _OLD_PANDAS else {}
# A record has some twenty fields; whoever has this many columns has one column for each task.
_MOST_COLUMNS = 2000
csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # of the whole process; the default is 128 KiB


def read_delimited(path: Path, encoding: str, sep: str, *, text: bool = False) -> pd.DataFrame:
    """Numbers are parsed where a column allows it, unless all is ``text``; names stay '001'."""
    names = _header(path, encoding, sep)
    if sep == "," and len(names) == 1 and ";" in names[0]:
        raise unreadable(
            path,
            "the separator is ';'; save the file with commas between the columns, and points in "
            "the numbers",
        )
    if len(names) < 3 and (names[:1] or [""])[0].strip().lower().startswith(("sep=", "#")):
        raise unreadable(path, f"the first line, {names[0]!r}, is no header; remove it", 1)
    bare = [n.strip() for n in names]
    if len(names) > _MOST_COLUMNS and not text:
        raise unreadable(
            path,
            f"{len(names):,} columns; a record has some twenty: one row for each checkpoint, task "
            "and metric, not one column for each",
        )
    twice = next((n for n, count in Counter(bare).items() if n and count > 1), None)
    if twice is not None:
        raise unreadable(path, f"column {twice!r} occurs twice in the header; keep one")
    _check_quotes(path, encoding, sep)

    read = partial(_read, path, sep, encoding, skipinitialspace=bare != names)
    try:
        frame = read(str) if text else _read_all(read, bare)
    except pd.errors.EmptyDataError as error:
        raise unreadable(path, "the file holds no header; it needs one and rows") from error
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        long = _long_row(path, encoding, sep, len(names))
        if long is not None:
            raise unreadable(
                path,
                f"the row has more fields than the header's {len(names)}; a decimal or thousands "
                "comma, or a text with commas, not in quotes?",
                long,
            ) from error
        raise unreadable(
            path, f"{str(error).strip()}; is a text with commas not in quotes?"
        ) from error
    last = frame.iloc[:, -1] if len(frame) else pd.Series(dtype=float)
    if (last.isna() | (last == "")).any():  # as those of short rows are
        _check_short(path, encoding, sep, len(names))
    return frame.rename(columns=lambda name: str(name).strip())


def _check_short(path: Path, encoding: str, sep: str, width: int) -> None:
    """Raise RecordsError for a row with fewer fields than the header: a file that was cut off?"""
    short = ((stop, row) for _, stop, row in rows(path, encoding, sep) if len(row) < width)
    if (found := next(short, None)) is not None:
        raise unreadable(
            path,
            f"the row has {len(found[1])} fields, the header {width}; was the file cut off? Copy "
            "it again, or give the row a cell for every column",
            found[0],
        )


def _read(
    path: Path, sep: str, encoding: str, kinds: Mapping[str, Any] | type[str], **more: Any
) -> Any:
    blank = {} if kinds is str else {name: list(BLANKS) for name in NUMERIC}
    with warnings.catch_warnings():
        # Mixed types are found, cell by cell, by the checks that follow.
        warnings.simplefilter("ignore", pd.errors.DtypeWarning)
        warnings.simplefilter("error", pd.errors.ParserWarning)
        return pd.read_csv(
            path,
            sep=sep,
            encoding=encoding,
            dtype=kinds,
            keep_default_na=False,
            na_values=blank,
            index_col=False,
            **_EXACT,
            **more,
        )


def _read_all(read: Callable[..., Any], names: Sequence[str]) -> pd.DataFrame:
    """Numbers as numbers where a column allows it; names as text."""
    first: pd.DataFrame = read({}, nrows=AT_ONCE)
    if len(first) < AT_ONCE:
        # Forcing text is slow, so it is asked for only where names were taken for numbers.
        numbers = [n for n in TEXT if n in first and not pd.api.types.is_string_dtype(first[n])]
        if numbers and len(first):
            first = read(dict.fromkeys(numbers, str))
        return first
    del first
    kinds = {n: "category" for n in names if n in TEXT}
    return joined(read(kinds, chunksize=AT_ONCE))


def open_bytes(path: Path) -> BinaryIO:
    """Open a file for its bytes, compressed or not."""
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")  # type: ignore[return-value]


def open_text(path: Path, encoding: str) -> TextIO:
    """Open a text file, compressed or not."""
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", encoding=encoding, newline="")
    return path.open(encoding=encoding, newline="")


def _header(path: Path, encoding: str, sep: str) -> list[str]:
    """Column names as written: pandas would rename a column that occurs twice."""
    return next((row for _, _, row in rows(path, encoding, sep)), [])


def rows(path: Path, encoding: str, sep: str) -> Iterator[tuple[int, int, list[str]]]:
    """Rows of a delimited file, with the lines on which each begins and ends; none of blanks."""
    with open_text(path, encoding) as lines:
        reader, before = csv.reader(lines, delimiter=sep), 0
        for row in reader:
            if len(row) > 1 or (row and row[0].strip()):
                yield before + 1, reader.line_num, row
            before = reader.line_num


def _check_quotes(path: Path, encoding: str, sep: str) -> None:
    """Raise RecordsError for a cell that holds other rows: a quote that nobody meant."""
    if not _has_quotes(path):
        return
    first = [row for _, _, row in islice(rows(path, encoding, sep), 2)]
    # Where the header's own cell holds rows, its length says nothing; the row below it has fewer.
    width = min(map(len, first), default=0)
    for k, (start, stop, row) in enumerate(rows(path, encoding, sep)):
        for cell in row if stop > start else ():
            breaks = max(cell.count("\n"), cell.count("\r"))
            # Of prose over several lines hardly any has as many separators as half a record.
            holds_rows = 2 * cell.count(sep) >= (width - 1) * breaks
            if breaks and (holds_rows or (k == 0 and len(row) > width)):
                open_end = _ends_in_quote(path, encoding, sep)
                end = "never closed" if open_end else f"closed in row {stop} only"
                raise unreadable(
                    path,
                    f"a quote in this row is {end}, and the rows from there on are read as one "
                    "text; remove stray quotes, or put one at either end of the text that needs "
                    "them",
                    start,
                )


def _has_quotes(path: Path) -> bool:
    with open_bytes(path) as file:
        while block := file.read(1 << 22):
            if b'"' in block:
                return True
    return False


def _ends_in_quote(path: Path, encoding: str, sep: str) -> bool:
    """Whether the last field of the file opens a quote that nothing closes."""
    with open_text(path, encoding) as lines:
        reader = csv.reader(lines, delimiter=sep, strict=True)
        try:
            for _ in reader:
                pass
        except csv.Error as error:
            return "unexpected end of data" in str(error)
    return False


def _long_row(path: Path, encoding: str, sep: str, width: int) -> int | None:
    """Line of the first row with more fields than the header."""
    return next((stop for _, stop, row in rows(path, encoding, sep) if len(row) > width), None)
