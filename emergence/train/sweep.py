"""Sweep: many runs, several at a time, on this machine or on a cluster."""

from __future__ import annotations

import json
import platform
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import BrokenProcessPool
from tqdm import tqdm

from emergence import __version__
from emergence.errors import DataError, EmergenceError
from emergence.records import Records
from emergence.train.config import TrainConfig
from emergence.train.loop import LOG, RECORDS, TrainingStopped, is_finished, train
from emergence.train.state import last_line, read_lines, write_whole

_GLANCE = 2.0  # seconds between looks at the logs of the runs


def sweep(
    configs: Sequence[TrainConfig],
    folder: Path,
    *,
    n_jobs: int = -1,
    retries: int = 1,
    progress: bool = True,
) -> Records:
    """Train every config that is not finished, several at a time.

    The runs go through joblib: inside ``joblib.parallel_config(backend="dask")`` (or
    ``"ray"``) a cluster takes them, if all workers see ``folder``.  On one machine with
    several GPUs the runs take them in turn.  Trunks are trained before their branches.

    Parameters
    ----------
    configs : sequence of TrainConfig
        Runs, their names all different; start with the longest.
    folder : path
        Each run has a folder of its name in it.
    n_jobs : int
        Runs at a time; -1: as many as there are cores, or GPUs.
    retries : int
        How often a run that died is resumed.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Records
        Of all runs; also in ``records.csv``, with ``sweep.json`` beside it: configs, versions
        and commit.

    Raises
    ------
    DataError
        For two runs of one name.
    TrainingStopped
        With the reason of every run that failed, when the others are done; and for Ctrl-C.

    Examples
    --------
    >>> from emergence.train.presets import preset
    >>> records = sweep(preset("demo"), Path("out/demo"))  # doctest: +SKIP
    """
    folder = Path(folder)
    names = [config.name for config in configs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"several runs are called {', '.join(twice)}; a run's name is its folder")
    folder.mkdir(parents=True, exist_ok=True)
    describe_sweep(configs, folder)
    with _watch(configs, folder, progress):
        failed = _wave([c for c in configs if c.trunk is None], folder, n_jobs, retries)
        failed |= _wave([c for c in configs if c.trunk is not None], folder, n_jobs, retries)
    if failed:
        raise TrainingStopped(
            f"{len(failed)} of {len(configs)} runs failed; the others are in {folder}, and the "
            "same command tries these again:\n"
            + "\n".join(f"  {name}: {e}" for name, e in failed.items())
        )
    return collect(configs, folder)


def _wave(
    configs: Sequence[TrainConfig], folder: Path, n_jobs: int, retries: int
) -> dict[str, Exception]:
    """Train runs that do not wait for each other; give the last error of those that failed."""
    failed: dict[str, Exception] = {}
    for _ in range(1 + retries):
        todo = [c for c in configs if not is_finished(folder / c.name)]
        if not todo:
            break
        try:
            errors = Parallel(n_jobs=_at_once(n_jobs))(
                delayed(_attempt)(config, folder, slot) for slot, config in enumerate(todo)
            )
        except BrokenProcessPool as error:  # a worker was killed, and its neighbours with it
            errors = [error] * len(todo)
        except KeyboardInterrupt:
            raise TrainingStopped(
                f"the sweep was interrupted; give the same command again to go on in {folder}"
            ) from None
        failed = {c.name: e for c, e in zip(todo, errors, strict=True) if e is not None}
    return {name: e for name, e in failed.items() if not is_finished(folder / name)}


def _at_once(n_jobs: int) -> int:
    gpus = torch.cuda.device_count()
    return gpus if n_jobs == -1 and gpus else n_jobs


def _attempt(config: TrainConfig, folder: Path, slot: int) -> Exception | None:
    """Train one run in a worker: one thread each, for two runs at once beat two threads."""
    torch.set_num_threads(1)
    if gpus := torch.cuda.device_count():
        torch.cuda.set_device(slot % gpus)
    try:
        train(config, folder / config.name, progress=False)
    except (EmergenceError, RuntimeError) as error:  # RuntimeError: torch's, out of memory
        return error
    return None


@contextmanager
def _watch(configs: Sequence[TrainConfig], folder: Path, progress: bool) -> Iterator[None]:
    """Show the tokens that all runs have seen, from their logs."""
    tokens = {c.name: c.steps * c.rows * c.model.context for c in configs}
    first = {c.name: c.decay_start * c.rows * c.model.context if c.trunk else 0 for c in configs}

    def seen(config: TrainConfig) -> int:
        if is_finished(folder / config.name):
            return tokens[config.name] - first[config.name]
        row = last_line(folder / config.name / LOG)
        return row["tokens"] - first[config.name] if row else 0

    done = threading.Event()
    bar = tqdm(
        total=sum(tokens.values()) - sum(first.values()),
        desc=f"{len(configs)} runs",
        unit="tok",
        unit_scale=True,
        disable=None if progress else True,
    )

    def look() -> None:
        while not done.wait(_GLANCE):
            bar.update(sum(map(seen, configs)) - bar.n)
            finished = sum(is_finished(folder / c.name) for c in configs)
            bar.set_postfix(finished=finished, refresh=False)

    bar.update(sum(map(seen, configs)))
    bar.unpause()  # what was there before is not this sweep's speed
    glance = threading.Thread(target=look, daemon=True)
    glance.start()
    try:
        yield
    finally:
        done.set()
        glance.join()
        bar.update(sum(map(seen, configs)) - bar.n)
        bar.close()


def collect(configs: Sequence[TrainConfig], folder: Path) -> Records:
    """Records of all runs in one table, also written to ``records.csv``.

    Parameters
    ----------
    configs : sequence of TrainConfig
        Runs.
    folder : path
        Folder of the sweep.

    Returns
    -------
    Records
    """
    rows: list[dict[str, Any]] = []
    for config in configs:
        rows += read_lines(folder / config.name / RECORDS)
    records = Records.from_records(rows)
    records.to_csv(folder / "records.csv")
    return records


def describe_sweep(configs: Sequence[TrainConfig], folder: Path) -> None:
    """Write ``sweep.json``: what made the records beside it."""
    packages = ("torch", "transformers", "tokenizers", "numpy")
    about = {
        "emergence": __version__,
        "commit": _commit(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in packages},
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "configs": [config.model_dump(mode="json") for config in configs],
    }
    path = folder / "sweep.json"
    if not path.exists():
        write_whole(path, json.dumps(about, indent=1).encode())


def _commit() -> str | None:
    """Commit of the checkout that this file lies in; None where it is installed from a wheel."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
