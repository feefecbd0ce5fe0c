"""Sweep: many runs, several at a time, on this machine or on a cluster."""

import json
import platform
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from joblib import Parallel, delayed
from tqdm import tqdm

from emergence import __version__
from emergence._files import write_whole
from emergence.errors import DataError
from emergence.records.records import Records
from emergence.train.config import TrainConfig, check_branch, read_json
from emergence.train.folder import LOG, RECORDS, check_folder, is_finished
from emergence.train.state import last_line, read_lines
from emergence.train.stopping import Interrupted, TrainingStopped, termination_interrupts
from emergence.train.sweeps.process import Crew, train_apart

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

    Each run has a process of its own.  They go through joblib: inside
    ``joblib.parallel_config(backend="dask")`` (or ``"ray"``) a cluster takes them, if all
    workers see ``folder``.  On one machine with several GPUs the runs take them in turn.
    Trunks are trained before their branches.

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
        For two runs of one name, a folder with another run, or a branch without its trunk.
    TrainingStopped
        With the reason of every run that failed, when the others are done.
    Interrupted
        For Ctrl-C.

    Examples
    --------
    >>> from emergence.train.sweeps.presets import preset
    >>> records = sweep(preset("demo"), Path("out/demo"))  # doctest: +SKIP
    """
    folder = Path(folder)
    _check(configs, folder)
    folder.mkdir(parents=True, exist_ok=True)
    describe_sweep(configs, folder)
    with _watch(configs, folder, progress), termination_interrupts():
        failed = _wave([c for c in configs if c.trunk is None], folder, n_jobs, retries)
        failed |= _wave([c for c in configs if c.trunk is not None], folder, n_jobs, retries)
    done = [c for c in configs if c.name not in failed]
    records = collect(done, folder) if done else None
    if failed or records is None:
        raise TrainingStopped(
            f"{len(failed)} of {len(configs)} runs failed; the others are in {folder}, and the "
            "same command tries these again:\n"
            + "\n".join(f"  {name}: {why}" for name, why in failed.items())
        )
    return records


def _check(configs: Sequence[TrainConfig], folder: Path) -> None:
    """Find before anything is trained what would end a run hours later."""
    names = [config.name for config in configs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"several runs are called {', '.join(twice)}; a run's name is its folder")
    by_name = {config.name: config for config in configs}
    for config in configs:
        check_folder(config, folder / config.name)
        if config.trunk is None:
            continue
        if config.trunk not in by_name:
            raise DataError(f"run {config.name}: its trunk {config.trunk} is not in the sweep")
        check_branch(config, by_name[config.trunk])


def _wave(
    configs: Sequence[TrainConfig], folder: Path, n_jobs: int, retries: int
) -> dict[str, str]:
    """Train runs that do not wait for each other; say why those that failed did."""
    todo, crew = [c for c in configs if not is_finished(folder / c.name)], Crew()
    try:
        # A thread waits for each process; a cluster's workers take the place of the threads.
        errors = Parallel(n_jobs=_at_once(n_jobs), prefer="threads", batch_size=1)(
            delayed(train_apart)(config, folder, retries, crew) for config in todo
        )
    except KeyboardInterrupt:
        crew.leave()
        raise Interrupted(
            f"the sweep was interrupted; give the same command again to go on in {folder}"
        ) from None
    return {c.name: why for c, why in zip(todo, errors, strict=True) if why is not None}


def _at_once(n_jobs: int) -> int:
    gpus = torch.cuda.device_count()
    return gpus if n_jobs == -1 and gpus else n_jobs


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
    """Records of all runs in one table, also written to ``records.csv`` in the folder."""
    rows: list[dict[str, Any]] = []
    for config in configs:
        rows += read_lines(folder / config.name / RECORDS)
    records = Records.from_records(rows)
    records.to_csv(folder / "records.csv")
    return records


def describe_sweep(configs: Sequence[TrainConfig], folder: Path) -> None:
    """Write ``sweep.json``: what made the records beside it, every version that had a part."""
    path = folder / "sweep.json"
    packages = ("torch", "transformers", "tokenizers", "numpy")
    maker = {
        "emergence": __version__,
        "commit": _commit(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in packages},
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
    }
    made_by = read_json(path)["made_by"] if path.exists() else []
    if maker not in made_by:
        made_by.append(maker)
    about = {"made_by": made_by, "configs": [c.model_dump(mode="json") for c in configs]}
    write_whole(path, json.dumps(about, indent=1).encode())


def _commit() -> str | None:
    """Commit of the checkout that this file belongs to; None where it is installed."""
    here = Path(__file__)

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=here.parent, capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", here.name)  # an environment may lie in any checkout
        return git("describe", "--always", "--dirty", "--abbrev=12")
    except (OSError, subprocess.CalledProcessError):
        return None
