"""Foot: how often are labels wrong on truths drawn at random, by bins of the true rho?

    python benchmarks/foot.py --datasets 1000 --workers 2

Truths are those of ``emergence.curves.truths``, none of which was used to choose a rule: rules were
chosen on other seeds.  The table goes to benchmarks/results/foot.md.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the workers share the cores

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import pairwise

import numpy as np
from machine import write

from emergence import classify, simulate
from emergence.curves.truths import draw_truth

BINS = (0.0, 0.1, 0.2, 0.3, 0.5, 1.0, np.inf)
LABELS = ("emergent", "smooth", "undetermined", "flat")


def one(n: int, in_runs: bool, n_boot: int, i: int) -> tuple[float, float, float, float]:
    """True rho over the losses seen, number of the label, coverage of rho (or NaN), seconds."""
    drawing, measuring, judging = np.random.SeedSequence([21, n, in_runs, i]).spawn(3)
    truth = draw_truth(np.random.default_rng(drawing), in_runs=in_runs)
    points = simulate(truth.gain, n=n, rng=measuring, **truth.options).select()
    rho = truth.foot(float(points.loss.min()), float(points.loss.max()))[1]
    start = time.process_time()
    verdict = classify(points, n_boot=n_boot, rng=judging)
    seconds = time.process_time() - start
    ci = verdict.rho_interval
    covered = np.nan if np.isnan(ci.low) else float(ci.low <= rho <= ci.high)
    return rho, float(LABELS.index(verdict.label)), covered, seconds


def table(rows: np.ndarray, n: int, in_runs: bool) -> list[str]:
    """Lines of one cell: a row for each bin of the true rho."""
    where = "in runs" if in_runs else "independent"
    lines = [f"## {n} checkpoints, {where}, {len(rows)} truths", ""]
    lines += ["| true rho | truths | emergent | smooth | undetermined | flat | rho covered |"]
    lines += ["|---|---|---|---|---|---|---|"]
    for low, high in pairwise(BINS):
        mine = rows[(rows[:, 0] >= low) & (rows[:, 0] < high)]
        if not len(mine):
            continue
        shares = [f"{(mine[:, 1] == k).mean():.3f}" for k in range(len(LABELS))]
        known = mine[np.isfinite(mine[:, 2]), 2]
        covered = f"{known.mean():.3f} of {len(known)}" if len(known) else ""
        lines.append(f"| {low:g} to {high:g} | {len(mine)} | {' | '.join(shares)} | {covered} |")
    return [*lines, "", f"{rows[:, 3].mean():.2f} s a verdict.", ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=200, help="truths in runs")
    parser.add_argument("--draws", type=int, default=199)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    args = parser.parse_args()
    lines: list[str] = []
    with ProcessPoolExecutor(args.workers) as pool:
        for n, in_runs in ((60, False), (150, False), (60, True), (150, True)):
            size = args.runs if in_runs else args.datasets
            work = partial(one, n, in_runs, args.draws)
            rows = np.array(list(pool.map(work, range(size), chunksize=4)))
            lines += table(rows, n, in_runs)
            write("foot", "Labels by true rho", "\n".join(lines))


if __name__ == "__main__":
    main()
