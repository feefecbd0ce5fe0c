"""Ranks: one process, or several that torchrun has started, in the same loop."""

import os
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

from emergence.errors import DataError


@dataclass(frozen=True)
class Ranks:
    """One process of ``world``; rank 0 writes."""

    rank: int
    world: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Is this the rank that writes?"""
        return self.rank == 0

    def wrap(self, model: nn.Module, fsdp: bool) -> nn.Module:
        """Model whose backward pass averages the gradients over the ranks."""
        if self.world == 1:
            return model
        if not fsdp:
            return DistributedDataParallel(model)
        for layer in model.model.layers:  # type: ignore[union-attr]
            fully_shard(layer)
        fully_shard(model)
        return model

    def mean(self, value: torch.Tensor) -> torch.Tensor:
        """Mean of a number over the ranks."""
        if self.world > 1:
            dist.all_reduce(value)
            value = value / self.world
        return value

    def any(self, flag: bool) -> bool:
        """Has any rank raised the flag?"""
        if self.world == 1:
            return flag
        raised = torch.tensor(float(flag), device=self.device)
        dist.all_reduce(raised)
        return bool(raised > 0)

    def agree(self, number: int) -> bool:
        """Have all ranks the same number?"""
        if self.world == 1:
            return True
        ends = torch.tensor([number, -number], dtype=torch.float64, device=self.device)
        dist.all_reduce(ends, op=dist.ReduceOp.MAX)
        return bool(ends[0] == -ends[1])

    def wait(self) -> None:
        """Wait for the others."""
        if self.world > 1:
            dist.barrier()


def pick_device(name: str) -> torch.device:
    """Device of a name, ``auto`` an accelerator if there is one; DataError for one that lacks."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise DataError(f"device {name!r}: {error}") from None
    if device.type not in ("cpu", "cuda"):
        raise DataError(f"device {name!r}: training knows cpu and cuda alone; use 'cpu'")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise DataError(
            f"device {name!r}: torch finds {torch.cuda.device_count()} GPUs here; use 'cpu'"
        )
    return device


def join_ranks(device: str) -> Ranks:
    """Join the processes of torchrun; alone where it did not start this one."""
    here = pick_device(device)
    if not dist.is_available() or not dist.is_torchelastic_launched():
        return Ranks(0, 1, here)
    if here.type == "cuda":
        here = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(here)
    if not dist.is_initialized():
        dist.init_process_group("nccl" if here.type == "cuda" else "gloo")
    return Ranks(dist.get_rank(), dist.get_world_size(), here)


def leave_ranks() -> None:
    """Leave the group, where there is one."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()
