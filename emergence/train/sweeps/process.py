"""Process: one run of a sweep, in a process of its own, which may die without the others."""

import os
import platform
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from emergence._files import locked
from emergence._processes import PARENT
from emergence.errors import EmergenceError, OutputError
from emergence.train.config import TrainConfig
from emergence.train.folder import CONFIG
from emergence.train.stopping import Interrupted


@dataclass
class Crew:
    """Processes in which runs are being trained on this machine."""

    running: list[subprocess.Popen[str]] = field(default_factory=list)
    leaving: bool = False

    def leave(self) -> None:
        """Interrupt every run, and wait until it has saved its state."""
        self.leaving = True
        running = list(self.running)
        for process in running:
            process.send_signal(signal.SIGINT)
        for process in running:
            process.wait()


def train_apart(config: TrainConfig, folder: Path, retries: int, crew: Crew) -> str | None:
    """Train one run, and resume it where its process died; give the error that is left."""
    why = None
    for _ in range(1 + retries):
        if crew.leaving:
            break
        with _free_gpu(config, folder) as gpu:
            status, why = _attempt(config, folder / config.name, gpu, crew)
        if status in (0, EmergenceError.status, Interrupted.status):
            break  # done, or the same would come of another try
    return why


def _attempt(
    config: TrainConfig, folder: Path, gpu: dict[str, str], crew: Crew
) -> tuple[int, str | None]:
    """Train one run in a process of its own: its exit status, and its error."""
    # One thread each, for two runs at once beat two threads.
    with TemporaryDirectory() as here:
        path = Path(here) / CONFIG
        path.write_text(config.model_dump_json(), encoding="utf-8")
        process = subprocess.Popen(
            [sys.executable, "-m", "emergence", "train", str(path), "-o", str(folder)],
            env=os.environ | {"OMP_NUM_THREADS": "1", PARENT: str(os.getpid())} | gpu,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        crew.running.append(process)
        _, said = process.communicate()
        crew.running.remove(process)
    if (status := process.returncode) == 0:
        return status, None
    if status < 0:
        return status, f"its process was killed: {signal.strsignal(-status)}"
    if status == 1:  # a traceback
        return status, said.strip().rpartition("\n")[2]
    return status, said.rpartition("emergence train: ")[2].strip()


@contextmanager
def _free_gpu(config: TrainConfig, folder: Path) -> Iterator[dict[str, str]]:
    """Hold the first GPU that no other run of the sweep holds, if any; give its environment."""
    names = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    takes_any = config.device in ("auto", "cuda")
    for gpu in range(torch.cuda.device_count() if takes_any else 0):
        place = folder / f".gpu-{platform.node()}-{gpu}"
        place.mkdir(exist_ok=True)
        with ExitStack() as held:
            try:
                held.enter_context(locked(place, "holds"))
            except OutputError:
                continue
            yield {"CUDA_VISIBLE_DEVICES": names[gpu] if names[0] else str(gpu)}
            return
    yield {}
