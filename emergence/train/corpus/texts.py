"""Texts: the user's own text as a source of documents."""

import re
import zlib
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from emergence.errors import DataError

_PIECE = 400  # characters: about a context of tokens
_HELD_OUT = 20  # one piece in twenty is for the held-out loss
_SUFFIXES = (".txt", ".jsonl", ".parquet")
_CUT = re.compile(rf"(?s).{{1,{_PIECE}}}(?:\s+|$)|.{{{_PIECE}}}")

_Line = TypeVar("_Line", bound=BaseModel)


class _Document(BaseModel):
    """One line of a file of texts."""

    text: str


@dataclass(frozen=True)
class OwnText:
    """Pieces of the user's text; ``share`` of all documents come from it.

    ``name`` is that of the path, with a fingerprint of all that it holds.
    """

    name: str
    training: tuple[str, ...]
    held_out: tuple[str, ...]
    share: float

    def draw(self, rng: Random, held_out: bool) -> str:
        """One piece."""
        return rng.choice(self.held_out if held_out else self.training)


def fingerprint(text: str) -> str:
    """Eight letters that another text has not."""
    return blake2b(text.encode(), digest_size=4).hexdigest()


def read_utf8(path: Path) -> str:
    """Text of a file; DataError for one that is not UTF-8, with the row."""
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}, row {row}: byte {data[error.start]:#04x} is no UTF-8; save the file as UTF-8"
        ) from None


def read_lines_as(path: Path, model: type[_Line], example: str) -> list[tuple[int, _Line]]:
    """Lines of a JSONL file that are not blank, each with the number of its row.

    DataError with file, row and field, and an ``example`` of a line.
    """
    found = []
    # Not splitlines: JSON may hold other line separators, and web text does.
    for row, line in enumerate(read_utf8(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            found.append((row, model.model_validate_json(line)))
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(map(str, first["loc"])) or "line"
            value = "" if first["type"] == "missing" else f", not {str(first['input'])[:80]!r}"
            raise DataError(
                f"{path}, row {row}, {field}: {first['msg']}{value}; a line is {example}"
            ) from None
    return found


def _documents(path: Path) -> list[str]:
    if path.suffix == ".txt":
        return [read_utf8(path)]
    if path.suffix == ".jsonl":
        lines = read_lines_as(path, _Document, '{"text": "Once upon a time"}')
        return [document.text for _, document in lines]
    import pandas as pd

    frame = pd.read_parquet(path)
    if "text" not in frame:
        raise DataError(f"{path}: no column 'text'; found: {', '.join(map(str, frame))}")
    return [str(text) for text in frame["text"].dropna()]


def read_text(path: Path, share: float) -> OwnText:
    """Read a file or a folder of .txt, .jsonl (field ``text``) or .parquet (column ``text``).

    DataError for a path without text, or a row that holds none.
    """
    if not path.exists():
        raise DataError(f"{path}: there is no such file or folder of text")
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    files = [f for f in files if f.suffix in _SUFFIXES and f.is_file()]
    pieces = [
        piece.strip() for f in files for text in _documents(f) for piece in _CUT.findall(text)
    ]
    kept = [p for p in pieces if p and zlib.crc32(p.encode()) % _HELD_OUT == 0]
    rest = [p for p in pieces if p and zlib.crc32(p.encode()) % _HELD_OUT]
    if not kept or not rest:
        raise DataError(
            f"{path}: {len(kept) + len(rest)} pieces of text in {len(files)} files "
            f"({', '.join(_SUFFIXES)}); too few to train on and to hold out"
        )
    name = f"{path.name}#{fingerprint(chr(0).join(pieces))}"
    return OwnText(name, tuple(rest), tuple(kept), share)
