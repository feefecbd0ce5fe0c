"""Batches: the rows of every step, on a GPU written ahead by the other cores."""

import os
import signal
from collections.abc import Iterator

import torch
from torch.utils.data import DataLoader, Dataset

from emergence.train.corpus.corpus import Corpus
from emergence.train.ranks import Ranks

_MOST_WORKERS = 16


class _Steps(Dataset[torch.Tensor]):
    """Rows of one rank by step, as torch's loader takes them."""

    def __init__(self, corpus: Corpus, rank: int, world: int) -> None:
        self.corpus, self.rank, self.world = corpus, rank, world

    def __getitem__(self, step: int) -> torch.Tensor:
        return torch.from_numpy(self.corpus.batch(step, self.rank, self.world))


def batches(corpus: Corpus, ranks: Ranks, steps: range) -> Iterator[torch.Tensor]:
    """Rows of this rank for every step, shape (rows / world, context + 1)."""
    # The rows of a step are the same however many processes write them.
    workers = text_workers(ranks.device)
    loader = DataLoader(
        _Steps(corpus, ranks.rank, ranks.world),
        batch_size=None,
        sampler=steps,
        num_workers=workers,
        multiprocessing_context="spawn" if workers else None,
        worker_init_fn=_deaf,
    )
    return iter(loader)


def text_workers(device: torch.device) -> int:
    """Processes that write text: none beside a CPU, whose cores train themselves."""
    if device.type == "cpu":
        return 0
    share = (os.cpu_count() or 1) // torch.cuda.device_count()
    return max(1, min(_MOST_WORKERS, share))


def _deaf(_: int) -> None:
    """Leave Ctrl-C to the process that trains: it still needs the rows of its step."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
