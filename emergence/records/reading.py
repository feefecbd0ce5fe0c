"""Reading: files of records in our own schema to data frames, errors with file and row."""

import csv
import gzip
import json
import warnings
from pathlib import Path
from typing import Any, TextIO

import pandas as pd

from emergence.errors import RecordsError, Violation
from emergence.records.validation import NUMERIC, TEXT

_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_BLANKS = ["", "nan", "NaN", "NA", "N/A", "null", "None", "-"]
# From 3.1 on pandas reads every float to the bit and deprecates the option that asks for it.
_OLD_PANDAS = tuple(map(int, pd.__version__.split(".")[:2])) < (3, 1)
_EXACT: Any = {"float_precision": "round_trip"} if _OLD_PANDAS else {}
SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")


def read_frame(path: Path, encoding: str | None) -> tuple[pd.DataFrame, int]:
    """Read a file; return the table and the number that its first data row has in the file.

    The suffix says the format: .csv, .tsv, .jsonl or .parquet; the first two may be
    compressed (.gz).
    """
    if not path.exists():
        raise FileNotFoundError(f"no such file: {path}")
    suffix, packed = _suffix(path), path.suffix.lower() == ".gz"
    if suffix not in SUFFIXES or (packed and suffix not in (".csv", ".tsv")):
        known = ", ".join(SUFFIXES)
        advice = "write the results as a table, one row per checkpoint, task and metric"
        raise _error(path, f"the suffix {path.suffix!r} is not one of {known}: {advice}")
    if path.stat().st_size == 0:
        raise _error(path, "the file is empty; it needs a header and rows")
    if suffix == ".parquet":
        return _read_parquet(path), 1
    try:
        encoding = encoding or _detect(path)
        if suffix == ".jsonl":
            return _read_jsonl(path, encoding), 1
        return _read_delimited(path, encoding, "," if suffix == ".csv" else "\t"), 2
    except UnicodeDecodeError as error:
        raise _error(
            path,
            f"byte {error.object[error.start]:#04x} at position {error.start} is not {encoding}; "
            "name the encoding: encoding='latin-1', or --encoding latin-1 on the command line",
        ) from error
    except (gzip.BadGzipFile, EOFError) as error:
        raise _error(path, f"cannot be unpacked: {error}") from error
    except LookupError as error:
        raise _error(path, f"encoding {encoding!r} is not known") from error


def _error(path: Path, problem: str, row: int | None = None) -> RecordsError:
    return RecordsError([Violation(path.name, row, "", None, problem)])


def _detect(path: Path) -> str:
    opener = gzip.open if path.suffix.lower() == ".gz" else open
    with opener(path, "rb") as file:
        head = file.read(4)
    return next((name for mark, name in _BOMS if head.startswith(mark)), "utf-8")


def _read_delimited(path: Path, encoding: str, sep: str) -> pd.DataFrame:
    """Numbers are parsed as numbers where a column allows it; names stay text ('001')."""
    names = _header(path, encoding, sep)
    if sep == "," and len(names) == 1 and ";" in names[0]:
        raise _error(
            path,
            "the separator is ';'; save the file with commas between the columns, and points in "
            "the numbers",
        )
    bare = [n.strip() for n in names]
    twice = sorted({n for n in bare if n and bare.count(n) > 1})
    if twice:
        raise _error(path, f"column {twice[0]!r} occurs twice in the header; keep one")

    def read(text: list[str]) -> pd.DataFrame:
        with warnings.catch_warnings():
            # Mixed types are found, cell by cell, by the checks that follow.
            warnings.simplefilter("ignore", pd.errors.DtypeWarning)
            warnings.simplefilter("error", pd.errors.ParserWarning)
            return pd.read_csv(
                path,
                sep=sep,
                encoding=encoding,
                dtype=dict.fromkeys(text, str),
                keep_default_na=False,
                na_values=dict.fromkeys(NUMERIC, _BLANKS),
                skipinitialspace=bare != names,
                index_col=False,
                **_EXACT,
            )

    try:
        frame = read([])
        # Forcing text is slow, so it is asked for only where names were taken for numbers.
        numbers = [n for n in TEXT if n in frame and not pd.api.types.is_string_dtype(frame[n])]
        if numbers and len(frame):
            frame = read(numbers)
    except pd.errors.EmptyDataError as error:
        raise _error(path, "the file holds no header; it needs one and rows") from error
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        long = _long_row(path, encoding, sep, len(names))
        if long is not None:
            raise _error(
                path,
                f"the row has more fields than the header's {len(names)}; a decimal or thousands "
                "comma, or a text with commas, not in quotes?",
                long,
            ) from error
        raise _error(path, f"{str(error).strip()}; is a text with commas not in quotes?") from error
    return frame.rename(columns=lambda name: str(name).strip())


def _open(path: Path, encoding: str) -> TextIO:
    """Open a text file, compressed or not."""
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", encoding=encoding, newline="")
    return path.open(encoding=encoding, newline="")


def _header(path: Path, encoding: str, sep: str) -> list[str]:
    """Column names as written: pandas would rename a column that occurs twice."""
    with _open(path, encoding) as lines:
        return next(csv.reader(lines, delimiter=sep), [])


def _long_row(path: Path, encoding: str, sep: str, width: int) -> int | None:
    """Line of the first row with more fields than the header."""
    with _open(path, encoding) as lines:
        reader = csv.reader(lines, delimiter=sep)
        return next((reader.line_num for row in reader if len(row) > width), None)


def line_numbers(path: Path, encoding: str | None) -> list[int]:
    """Line on which each record of a delimited file ends; empty for other formats."""
    # Blank lines and quoted line breaks make them differ from the positions of the records.
    suffix = _suffix(path)
    if suffix not in (".csv", ".tsv"):
        return []
    with _open(path, encoding or _detect(path)) as lines:
        reader = csv.reader(lines, delimiter="," if suffix == ".csv" else "\t")
        ends = [reader.line_num for row in reader if row]
    return ends[1:]


def _suffix(path: Path) -> str:
    """Format by the name: the suffix, or the one before .gz."""
    last = path.suffix.lower()
    return Path(path.stem).suffix.lower() if last == ".gz" else last


def _read_jsonl(path: Path, encoding: str) -> pd.DataFrame:
    rows = []
    with path.open(encoding=encoding) as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                raise _error(path, "the line is blank; remove it", number)
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise _error(path, f"the line is no JSON: {error}", number) from error
            if not isinstance(row, dict):
                raise _error(path, "the line is no JSON object", number)
            rows.append(row)
    return _text_columns(pd.DataFrame(rows))


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        return _text_columns(pd.read_parquet(path))
    except ImportError as error:
        raise ImportError(
            "reading Parquet needs pyarrow: pip install 'emergence-lm[parquet]'"
        ) from error
    except (OSError, ValueError) as error:
        raise _error(path, f"cannot be read as Parquet: {error}") from error


def _text_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Names as text, whatever type they were stored as."""
    for column in TEXT:
        if column in frame:
            frame[column] = frame[column].map(lambda v: "" if v is None or v != v else str(v))
    return frame
