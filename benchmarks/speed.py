"""Speed: ratios against peers in the same process, in CPU time of one core.

    python benchmarks/speed.py

Hinge bootstrap against drawing the resampling indices alone; one exact fit against the peers
(piecewise-regression, pwlf, lmfit and scipy's curve_fit with four starts, and R segmented where
Rscript and its package are installed); a verdict; reading a million records against pandas alone.
Needs piecewise-regression and pwlf.  The table goes to benchmarks/results/speed.md.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # one core

import shutil
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import lmfit
import numpy as np
import pandas as pd
import piecewise_regression
import pwlf
from machine import write
from scipy.optimize import curve_fit

from emergence import Points, classify, load_dataset, read_records, simulate
from emergence._random import as_seed
from emergence.curves.onsets.hinge import hinge
from emergence.engine.hinge_search import pairs_hinge
from emergence.verdicts.trial.evidence import Evidence
from emergence.verdicts.trial.trial import Trial

REPLICATES = 1000
PACKAGES = ("numba", "lmfit", "piecewise-regression", "pwlf")
LIMITS = {60: 9, 500: 9, 5000: 9}


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


def lmfit_peer(x: np.ndarray, y: np.ndarray) -> None:
    """Four starts."""
    model = lmfit.Model(hinge, independent_vars=["loss"])
    for start in (1.9, 2.2, 2.5, 2.8):
        params = model.make_params(eta=start, slope=0.5, chance={"value": 0, "vary": False})
        model.fit(y, params, loss=x)


def scipy_peer(x: np.ndarray, y: np.ndarray) -> None:
    """Four starts of Levenberg and Marquardt."""
    for start in (1.9, 2.2, 2.5, 2.8):
        curve_fit(lambda x, eta, slope: hinge(x, eta, slope), x, y, (start, 0.5), maxfev=2000)


def pwlf_peer(x: np.ndarray, y: np.ndarray) -> None:
    """Differential evolution, two segments."""
    pwlf.PiecewiseLinFit(x, y).fit(2)


def piecewise_regression_peer(x: np.ndarray, y: np.ndarray) -> None:
    """Muggeo's iteration with its default restarts."""
    piecewise_regression.Fit(x, y, n_breakpoints=1)


def seconds_in_r(x: np.ndarray, y: np.ndarray, fits: int = 200) -> float | None:
    """CPU seconds of one fit of R segmented, or None where it is not installed."""
    rscript = shutil.which("Rscript")
    if rscript is None:
        return None
    code = (
        "suppressMessages(library(segmented)); d <- read.csv(file('stdin')); m <- lm(y ~ x, d);"
        f"t <- system.time(for (i in 1:{fits}) segmented(m, seg.Z = ~x, npsi = 1));"
        f"cat(sum(t[1:2]) / {fits})"
    )
    text = pd.DataFrame({"x": x, "y": y}).to_csv(index=False)
    done = subprocess.run([rscript, "-e", code], input=text, capture_output=True, text=True)
    return float(done.stdout) if done.returncode == 0 else None


def peer_rows() -> list[str]:
    """One fit of a peer against one of our 1,000 exact replicates, its resampling included."""
    x, y = data(60)
    rng = np.random.default_rng(0)
    ours = cpu(lambda: pairs_hinge(x, y, REPLICATES, rng), 15) / REPLICATES
    rows = []
    peers = {
        "piecewise-regression": (piecewise_regression_peer, 3, "at least 100,000"),
        "pwlf": (pwlf_peer, 3, ""),
        "lmfit, four starts": (lmfit_peer, 10, "at least 1,000"),
        "scipy curve_fit, four starts": (scipy_peer, 10, ""),
    }
    times: dict[str, tuple[float | None, str]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peers warn of fits stuck at a start: part of the point
        np.random.seed(0)  # noqa: NPY002 the peers that restart draw from the global state
        for name, (peer, repeats, promise) in peers.items():
            times[name] = cpu(lambda peer=peer: peer(x, y), repeats), promise  # type: ignore[misc]
    times["R segmented"] = seconds_in_r(x, y), ""
    for name, (theirs, promise) in times.items():
        cells = "not installed | " if theirs is None else f"{theirs * 1e3:.3g} ms | "
        ratio = "" if theirs is None else f"{theirs / ours:,.0f} times faster"
        rows.append(
            f"| one exact hinge replicate, n = 60 | {ours * 1e6:.2f} µs | {name} | {cells}{ratio} "
            f"| {promise} |"
        )
    return rows


def both_tests(points: Points) -> Evidence:
    """Fit of a task and the bootstrap under each null."""
    return Trial(points, "auto", "auto", "auto", alpha=0.05, n_boot=1000, seed=as_seed(0)).evidence


def verdict_rows() -> list[str]:
    """Fit and both tests, 1,000 draws under each null; then with plateau, interval and reason."""
    rows = []
    for n in (60, 1000):
        for shape in ("hinge", "jump", "saturating", "logistic", "linear"):
            label, whole = [], []
            for seed in range(10 if n == 60 else 4):
                points = simulate(shape, n=n, rng=seed).select()
                label.append(cpu(lambda p=points: both_tests(p), 1))  # type: ignore[misc]
                whole.append(cpu(lambda p=points: classify(p, n_boot=1000).reason, 1))  # type: ignore[misc]
            rows.append(
                f"| fit and both bootstrap tests, {shape}, n = {n} | {np.mean(label):.3f} s "
                f"(worst {max(label):.3f}); with interval, corner, reason {np.mean(whole):.2f} s "
                "| | | | |"
            )
    return rows


def everything(points: Points) -> None:
    """A verdict with its reason, rho, onset, eta and their intervals, at the default settings."""
    verdict = classify(points)
    assert verdict.reason
    for name in ("rho", "onset"):
        verdict.interval(name)
    verdict.threshold.interval("eta")


def whole_rows() -> list[str]:
    """All that is said of one task; what was asked of each size beside it."""
    shapes = ("hinge", "jump", "power", "logistic", "linear")
    sets = {
        f"n = {n}": ([simulate(s, n=n, rng=i).select() for i, s in enumerate(shapes)], asked)
        for n, asked in ((60, 0.2), (1000, 0.4), (10_000, 0.8))
    }
    runs = load_dataset("paper3-cpu").select("arithmetic_en", "exact_match")
    name = f"{runs.n_runs} runs of {runs.size // runs.n_runs}, our own"
    sets[name] = ([runs], 1.5)
    rows = []
    for name, (points, asked) in sets.items():
        took = [cpu(lambda p=p: everything(p), 1) for p in points]  # type: ignore[misc]
        rows.append(
            f"| verdict, reason, rho, onset, eta, all intervals, {name} | {np.mean(took):.2f} s "
            f"(worst {max(took):.2f}) | | | | asked: {asked} s |"
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
            "loss": rng.uniform(1.7, 3.2, (100, n // 2000))[run, step].round(6),
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
    rows = [*bootstrap_rows(), *peer_rows(), *verdict_rows(), *whole_rows(), reading_row()]
    write("speed", "Speed", "\n".join(head + rows), PACKAGES)


if __name__ == "__main__":
    main()
