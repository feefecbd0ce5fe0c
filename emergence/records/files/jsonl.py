"""JSON lines: one record a line."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd

from emergence.records.files.parts import text_columns, unreadable


def read_jsonl(path: Path, encoding: str) -> pd.DataFrame:
    """Table of objects, one a line; RecordsError names the line that is none."""
    rows = []
    with path.open(encoding=encoding) as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                raise unreadable(path, "the line is blank; remove it", number)
            try:
                row = json.loads(line, object_pairs_hook=_once)
                if "\\ud" in line.lower():
                    str(row).encode()  # half of a character is none
            except json.JSONDecodeError as error:
                raise unreadable(path, f"the line is no JSON: {error}", number) from error
            except UnicodeEncodeError as error:
                problem = "a text holds half of a character (a lone surrogate); write it anew"
                raise unreadable(path, problem, number) from error
            except RecursionError as error:
                raise unreadable(
                    path, "the line nests too deeply to be a record", number
                ) from error
            except ValueError as error:
                raise unreadable(path, f"the line is no record: {error}", number) from error
            if not isinstance(row, dict):
                raise unreadable(path, "the line is no JSON object", number)
            if nested := [key for key, cell in row.items() if isinstance(cell, dict | list)]:
                raise unreadable(path, f"{nested[0]!r} holds several values; give one", number)
            rows.append(row)
    return text_columns(pd.DataFrame(rows))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Object of JSON whose keys are each there once."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for key, n in Counter(key for key, _ in pairs).items() if n > 1)
        raise ValueError(f"the key {twice!r} occurs twice; keep one")
    return found
