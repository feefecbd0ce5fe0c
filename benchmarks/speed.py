"""Speed: ratios against peers in the same process, in CPU time of one core.

    python benchmarks/speed.py

Hinge bootstrap against drawing the resampling indices alone and against lmfit with four starts;
a verdict; reading a million records against pandas alone.  The table goes to
benchmarks/results/speed.md.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # one core

import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import lmfit
import numpy as np
import pandas as pd
from machine import write

from emergence import classify, read_records, simulate
from emergence.curves import hinge
from emergence.resample import pairs_hinge

REPLICATES = 1000
LIMITS = {60: 50, 500: 25, 5000: 15}


def cpu(run: Callable[[], object], repeats: int) -> float:
    """Least CPU time of some repeats, seconds."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    return min(times)


def data(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Sorted losses and abilities of one simulated task."""
    frame = simulate("hinge", n=n, rng=1).to_frame().sort_values("loss")
    return frame["loss"].to_numpy(), frame["value"].to_numpy() - 0.25


def bootstrap_rows() -> list[str]:
    """1,000 exact replicates against their own random numbers."""
    rows = []
    for n, limit in LIMITS.items():
        x, y = data(n)
        rng = np.random.default_rng(0)
        draw = cpu(lambda n=n, rng=rng: rng.integers(0, n, (REPLICATES, n)), 15)  # type: ignore[misc]
        boot = cpu(lambda x=x, y=y, rng=rng: pairs_hinge(x, y, REPLICATES, rng), 7)  # type: ignore[misc]
        rows.append(
            f"| 1,000 hinge replicates, n = {n} | {boot * 1e3:.2f} ms | drawing the indices alone "
            f"| {draw * 1e3:.2f} ms | {boot / draw:.1f} times | at most {limit} |"
        )
    return rows


def lmfit_row() -> str:
    """1,000 replicates against 1,000 lmfit fits with four starts (timed on 25, scaled)."""
    x, y = data(60)
    rng = np.random.default_rng(0)
    model = lmfit.Model(hinge, independent_vars=["loss"])
    few = 25

    def peer() -> None:
        for _ in range(few):
            index = rng.integers(0, 60, 60)
            for start in (1.9, 2.2, 2.5, 2.8):
                params = model.make_params(eta=start, slope=0.5, chance={"value": 0, "vary": False})
                model.fit(y[index], params, loss=x[index])

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lmfit warns of fits stuck at a start: part of the point
        theirs = cpu(peer, 3) * REPLICATES / few
    ours = cpu(lambda: pairs_hinge(x, y, REPLICATES, rng), 7)
    return (
        f"| 1,000 hinge replicates, n = 60 | {ours * 1e3:.2f} ms | lmfit, four starts each "
        f"| {theirs:.1f} s | 1/{theirs / ours:,.0f} | at most 1/1,000 |"
    )


def verdict_rows() -> list[str]:
    """A verdict with 1,000 draws under each null, its interval and its sentence included."""
    rows = []
    for shape in ("hinge", "jump", "saturating", "logistic", "linear"):
        times = []
        for seed in range(10):
            points = simulate(shape, n=60, rng=seed).select()
            times.append(cpu(lambda p=points: classify(p, n_boot=1000).reason, 1))  # type: ignore[misc]
        rows.append(
            f"| verdict and reason, {shape}, n = 60 | {np.mean(times):.2f} s "
            f"(worst {max(times):.2f}) | | | | at most 0.4 s |"
        )
    return rows


def reading_row(n: int = 1_000_000) -> str:
    """Read and check a million records against pandas.read_csv alone."""
    rng = np.random.default_rng(0)
    run, step, task = np.unravel_index(np.arange(n), (100, n // 2000, 20))
    frame = pd.DataFrame(
        {
            "model": "m",
            "run": np.char.add("run-", run.astype(str)),
            "params": 1e8 * (1 + run % 7),
            "tokens": (step + 1) * 1e9,
            "loss": rng.uniform(1.7, 3.2, n).round(6),
            "task": np.char.add("task-", task.astype(str)),
            "metric": "acc",
            "value": rng.integers(250, 501, n) / 1000,
            "n_items": 1000,
            "chance": 0.25,
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "million.csv"
        frame.to_csv(path, index=False)
        alone = cpu(lambda: pd.read_csv(path), 3)
        ours = cpu(lambda: read_records(path), 3)
    return (
        f"| read and check 1,000,000 records | {ours:.2f} s | pandas.read_csv | {alone:.2f} s "
        f"| {ours / alone:.2f} times | at most 3 |"
    )


def main() -> None:
    head = ["| what | ours | peer | theirs | ratio | promise |", "|---|---|---|---|---|---|"]
    rows = [*bootstrap_rows(), lmfit_row(), *verdict_rows(), reading_row()]
    write("speed", "Speed", "\n".join(head + rows), ("lmfit",))


if __name__ == "__main__":
    main()
