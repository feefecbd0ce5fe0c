"""State: what is on disk of a run, written so that a kill at any moment loses nothing.

Every file is either replaced whole (written beside, flushed, renamed) or a log of JSON lines,
of which those beyond the saved step are dropped when the run resumes.  Nothing is pickled.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch.distributed.tensor import DTensor, distribute_tensor

from emergence._files import write_whole
from emergence.errors import DataError

_AVERAGES = ("exp_avg", "exp_avg_sq", "step")


def append_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Append JSON lines and wait until the disk has them."""
    with path.open("a", encoding="utf-8") as file:
        file.write("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        file.flush()
        os.fsync(file.fileno())


def read_lines(path: Path) -> list[dict[str, Any]]:
    """JSON lines of a log; a last line that was cut off is left out.

    DataError for any other that is no JSON object.
    """
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")
    return [_object(line, path, number) for number, line in enumerate(lines[:-1], start=1)]


def _object(line: bytes, path: Path, number: int | str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        found = error
    if not isinstance(found, dict) or "step" not in found:
        raise DataError(
            f"{path}, row {number} is damaged; restore the folder from a copy, or remove it to "
            "train the run again"
        )
    return found


def last_line(path: Path, glance: int = 4096) -> dict[str, Any] | None:
    """Last whole line of a log, without reading the others; None where there is none yet."""
    if not path.exists():
        return None
    start = max(0, path.stat().st_size - glance)
    with path.open("rb") as file:
        file.seek(start)
        lines = file.read().split(b"\n")
    if len(lines) < 3 and start:
        return last_line(path, 8 * glance)  # of one line only its end was seen
    return _object(lines[-2], path, "the last") if len(lines) > 1 else None


def drop_after(path: Path, step: int) -> None:
    """Take from a log what is beyond the step that the run resumes from: it comes again."""
    if path.exists():
        kept = [row for row in read_lines(path) if row["step"] <= step]
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in kept)
        write_whole(path, text.encode())


def _whole(tensor: torch.Tensor) -> torch.Tensor:
    full = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
    return full.detach().cpu().contiguous()


def pack(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """Weights and averages by name; every rank must call it, for shards are gathered."""
    out = {}
    for name, p in model.named_parameters():
        out[f"weight/{name}"] = _whole(p)
        for kind in _AVERAGES:
            if p in optimizer.state:
                out[f"{kind}/{name}"] = _whole(optimizer.state[p][kind])
    return out


def save_state(path: Path, tensors: dict[str, torch.Tensor], step: int) -> None:
    """Write a state in one file, with a checksum of all that is in it."""
    metadata = {"step": str(step), "checksum": _checksum(tensors, step)}
    write_whole(path, save(tensors, metadata=metadata))


def _checksum(tensors: Mapping[str, torch.Tensor], step: int) -> str:
    found = hashlib.blake2b(str(step).encode(), digest_size=16)
    for name in sorted(tensors):
        tensor = tensors[name]
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        # Of a copy: what numpy has seen of a storage no shard may resize.
        found.update(tensor.clone().reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def _read_state(path: Path) -> tuple[dict[str, torch.Tensor], int]:
    """Tensors and step of a state; DataError for a file that is damaged."""
    why = "its checksum is another"
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
            metadata = file.metadata() or {}
        step = int(metadata["step"])
        if metadata.get("checksum") == _checksum(tensors, step):
            return tensors, step
    except (SafetensorError, OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
        why = str(error)
    raise DataError(
        f"{path} is damaged ({why}); restore it from a copy, or remove the folder to train the "
        "run again"
    )


def load_state(path: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> int:
    """Put a state back, return its step; DataError for a file that is no state of this model."""
    fused = bool(optimizer.defaults.get("fused"))
    tensors, step = _read_state(path)
    for name, p in model.named_parameters():
        if f"weight/{name}" not in tensors or tensors[f"weight/{name}"].shape != p.shape:
            raise DataError(f"{path}: no weights {name!r}; it is the state of another model")
        with torch.no_grad():
            p.copy_(_like(tensors[f"weight/{name}"], p))
        optimizer.state[p] = {
            # The fused optimiser counts its steps on the device, the others on the CPU.
            kind: value if kind == "step" and not fused else _like(value, p)
            for kind in _AVERAGES
            if (value := tensors.get(f"{kind}/{name}")) is not None
        }
    return step


def _like(value: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
    """The tensor on the device of p, sharded as p is."""
    value = value.to(p.device)
    return (
        distribute_tensor(value, p.device_mesh, p.placements) if isinstance(p, DTensor) else value
    )
