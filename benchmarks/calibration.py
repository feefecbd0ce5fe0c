"""Calibration: do the intervals cover, and do the verdicts err as rarely as they say?

    python benchmarks/calibration.py --datasets 1000 --workers 2

Every cell is saved as it is done, and cells that are done are skipped, so the command can be
stopped and given again.  The table goes to benchmarks/results/calibration.md.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the workers share the cores

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
import pandas as pd
from machine import RESULTS, simulation, stored, with_error, write
from scenarios import ETA, SCENARIOS, UNLISTED

from emergence import Points, classify, fit_threshold, run_thresholds
from emergence.errors import DataError
from emergence.interval import Interval

STORE = RESULTS / "calibration.csv"
# (kind, scenario, n)
CELLS = (
    [("hinge", s, 72) for s in ("S3", "S3b")]
    + [("mean", "S8", 96)]
    + [("verdict", f"{s} in runs", 72) for s in ("S6a", "S6b", "S6c", "S6d")]
    + [("hinge", s, 60) for s in ("S1", "S2", "S5", "S7")]
    + [("symmetric", s, 60) for s in ("S1", "S2", "S5")]
    + [("jump", s, 60) for s in ("step", "jump")]
    + [("verdict", s, 60) for s in ("S1", "S2", "S6a", "S6b", "S6c", "S6d")]
    + [("auto", s, 60) for s in ("S1", "S2", "S4", "S5", "sat", "sig", "ceil", "sqrt", "jump")]
    + [("verdict", s, 120) for s in ("S1", "S2")]
    + [("verdict", s, 200) for s in ("S6a", "S6b", "S6c", "S6d", "S1")]
    + [("verdict", s, 60) for s in ("S4", "S5", "sat", "sig", "ceil", "sqrt", "jump")]
    + [("verdict", s, n) for s in UNLISTED for n in (60, 150)]
    + [("verdict", s, 150) for s in ("S1", "S6c")]
    + [("width", "soft", 200)]
    + [("isotonic", s, 60) for s in ("S1", "S2", "sat")]
    + [("auto", s, 72) for s in ("S3", "S3b")]
    + [("verdict", "S3", 72)]
    # Runs long enough for a curve each: 20 and 32 checkpoints.
    + [("verdict", f"{s} in runs", 120) for s in ("S6a", "S6b", "S6c", "S6d")]
    + [("verdict", f"{s} apart", 128) for s in ("S6a", "S6b", "S6c", "S6d")]
    + [("verdict", "S3", 120)]
    + [("verdict", f"{s} apart", 128) for s in ("S1", "sat", "jump", "ceil")]
    + [("mean auto", "S3", 120)]
    + [("mean auto", f"{s} apart", 128) for s in ("S1", "sat", "jump")]
    # Answers to be written: a plateau of zeros without noise.
    + [("hinge", "W1", 60), ("auto", "W1", 60), ("auto", "W sat", 60), ("hinge", "W1 in runs", 96)]
    + [("verdict", s, 60) for s in ("W1", "W6a", "W6d")]
    + [("verdict", s, 128) for s in ("W1 apart", "W1 far", "W6a apart")]
    # One threshold for all runs: true in the first four, then not.
    + [("common", s, n) for s, n in (("S3", 72), ("S3", 120), ("S3b", 72), ("W1 in runs", 96))]
    + [("common", s, n) for s, n in (("S8", 96), ("S1 apart", 128), ("jump apart", 128))]
)
# Runs take longer: last.
CELLS.sort(key=lambda cell: any(word in cell[1] for word in ("runs", "apart", "far", "S3")))
LABELS = ("emergent", "smooth", "undetermined", "flat")


def seed_of(kind: str, scenario: str, n: int, i: int) -> np.random.SeedSequence:
    """Seed of data set i of a cell, the same whatever else runs."""
    return np.random.SeedSequence([20240315, n, i, *f"{kind}{scenario}".encode()])


def one(kind: str, scenario: str, n: int, n_boot: int, i: int) -> tuple[float, float, float]:
    """(hit, width or -1, seconds) of an interval; (label number, 0, seconds) of a verdict.

    Of a test of one threshold for all runs: (rejected or NaN where refused, 0, seconds).
    """
    data, fit = seed_of(kind, scenario, n, i).spawn(2)
    points = SCENARIOS[scenario].draw(n, data)
    start = time.process_time()
    if kind == "verdict":
        label = classify(points, n_boot=n_boot, rng=fit).label
        return float(LABELS.index(label)), 0.0, time.process_time() - start
    if kind == "common":
        try:
            p = run_thresholds(points, n_boot=n_boot, rng=fit).p_common
        except DataError:  # fewer than two runs say where their threshold is
            return float("nan"), 0.0, time.process_time() - start
        return float(p <= 0.05), 0.0, time.process_time() - start
    if kind == "width":
        bound = fit_threshold(points, n_boot=99, rng=fit).corner_width()
        return float(bound >= 0.1), bound, time.process_time() - start
    interval = interval_of(kind, points, n_boot, fit)
    hit = float(ETA in interval)
    return hit, interval.high - interval.low, time.process_time() - start


def interval_of(kind: str, points: Points, n_boot: int, seed: np.random.SeedSequence) -> Interval:
    """Interval of eta by one method: a shape, a peer's bootstrap, or the mean over runs."""
    if kind in ("mean", "mean auto"):
        shape = "hinge" if kind == "mean" else "auto"
        return run_thresholds(points, shape=shape, n_boot=n_boot, rng=seed).interval("eta")
    if kind == "symmetric":  # that of R chngpt, of a pairs bootstrap
        return fit_threshold(points, shape="hinge", n_boot=n_boot, rng=seed).interval(
            "eta", method="symmetric"
        )
    return fit_threshold(points, shape=kind, n_boot=n_boot, rng=seed).interval("eta")


def run_cell(
    pool: ProcessPoolExecutor, cell: tuple[str, str, int], args: argparse.Namespace
) -> dict[str, object]:
    """All data sets of one cell, as a row of the store."""
    kind, scenario, n = cell
    work = partial(one, kind, scenario, n, args.draws)
    out = np.array(list(pool.map(work, range(args.datasets), chunksize=10)))
    row: dict[str, object] = {"kind": kind, "scenario": scenario, "n": n, "datasets": len(out)}
    row["draws"] = args.draws
    row["seconds"] = round(float(out[:, 2].mean()), 4)
    if kind == "verdict":
        row |= {label: float((out[:, 0] == j).mean()) for j, label in enumerate(LABELS)}
    elif kind == "common":
        row["rejected"] = float(np.nanmean(out[:, 0]))
        row["refused"] = float(np.isnan(out[:, 0]).mean())
    else:
        row |= {"coverage": float(out[:, 0].mean()), "width": float(np.median(out[:, 1]))}
    return row


def table(store: pd.DataFrame) -> str:
    """Markdown of all cells."""
    lines = ["## Coverage of nominal 95% for eta", ""]
    lines += [
        "| method | scenario | n | data sets | coverage ± s.e. | median width | s per interval |"
    ]
    lines += ["|---|---|---|---|---|---|---|"]
    for r in store[store["coverage"].notna()].to_dict("records"):
        lines.append(
            f"| {r['kind']} | {r['scenario']} | {r['n']} | {r['datasets']} | "
            f"{with_error(r['coverage'], r['datasets'])} | {r['width']:.3f} | {r['seconds']:.2f} |"
        )
    lines += [
        "",
        "(`symmetric` is the pairs bootstrap of the hinge, as in R chngpt; `mean` the mean over "
        "runs of known shape, `mean auto` of any; `isotonic` a one-sided limit; `width` the bound "
        "for the corner.)",
        "",
    ]
    lines += ["## Verdicts at the 5% level", ""]
    lines += [
        "| scenario | n | data sets | emergent | smooth | undetermined | flat | s per verdict |"
    ]
    lines += ["|---|---|---|---|---|---|---|---|"]
    for r in store[store["kind"] == "verdict"].to_dict("records"):
        shares = " | ".join(with_error(r[label], r["datasets"]) for label in LABELS)
        lines.append(
            f"| {r['scenario']} | {r['n']} | {r['datasets']} | {shares} | {r['seconds']:.2f} |"
        )
    lines += ["", "## One threshold for all runs, tested at 5%", ""]
    lines += ["| scenario | n | data sets | rejected | refused | s per test |"]
    lines += ["|---|---|---|---|---|---|"]
    for r in store[store["kind"] == "common"].to_dict("records"):
        lines.append(
            f"| {r['scenario']} | {r['n']} | {r['datasets']} | "
            f"{with_error(r['rejected'], r['datasets'])} | {r['refused']:.3f} | "
            f"{r['seconds']:.2f} |"
        )
    lines += [
        "",
        "(Refused where fewer than two runs say where their threshold is.  True in S3, S3b and W1 "
        "in runs; in the others runs differ.)",
    ]
    lines += ["", "## Scenarios", ""]
    lines += [f"- {s.name}: {s.text}" for s in SCENARIOS.values()]
    lines += ["", "Losses uniform on 1.7 to 3.2, eta 2.2, chance 0.25 known, noise sd 0.02."]
    return "\n".join(lines)


def main() -> None:
    parser = simulation(__doc__, 1000)
    parser.add_argument("--only", nargs="*", metavar="KIND", help="cells of these kinds alone")
    args = parser.parse_args()
    store = stored(STORE)
    done = (
        set()
        if store.empty
        else set(zip(store["kind"], store["scenario"], store["n"], strict=True))
    )
    with ProcessPoolExecutor(args.workers) as pool:
        for cell in CELLS:
            if cell in done or (args.only and cell[0] not in args.only):
                continue
            store = pd.concat([store, pd.DataFrame([run_cell(pool, cell, args)])])
            store.to_csv(STORE, index=False)
            print(store.iloc[-1].dropna().to_dict(), flush=True)
    kept = "Cells are kept once they are counted, each by as many data sets as it says.\n\n"
    write("calibration", "Calibration", kept + table(store))


if __name__ == "__main__":
    main()
