"""Recognise: which tool wrote a file, by what is in it, and what it holds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from emergence.errors import DataError, EmergenceError
from emergence.readers.found import Found, Place, run_of
from emergence.readers.tools import events, harness, logs, others, tables

# Folders of whole trees that hold no results.
_SKIPPED = (".git", "__pycache__", "wandb-cache", ".venv", "node_modules")
_HEAD = 65_536
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
KINDS = (*(name for name, *_ in _JSON), "lm-eval-samples", "nanogpt", "megatron", "olmo", "litgpt",
         "losses", "wandb", "tensorboard-csv", "tensorboard")  # fmt: skip


def files_in(paths: list[Path]) -> Iterator[Path]:
    """Every file, those of folders in the order of their names."""
    for path in paths:
        if not path.exists():
            raise FileNotFoundError(f"no such file or folder: {path}")
        if not path.is_dir():
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
        return _read(path, kind, columns, encoding)
    except _DAMAGED as error:
        if isinstance(error, EmergenceError):
            raise
        raise DataError(f"{path} is damaged, or of another kind: {error!r}") from error


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
        with path.open(encoding="utf-8", errors="replace") as file:
            found = logs.kind_of_log(file.read(_HEAD)) if kind == "auto" else kind
        return logs.read_log(path, found) if found is not None else None
    return None


def _read_json(path: Path, kind: str) -> Found | None:
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError) as error:
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
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        first = next((line for line in file if line.strip()), "")
    try:
        row = json.loads(first)
    except ValueError:
        return None
    if kind == "lm-eval-samples" or (kind == "auto" and harness.is_samples(row)):
        return harness.read_samples(path)
    if not isinstance(row, dict) or "step" not in row:
        return None
    found, run = Found(), run_of(path)
    for number_of, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        try:
            cells = json.loads(line) if line.strip() else {}
        except ValueError as error:
            raise DataError(f"{path}, row {number_of} is no JSON: {error}") from error
        lower = {str(k).lower(): v for k, v in cells.items()}
        for names, held in ((tables.HELD_OUT, "held out"), (tables.TRAINING, "training")):
            value = next((lower[n] for n in names if isinstance(lower.get(n), int | float)), None)
            if value is not None and isinstance(lower.get("step"), int | float):
                place = Place(run, float(lower["step"]))
                found.losses.append(
                    {"place": place, "loss": float(value), "kind": held, "source": path.name}
                )
    return found if found.losses else None
