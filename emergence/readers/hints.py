"""Hints: the command that would turn a file that is not in our schema into records."""

from __future__ import annotations

import shlex
from pathlib import Path

from emergence.errors import EmergenceError
from emergence.readers.recognise import read_any
from emergence.readers.tools.tables import header_of
from emergence.records.validation import REQUIRED

# What others call our columns.
_CALLED = {
    "model": ("model_name", "name", "model_id"),
    "run": ("run_name", "run_id", "experiment", "model", "model_name", "name"),
    "params": ("n_params", "num_params", "parameters", "model_size", "size", "n"),
    "tokens": ("tokens_seen", "train_tokens", "training_tokens", "n_tokens", "num_tokens", "d"),
    "loss": (
        "val_loss",
        "eval_loss",
        "valid_loss",
        "validation_loss",
        "train_loss",
        "ce",
        "val_ce",
    ),
    "task": ("benchmark", "dataset", "task_name", "eval", "subject"),
    "metric": ("metric_name", "measure"),
    "value": ("score", "acc", "accuracy", "acc_norm", "exact_match", "result", "metric_value"),
}


def import_line(path: Path) -> str | None:
    """Command that imports a file; None where nothing in it is known."""
    name = shlex.quote(str(path))
    try:
        if not path.is_file() or _is_ours(path):
            return None
        if path.suffix.lower() in (".csv", ".tsv") and (columns := _columns(path)):
            chosen = " ".join(f"--column {ours}={shlex.quote(t)}" for ours, t in columns.items())
            return f"emergence import {name} {chosen} -o records.csv"
        found = read_any(path)
    except (EmergenceError, OSError, ImportError, UnicodeError):
        return None
    if found is None:
        return None
    more = "" if found.losses else " LOG-OF-THE-RUN"
    more += "" if found.scores else " RESULTS"
    return f"emergence import {name}{more} -o records.csv"


def _is_ours(path: Path) -> bool:
    """Whether a table has the columns of our schema, whatever else is wrong with it."""
    return path.suffix.lower() in (".csv", ".tsv") and {*REQUIRED} <= set(header_of(path))


def _columns(path: Path) -> dict[str, str]:
    """Our columns that the table has by other names; empty unless scores are among them."""
    lower = {cell.strip().lower(): cell.strip() for cell in header_of(path)}
    out = {}
    for ours in REQUIRED:
        theirs = next((lower[n] for n in _CALLED[ours] if n in lower), None)
        if ours not in lower and theirs is not None:
            out[ours] = theirs
    has = {*lower, *out}
    return out if out and {"value", "task"} <= has else {}
