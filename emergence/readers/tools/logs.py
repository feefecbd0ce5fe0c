"""Logs of training: what trainers print or save of the loss, by step."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from emergence.readers.found import Found, Place, run_of

_FLOAT = r"([+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)"
# One line of each trainer: its step, its loss, and whether that is of held-out text.
_LINES: dict[str, list[tuple[re.Pattern[str], str]]] = {
    "nanogpt": [
        (re.compile(rf"^step (\d+): train loss {_FLOAT}, val loss {_FLOAT}"), "held out"),
        (re.compile(rf"^iter (\d+): loss {_FLOAT}"), "training"),
    ],
    "megatron": [
        (re.compile(rf"validation loss at iteration (\d+).*?lm loss value: {_FLOAT}"), "held out"),
        (re.compile(rf"iteration\s+(\d+)/\s*\d+ \|.*?lm loss: {_FLOAT}"), "training"),
    ],
    "olmo": [
        (re.compile(r"\[step=(\d+)/\d+"), "step"),
        (re.compile(rf"train/CrossEntropyLoss=\s*{_FLOAT}"), "training"),
        (re.compile(rf"eval/[^=]*CrossEntropyLoss=\s*{_FLOAT}"), "held out"),
    ],
    "litgpt": [
        (re.compile(rf"iter \d+ \| step (\d+): loss train: {_FLOAT}"), "training"),
        (re.compile(rf"step (\d+): val loss {_FLOAT}"), "held out"),
    ],
}


def kind_of_log(head: str) -> str | None:
    """Trainer whose log a text is, by its first lines; None where it is none of these."""
    for kind, patterns in _LINES.items():
        if any(p.search(line) for line in head.splitlines() for p, _ in patterns):
            return kind
    return None


def read_log(path: Path, kind: str) -> Found:
    """Losses of a printed log."""
    run, found = run_of(path), Found()
    rows: Iterable[tuple[float, float, str]]
    with path.open(encoding="utf-8", errors="replace") as lines:
        rows = _olmo(lines) if kind == "olmo" else _single(lines, kind)
        for step, loss, held in rows:
            row = {"place": Place(run, step), "loss": loss, "kind": held, "source": path.name}
            found.losses.append(row)
    return found


def _single(lines: Iterable[str], kind: str) -> list[tuple[float, float, str]]:
    """Logs whose line has everything."""
    out = []
    for line in lines:
        for pattern, held in _LINES[kind]:
            if (match := pattern.search(line)) is not None:
                out.append((float(match[1]), float(match[match.lastindex or 2]), held))
                break
    return out


def _olmo(lines: Iterable[str]) -> list[tuple[float, float, str]]:
    """A log whose steps stand on lines above their values."""
    (step_of, _), *values = _LINES["olmo"]
    out, step = [], None
    for line in lines:
        if (match := step_of.search(line)) is not None:
            step = float(match[1])
        for pattern, held in values:
            if step is not None and (match := pattern.search(line)) is not None:
                out.append((step, float(match[1]), held))
    return out


def is_trainer_state(data: Any) -> bool:
    """Whether an object of JSON is the state of a Hugging Face trainer."""
    return isinstance(data, dict) and isinstance(data.get("log_history"), list)


def read_trainer_state(data: dict[str, Any], path: Path) -> Found:
    """Losses of a Hugging Face trainer, with the tokens that it counted."""
    run, found = run_of(path), Found()
    last = float(data.get("global_step") or 0)
    for row in data["log_history"]:
        if not isinstance(row, dict) or "step" not in row:
            continue
        for name, held in (("eval_loss", "held out"), ("loss", "training")):
            if isinstance(row.get(name), int | float):
                seen = row.get("num_input_tokens_seen") or None
                place = Place(run, float(row["step"]), float(seen) if seen else None)
                found.losses.append({"place": place, "loss": float(row[name]), "kind": held,
                                     "source": path.name})  # fmt: skip
    compute = float(data.get("total_flos") or 0)
    if last and compute:
        for row in found.losses:
            row["flops_per_step"] = compute / last
    return found
