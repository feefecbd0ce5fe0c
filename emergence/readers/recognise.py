"""Recognise: which tool wrote a file, by what is in it, and what it holds."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from emergence.errors import DataError, EmergenceError
from emergence.readers.found import HELD_OUT, TRAINING, Found, Place, run_of
from emergence.readers.tools import events, harness, logs, others, tables
from emergence.records.files.reading import text_encoding

# Folders of whole trees that hold no results.
_SKIPPED = (".git", "__pycache__", "wandb-cache", ".venv", "node_modules")
_HEAD = 1 << 20  # characters in which a log is known: arguments and code may come first
# What reading a file raises that is not what it should be: bytes, numbers and fields.
_DAMAGED = (ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError,
            RecursionError)  # fmt: skip

_JSON: tuple[tuple[str, Callable[[Any], bool], Callable[[Any, Path], Found]], ...] = (
    ("trainer-state", logs.is_trainer_state, logs.read_trainer_state),
    ("lighteval", others.is_lighteval, others.read_lighteval),
    ("inspect", others.is_inspect, others.read_inspect),
    ("every-eval-ever", others.is_every_eval_ever, others.read_every_eval_ever),
    ("lm-eval", harness.is_results, harness.read_results),
)
KINDS = (*(name for name, *_ in _JSON), "lm-eval-samples", *logs.KINDS,
         "losses", "wandb", "tensorboard-csv", "tensorboard")  # fmt: skip
# Files of other purposes are no error where they are no JSON.
_OURS = re.compile(r'"(results|log_history|eval|evaluation_results|config_general)"\s*:')
_FIRST = 20  # lines of JSON of which one says a step and a loss: a config may come first


def files_in(paths: list[Path]) -> Iterator[Path]:
    """Every file, those of folders in the order of their names."""
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"no such file or folder: {path}")
        if not path.is_dir():
            if not path.is_file():
                raise DataError(f"{path} is a pipe or a device; write what it gives to a file")
            yield path
            continue
        for inner in sorted(path.rglob("*")):
            parts = inner.relative_to(path).parts
            if inner.is_file() and not any(p in _SKIPPED or p.startswith(".") for p in parts):
                yield inner


def read_any(
    path: Path,
    kind: str = "auto",
    columns: Mapping[str, str] | None = None,
    encoding: str | None = None,
) -> Found | None:
    """What a file of another tool holds; None where no tool is recognised.

    ``columns`` are names, ours to theirs, of a table of losses, ``encoding`` is that of tables.
    DataError for a file that is of a kind but damaged.
    """
    try:
        found = _read(path, kind, columns, encoding)
        if found is not None:
            scores = {str(row[k]) for row in found.scores for k in ("task", "metric")}
            runs = {row["place"].run for row in (*found.scores, *found.losses)}
            _check_text(scores | runs, path)
        return found
    except _DAMAGED as error:
        if isinstance(error, EmergenceError):
            raise
        raise DataError(f"{path} is damaged, or of another kind: {error!r}") from error


def _check_text(names: Iterable[str], path: Path) -> None:
    for name in sorted(names):
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise DataError(
                f"{path}: the name {name!r} holds half of a character (a lone surrogate); write "
                "it anew"
            ) from error


def _read(
    path: Path, kind: str, columns: Mapping[str, str] | None, encoding: str | None
) -> Found | None:
    suffix = path.suffix.lower()
    if columns and (named := tables.read_named_losses(path, columns, encoding)) is not None:
        return replace(named, named=True)
    if kind == "tensorboard" or events.is_events(path):
        return events.read_events(path)
    if suffix == ".eval":
        return others.read_inspect_archive(path)
    if suffix == ".json":
        return _read_json(path, kind)
    if suffix == ".jsonl":
        return _read_lines(path, kind)
    if suffix in (".csv", ".tsv"):
        seen = tables.kind_of_table(tables.header_of(path, encoding)) if kind == "auto" else kind
        if seen not in ("losses", "wandb", "tensorboard-csv"):
            return None
        return tables.read_losses(path, seen, encoding)
    if suffix in (".txt", ".log", ".out", ""):
        with path.open(encoding=text_encoding(path, None), errors="replace") as file:
            found = logs.kind_of_log(file.read(_HEAD)) if kind == "auto" else kind
        return logs.read_log(path, found) if found is not None else None
    return None


def _read_json(path: Path, kind: str) -> Found | None:
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        if kind == "auto" and not _OURS.search(text[:_HEAD]):
            return None
        raise DataError(f"{path} is no JSON: {error}; copy it again") from error
    for name, matches, read in _JSON:
        if (kind == "auto" and matches(data)) or kind == name:
            try:
                return read(data, path)
            except _DAMAGED as error:
                if isinstance(error, DataError):
                    raise DataError(f"{path}: {error}") from error
                raise DataError(f"{path} is a damaged file of {name}: {error!r}") from error
    return None


def _read_lines(path: Path, kind: str) -> Found | None:
    """Samples, or steps with their losses, one a line."""
    found, run = Found(), run_of(path)
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        for number_of, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                cells = json.loads(line)
            except ValueError as error:
                if not found.losses:  # of another purpose
                    return None
                raise DataError(f"{path}, row {number_of} is no JSON: {error}") from error
            if not found.losses and (
                kind == "lm-eval-samples" or (kind == "auto" and harness.is_samples(cells))
            ):
                return harness.read_samples(path)
            if isinstance(cells, dict):
                found.losses += _losses_of({str(k).lower(): v for k, v in cells.items()}, run, path)
            if number_of > _FIRST and not found.losses:
                return None
    return found if found.losses else None


def _losses_of(cells: dict[str, Any], run: str, path: Path) -> list[dict[str, Any]]:
    """Losses of one step of a log in lines of JSON."""
    step = next((s for n in tables.STEP_NAMES if isinstance(s := cells.get(n), int | float)), None)
    if step is None:
        return []
    tokens = cells.get("tokens")
    seen = float(tokens) if isinstance(tokens, int | float) and tokens > 0 else None
    out: list[dict[str, Any]] = []
    for names, held in ((HELD_OUT, "held out"), (TRAINING, "training")):
        name = next((n for n in names if isinstance(cells.get(n), int | float)), None)
        if name is not None:
            place = Place(run, float(step), seen)
            out.append({"place": place, "loss": float(cells[name]), "kind": held,
                        "source": path.name})  # fmt: skip
    return out
