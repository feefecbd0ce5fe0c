"""Logs of training: what trainers print or save of the loss, by step."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from emergence.readers.found import Found, Place, is_loss, run_of
from emergence.records.files.reading import text_encoding

_LOSS = r"(?P<loss>[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)"
_STEP = r"(?P<step>\d+)"
_ANSI = re.compile(r"\x1b\[[\d;]*m")
# One line of each trainer: its step, its loss, and whether that is of held-out text.  ``iter``
# counts micro-batches, of which a step takes several.
_LINES: dict[str, list[tuple[re.Pattern[str], str]]] = {
    "nanogpt": [
        (re.compile(rf"\bstep {_STEP}: train loss [^,]*, val loss {_LOSS}"), "held out"),
        (re.compile(rf"\biter {_STEP}: loss {_LOSS}"), "training"),
        (re.compile(rf"\bstep:{_STEP}/\d+ val_loss:{_LOSS}"), "held out"),
        (re.compile(rf"\bstep:{_STEP}/\d+ train_loss:{_LOSS}"), "training"),
    ],
    "megatron": [
        (
            re.compile(
                r"validation (?:loss|results) at iteration (?P<step>\d+)\b(?! on test)"
                rf".*?lm[ _]loss value: {_LOSS}"
            ),
            "held out",
        ),
        (re.compile(rf"iteration:?\s+{_STEP} ?/\s*\d+ \|.*?lm[ _]loss: {_LOSS}"), "training"),
    ],
    "olmo": [
        (re.compile(rf"\[step={_STEP}/\d+"), "step"),
        (re.compile(rf"train/(?:CrossEntropyLoss|CE loss)=\s*{_LOSS}"), "training"),
        (
            re.compile(rf"eval/(?P<name>[^=]*?)/?(?:CrossEntropyLoss|CE loss)=\s*{_LOSS}"),
            "held out",
        ),
    ],
    "litgpt": [
        (re.compile(rf"iter (?P<iter>\d+) \| step {_STEP}: loss train: {_LOSS}"), "training"),
        (re.compile(rf"iter (?P<iter>\d+) step {_STEP}(?: \| loss train)?: (?:loss )?{_LOSS}"),
         "training"),
        (re.compile(rf"\biter (?P<iter>\d+): val loss {_LOSS}"), "held out"),
        (re.compile(rf"\bstep {_STEP}: val loss {_LOSS}"), "held out"),
    ],
    "torchtitan": [(re.compile(rf"\bstep:\s*{_STEP}\s+loss:\s*{_LOSS}"), "training")],
}  # fmt: skip
KINDS = tuple(_LINES)


def kind_of_log(head: str) -> str | None:
    """Trainer whose log a text is, by its first lines; None where it is none of these."""
    lines = [_ANSI.sub("", line) for line in head.splitlines()]
    for kind, patterns in _LINES.items():
        if any(p.search(line) for line in lines for p, _ in patterns):
            return kind
    return None


def read_log(path: Path, kind: str) -> Found:
    """Losses of a printed log."""
    run, found = run_of(path), Found()
    with path.open(encoding=text_encoding(path, None), errors="replace") as file:
        lines = (_ANSI.sub("", line) for line in file)
        rows = _olmo(lines) if kind == "olmo" else _single(lines, kind)
        for step, loss, held, name in rows:
            row = {"place": Place(run, step), "loss": loss, "kind": held, "source": path.name}
            found.losses.append(row | {"name": name})
    return found


_Row = tuple[float, float, str, str]


def _single(lines: Iterable[str], kind: str) -> list[_Row]:
    """Logs whose line has everything."""
    out: list[tuple[dict[str, str], str]] = []
    for line in lines:
        for pattern, held in _LINES[kind]:
            if (match := pattern.search(line)) is not None:
                out.append((match.groupdict(), held))
                break
    # Where lines say both, what is called by its micro-batch alone is brought to steps, and so is
    # what such a trainer calls the step of a held-out loss.
    both = [r for r, _ in out if r.get("iter") and r.get("step") and float(r["step"]) > 0]
    each = max(1.0, float(both[-1]["iter"]) / float(both[-1]["step"])) if both else 1.0
    rows = []
    for cells, held in out:
        step = cells.get("step") or cells.get("iter") or ""
        alone = both and not (cells.get("iter") and cells.get("step"))
        rows.append((float(step) / (each if alone else 1.0), float(cells["loss"]), held, ""))
    return rows


def _olmo(lines: Iterable[str]) -> list[_Row]:
    """A log whose steps stand on lines above their values."""
    (step_of, _), *values = _LINES["olmo"]
    out, step = [], None
    for line in lines:
        if (match := step_of.search(line)) is not None:
            step = float(match["step"])
        for pattern, held in values:
            if step is not None and (match := pattern.search(line)) is not None:
                name = match.groupdict().get("name") or ""
                out.append((step, float(match["loss"]), held, name))
    return out


def is_trainer_state(data: Any) -> bool:
    """Whether an object of JSON is the state of a Hugging Face trainer."""
    return isinstance(data, dict) and isinstance(data.get("log_history"), list)


def read_trainer_state(data: dict[str, Any], path: Path) -> Found:
    """Losses of a Hugging Face trainer, with the tokens that it counted."""
    run, found, aside = run_of(path), Found(), set()
    last = float(data.get("global_step") or 0)
    for row in data["log_history"]:
        if not isinstance(row, dict) or "step" not in row:
            continue
        for name, loss in row.items():
            # Of several sets each has a name between.
            held_out = name.startswith("eval_") and name.endswith("loss")
            if not isinstance(loss, int | float) or not (name == "loss" or held_out):
                continue
            if not is_loss(name):
                aside.add(name)
                continue
            seen = row.get("num_input_tokens_seen") or None
            place = Place(run, float(row["step"]), float(seen) if seen else None)
            held = "training" if name == "loss" else "held out"
            found.losses.append({"place": place, "loss": float(loss), "kind": held, "name": name,
                                 "source": path.name})  # fmt: skip
    found.left_out += [f"{path.name}: {name} is no loss of the text" for name in sorted(aside)]
    compute = float(data.get("total_flos") or 0)
    if last and compute:
        for row in found.losses:
            row["flops_per_step"] = compute / last
    return found
