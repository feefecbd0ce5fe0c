"""Foot: how often are labels wrong on truths drawn at random, by bins of the true rho?

    python benchmarks/foot.py --workers 2

Every cell is saved as it is done, and cells that are done are skipped.  Truths are those of
``emergence.curves.truths``, none of which was used to choose a rule: rules were chosen on other
seeds.  The table goes to benchmarks/results/foot.md.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the workers share the cores

import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import pairwise

import numpy as np
import pandas as pd
from machine import RESULTS, simulation, stored, write

from emergence import classify, simulate
from emergence.curves.truths import Rise, Truth, draw_truth
from emergence.verdicts.trial.evidence import RHO_RANGE

STORE = RESULTS / "foot.csv"
BINS = (0.0, 0.1, 0.2, 0.3, 0.5, 1.0, np.inf)
LABELS = ("emergent", "smooth", "undetermined", "flat")


class Recorded:
    """A gain that remembers the losses asked for, shifted where runs have thresholds of their own.

    Told of the losses that were reported, it knows the shift of each run.
    """

    def __init__(self, gain: Rise) -> None:
        self.gain, self.seen = gain, np.empty(0)

    def _moved(self, by: float, loss: np.ndarray) -> np.ndarray:
        return self.gain(loss - by)

    def __call__(self, loss: np.ndarray) -> np.ndarray:
        """Gain, and remember where."""
        self.seen = loss
        return self.gain(loss)

    def of_runs(self, points: pd.DataFrame) -> tuple[float, float]:
        """Onset and rho, means over the runs (of the logarithm of rho) as each was measured."""
        shift = points["loss"].to_numpy() - self.seen
        onsets, logs = [], []
        for own in points.groupby("run").groups.values():
            loss = points.loc[own, "loss"]
            moved = float(shift[points.index.get_indexer(own)].mean())
            mine = Truth(partial(self._moved, moved), np.nan, "", {})
            onset, rho = mine.foot(float(loss.min()), float(loss.max()))
            if np.isnan(onset):  # a run without a rise has no say
                continue
            onsets.append(onset)
            logs.append(np.log2(np.clip(rho, *RHO_RANGE)))
        return float(np.mean(onsets)), float(np.exp2(np.mean(logs)))


def one(n: int, in_runs: bool, n_boot: int, i: int) -> tuple[float, ...]:
    """True rho over the losses seen, number of the label, coverage of rho and onset, seconds."""
    drawing, measuring, judging = np.random.SeedSequence([21, n, in_runs, i]).spawn(3)
    truth = draw_truth(np.random.default_rng(drawing), in_runs=in_runs)
    gain = Recorded(truth.gain)
    records = simulate(gain, n=n, rng=measuring, **truth.options)
    points = records.select()
    onset, rho = truth.foot(float(points.loss.min()), float(points.loss.max()))
    start = time.process_time()
    verdict = classify(points, n_boot=n_boot, rng=judging)
    intervals = [verdict.interval(name) for name in ("rho", "onset")]
    seconds = time.process_time() - start
    known = (rho, onset)
    if verdict.evidence.curves > 1:
        known = gain.of_runs(records.to_frame())[::-1]
    known = (float(np.clip(known[0], *RHO_RANGE)), known[1])
    covered = [
        np.nan if np.isnan(ci.low) else float(ci.low <= value <= ci.high)
        for ci, value in zip(intervals, known, strict=True)
    ]
    return rho, float(LABELS.index(verdict.label)), *covered, seconds


def cell(rows: np.ndarray, n: int, in_runs: bool) -> pd.DataFrame:
    """One row for each bin of the true rho, and one for all."""
    out = []
    for low, high in (*pairwise(BINS), (0.0, np.inf)):
        mine = rows[(rows[:, 0] >= low) & (rows[:, 0] < high)]
        row: dict[str, object] = {"n": n, "in_runs": in_runs, "low": low, "high": high}
        row |= {"truths": len(mine), "seconds": round(float(rows[:, 4].mean()), 3)}
        row |= {label: float((mine[:, 1] == k).mean()) for k, label in enumerate(LABELS)}
        known = mine[np.isfinite(mine[:, 2])]
        row |= {"rho": float(known[:, 2].mean()), "onset": float(known[:, 3].mean())}
        out.append(row | {"known": len(known)})
    return pd.DataFrame(out)


def text(store: pd.DataFrame) -> str:
    """Markdown of all cells."""
    lines: list[str] = []
    for (n, in_runs), found in store.groupby(["n", "in_runs"], sort=False):
        total = found["truths"].iloc[-1]
        where = "in runs" if in_runs else "independent"
        lines += [f"## {n} checkpoints, {where}, {total} truths", ""]
        lines += [f"| true rho | truths | {' | '.join(LABELS)} | rho covered | onset covered |"]
        lines += ["|---|---|---|---|---|---|---|---|"]
        for r in found.to_dict("records"):
            name = f"{r['low']:g} to {r['high']:g}"
            name = "all" if name == "0 to inf" else name
            shares = [f"{r[label]:.3f}" for label in LABELS]
            shares += [f"{r[name]:.3f} of {r['known']}" for name in ("rho", "onset")]
            lines.append(f"| {name} | {r['truths']} | {' | '.join(shares)} |")
        seconds = found["seconds"].iloc[0]
        lines += ["", f"{seconds:.2f} s a verdict with its intervals.", ""]
    return "\n".join(lines)


def main() -> None:
    parser = simulation(__doc__, 2000)
    parser.add_argument("--runs", type=int, default=2000, help="truths in runs")
    args = parser.parse_args()
    store = stored(STORE)
    with ProcessPoolExecutor(args.workers) as pool:
        for n, in_runs in ((60, False), (150, False), (60, True), (150, True)):
            if len(store) and ((store["n"] == n) & (store["in_runs"] == in_runs)).any():
                continue
            size = args.runs if in_runs else args.datasets
            work = partial(one, n, in_runs, args.draws)
            rows = np.array(list(pool.map(work, range(size), chunksize=4)))
            store = pd.concat([store, cell(rows, n, in_runs)])
            store.to_csv(STORE, index=False)
    write("foot", "Labels by true rho", text(store))


if __name__ == "__main__":
    main()
