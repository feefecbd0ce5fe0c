"""State: what is on disk of a run, written so that a kill at any moment loses nothing.

Every file is either replaced whole (written beside, flushed, renamed) or a log of JSON lines,
of which those beyond the saved step are dropped when the run resumes.  Nothing is pickled.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from safetensors import safe_open
from safetensors.torch import save
from torch.distributed.tensor import DTensor, distribute_tensor

from emergence.errors import DataError

_AVERAGES = ("exp_avg", "exp_avg_sq", "step")


def write_whole(path: Path, data: bytes) -> None:
    """Replace a file: readers see the old or the new, never a part."""
    beside = path.with_name(path.name + ".part")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError:
        beside.unlink(missing_ok=True)  # leave no half of a file on a full disk
        raise


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder for one process, however that ends; DataError where another holds it."""
    try:
        held = FileLock(folder / ".lock").acquire(blocking=False)
    except Timeout:
        raise DataError(
            f"another process trains in {folder}; wait for it, or stop it first"
        ) from None
    with held:
        yield


def append_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Append JSON lines and wait until the disk has them."""
    with path.open("a", encoding="utf-8") as file:
        file.write("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
        file.flush()
        os.fsync(file.fileno())


def read_lines(path: Path) -> list[dict[str, Any]]:
    """JSON lines of a log; a last line that was cut off is left out."""
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")
    return [json.loads(line) for line in lines[:-1]]


def last_line(path: Path, glance: int = 4096) -> dict[str, Any] | None:
    """Last whole line of a log, without reading the others; None where there is none yet."""
    if not path.exists():
        return None
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - glance))
        lines = file.read().split(b"\n")
    return json.loads(lines[-2]) if len(lines) > 1 else None


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
    """Write a state in one file."""
    write_whole(path, save(tensors, metadata={"step": str(step)}))


def load_state(path: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> int:
    """Put a state back, return its step; DataError for a file that is no state of this model."""
    fused = bool(optimizer.defaults.get("fused"))
    with safe_open(path, "pt") as file:
        names = set(file.keys())
        for name, p in model.named_parameters():
            if f"weight/{name}" not in names:
                raise DataError(f"{path}: no weights {name!r}; it is the state of another model")
            with torch.no_grad():
                p.copy_(_like(file.get_tensor(f"weight/{name}"), p))
            optimizer.state[p] = {
                # The fused optimiser counts its steps on the device, the others on the CPU.
                kind: value if kind == "step" and not fused else _like(value, p)
                for kind in _AVERAGES
                if f"{kind}/{name}" in names
                for value in [file.get_tensor(f"{kind}/{name}")]
            }
        return int(file.metadata()["step"])


def _like(value: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
    """The tensor on the device of p, sharded as p is."""
    value = value.to(p.device)
    return (
        distribute_tensor(value, p.device_mesh, p.placements) if isinstance(p, DTensor) else value
    )
