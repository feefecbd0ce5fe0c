"""Tables of losses and scores that are not ours: W&B, TensorBoard, Lightning, anybody's."""

from __future__ import annotations

import csv
import re
import zipfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from emergence.errors import DataError, RecordsError, Violation
from emergence.readers.found import (
    HELD_OUT,
    TRAINING,
    Found,
    Place,
    held_out,
    is_loss,
    number,
    place_of,
    run_of,
)
from emergence.records.files.reading import read_frame, row_numbers, text_encoding
from emergence.records.validation import BLANKS, NUMERIC

# W&B's own step counts what was logged, so it comes last.
STEP_NAMES = ("step", "global_step", "trainer/global_step", "train/global_step", "iter",
              "iteration", "_step")  # fmt: skip
_RUN_NAMES = ("run", "run_name", "name", "model")
_TOKEN_NAMES = (
    "tokens",
    "num_tokens",
    "tokens_seen",
    "n_tokens",
    "total_tokens",
    "throughput/total_tokens",
)
_BLANKS = {blank.lower() for blank in BLANKS}
TABLES = (".csv", ".tsv", ".parquet", ".xlsx", ".xls")


def _read(path: Path, encoding: str | None) -> pd.DataFrame:
    """Table as text, whatever it is in; its index holds the number of each row in the file."""
    if path.suffix.lower() not in (".xlsx", ".xls"):
        frame, first = read_frame(path, encoding, text=True)
        row_of = row_numbers(path, encoding, len(frame), first)
        return frame.astype(str).set_axis([row_of(i) for i in range(len(frame))], axis="index")
    try:
        sheets = pd.read_excel(path, sheet_name=None, header=None, dtype=str, keep_default_na=False)
    except ImportError as error:
        raise ImportError(f"{path.name}: {error}; pip install 'emergence-lm[excel]'") from error
    except (ValueError, OSError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"{path.name} cannot be read as a table: {error}") from error
    filled = [name for name, sheet in sheets.items() if len(sheet) > 1] or list(sheets)[:1]
    if len(filled) > 1:
        there = ", ".join(map(str, filled))
        raise DataError(f"{path.name} has several sheets ({there}); save the one to read by itself")
    sheet = sheets[filled[0]]
    # By hand: pandas would give a name that stands there twice another one.
    header = sheet.head(1).to_numpy(dtype=object).ravel()
    names = [str(name).strip() or f"unnamed {k}" for k, name in enumerate(header, start=1)]
    if twice := [name for name, n in Counter(names).items() if n > 1]:
        raise DataError(f"{path.name}: column {twice[0]!r} occurs twice in the header; keep one")
    return (
        sheet.iloc[1:].set_axis(names, axis="columns").set_axis(sheet.index[1:] + 1, axis="index")
    )


def header_of(path: Path, encoding: str | None = None) -> list[str]:
    """Names of the columns of a delimited file: its first row that is not blank."""
    known = text_encoding(path, encoding)
    with path.open(encoding=known, errors="replace", newline="") as file:
        sep = "\t" if path.suffix.lower() == ".tsv" else ","
        return next((row for row in csv.reader(file, delimiter=sep) if any(row)), [])


def kind_of_table(header: list[str]) -> str | None:
    """Kind of a table by its header; None where nothing in it is known."""
    names = [name.strip().lower() for name in header]
    if names[:3] == ["wall time", "step", "value"]:
        return "tensorboard-csv"
    if any(" - " in name for name in names) and names and names[0] in STEP_NAMES:
        return "wandb"
    has_step = any(name in names for name in (*STEP_NAMES, *_TOKEN_NAMES))
    if has_step and any(name in names for name in (*HELD_OUT, *TRAINING)):
        return "losses"
    return None


def read_losses(path: Path, kind: str, encoding: str | None) -> Found:
    """Losses of a table of one of the known kinds."""
    frame = _read(path, encoding)
    lower = {str(c).strip().lower(): str(c) for c in frame.columns}
    if kind == "tensorboard-csv":
        run, named, tag = path.stem.rpartition("-tag-")
        if named and not is_loss(tag):
            return Found(left_out=[f"{path.name}: {tag} is no loss"])
        held = "held out" if held_out(tag) else "training"
        run = run.removeprefix("run-") or path.stem
        found = _series(path, frame, lower["step"], None, {lower["value"]: (run, held)})
        found.losses = [row | {"name": tag} for row in found.losses]
        return found
    if kind == "wandb":
        columns = {}
        for name in frame.columns[1:]:
            run, _, metric = str(name).rpartition(" - ")
            if metric.endswith(("__MIN", "__MAX")) or not is_loss(metric):
                continue
            columns[str(name)] = (run, "held out" if held_out(metric) else "training")
        return _series(path, frame, str(frame.columns[0]), None, columns)
    step = next((lower[n] for n in STEP_NAMES if n in lower), None)
    tokens = next((lower[n] for n in _TOKEN_NAMES if n in lower), None)
    run_column = next((lower[n] for n in _RUN_NAMES if n in lower), None)
    chosen = {lower[n]: "held out" for n in HELD_OUT if n in lower}
    chosen |= {lower[n]: "training" for n in TRAINING if n in lower}
    return _by_run(path, frame, (step, tokens, run_column), chosen)


def read_named_losses(path: Path, columns: Mapping[str, str], encoding: str | None) -> Found | None:
    """Losses of a table whose columns are named by the user; None where it has them not."""
    suffix = path.suffix.lower()
    if suffix not in TABLES:
        return None
    # Of text the header says whether it is worth reading; other formats are read to know it.
    frame = None if suffix in (".csv", ".tsv") else _read(path, encoding)
    header = header_of(path, encoding) if frame is None else [str(c) for c in frame.columns]
    there = {name.strip().lower(): name.strip() for name in header}
    if not {name.lower() for name in columns.values()} <= there.keys():
        return None
    named = {ours: there[theirs.lower()] for ours, theirs in columns.items()}
    name = named["loss"]
    training = name.lower() in TRAINING or ("train" in name.lower() and not held_out(name))
    places = (named.get("step"), named.get("tokens"), named.get("run"))
    frame = _read(path, encoding) if frame is None else frame
    return _by_run(path, frame, places, {name: "training" if training else "held out"})


def _by_run(
    path: Path,
    frame: pd.DataFrame,
    places: tuple[str | None, str | None, str | None],
    chosen: Mapping[str, str],
) -> Found:
    """Losses of the ``chosen`` columns at the step and tokens, and of the run, of three others."""
    step, tokens, run_column = places
    found = Found()
    here = run_of(path)
    parts: list[tuple[str, pd.DataFrame]] = [(here, frame)]
    if run_column is not None:
        parts = [(str(name), part) for name, part in frame.groupby(run_column, sort=False)]
    for run, part in parts:
        columns = {column: (run, held) for column, held in chosen.items()}
        found.add(_series(path, part, step, tokens, columns))
    return found


def _series(
    path: Path, frame: pd.DataFrame, step: str | None, tokens: str | None,
    columns: Mapping[str, tuple[str, str]],
) -> Found:  # fmt: skip
    """Losses of some columns, each of a run, by step or tokens; blank cells are no losses."""
    found = Found()
    for column, (run, held) in columns.items():
        for row, cell in enumerate(frame[column].tolist()):
            if str(cell).strip().lower() in _BLANKS:
                continue
            at = None if step is None else _step(path, frame, row, step)
            seen = None if tokens is None else _cell(path, frame, row, tokens)
            loss = _cell(path, frame, row, column)
            place = Place(run, at, seen)
            name = column.rpartition(" - ")[2]
            found.losses.append({"place": place, "loss": loss, "kind": held, "name": name,
                                 "source": path.name})  # fmt: skip
    return found


def _cell(path: Path, frame: pd.DataFrame, row: int, column: str) -> float:
    value = frame[column].iloc[row]
    try:
        return number(value)
    except DataError:
        raise RecordsError(
            [Violation(path.name, int(frame.index[row]), column, value, "is not a number")]
        ) from None


def _step(path: Path, frame: pd.DataFrame, row: int, column: str) -> float:
    """Step of a row: a number, or the name of a revision such as step3000."""
    cell = str(frame[column].iloc[row]).strip()
    whole = re.fullmatch(r"\D*\d+(-tokens[\d.]+[kmbt])?", cell, re.IGNORECASE)
    named = place_of("", cell).step if whole else None
    return _cell(path, frame, row, column) if named is None else named


def _check_signs(path: Path, frame: pd.DataFrame, column: str) -> None:
    """Raise RecordsError for a number without a percent sign among others with one."""
    cells = [str(cell).strip() for cell in frame[column].tolist()]
    bare = [i for i, cell in enumerate(cells) if cell not in BLANKS and cell[-1] != "%"]
    if any(cell.endswith("%") for cell in cells) and bare:
        row, what = int(frame.index[bare[0]]), "has no percent sign, where others have one"
        raise RecordsError([Violation(path.name, row, column, cells[bare[0]], what)])


def read_table(path: Path, columns: Mapping[str, str], encoding: str | None = None) -> pd.DataFrame:
    """Any table with our names for its columns, its numbers as numbers.

    ``columns`` maps our names to those of the table; DataError names one that it lacks.  The index
    holds the number of each row in the file.
    """
    frame = _read(path, encoding)
    lower = {str(c).strip().lower(): str(c) for c in frame.columns}
    chosen = {}
    for ours, theirs in columns.items():
        if theirs not in frame.columns and theirs.lower() not in lower:
            there = ", ".join(lower.values())
            raise DataError(f"{path.name} has no column {theirs!r}; there is {there}")
        chosen[ours] = frame[theirs if theirs in frame.columns else lower[theirs.lower()]]
    taken = {str(c.name) for c in chosen.values()}
    others = [c for c in frame.columns if c not in taken and c not in chosen]
    out = pd.DataFrame(chosen | {c: frame[c] for c in others})
    for name in NUMERIC:
        if name in out:
            _check_signs(path, out, name)
            cells: list[Any] = []
            for row, cell in enumerate(out[name].tolist()):
                blank = str(cell).strip() in BLANKS
                read = _step if name == "step" else _cell
                cells.append(np.nan if blank else read(path, out, row, name))
            out[name] = cells
    return out
