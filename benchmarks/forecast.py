"""Forecasts: do their intervals hold what comes, on known truth and on records?

    python benchmarks/forecast.py --datasets 200 --workers 2

Known truth: 200 checkpoints, noise 0.02, losses from 1.7 to 3.2, onsets at 2.2; those below the
cut are hidden and forecast.  A cut of 2.3 lies above the onsets: there a forecast has to say that
what comes cannot be known, or hold it.  With runs, six of them share the checkpoints (offsets of sd
0.02, autocorrelation 0.6).  Records: open_lm and our own runs, the lowest 15, 30 and 50% of the
losses hidden; from these comes the relative error that forecasts start from.  Ladder: 7B and 13B
forecast from 190M to 3.2B, which took no part in that choice; and the largest of our own runs.
The tables go to benchmarks/results/forecast.md and forecast_records.md; ``--only truth`` or
``--only records`` makes one of them.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the workers share the cores

import argparse
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product

import numpy as np
from machine import with_error, write

from emergence import Points, backtest, forecast, load_dataset, simulate
from emergence.errors import DataError
from emergence.planning.rivals import fit_sigmoid
from emergence.report.finding import strict_groups

SHAPES = ("hinge", "power", "saturating", "jump", "logistic", "exponential", "linear", "flat")
CUTS = (2.3, 2.0)
HIDDEN = (0.15, 0.3, 0.5)
RUNS = {"n_runs": 6, "offset_sd": 0.02, "rho": 0.6}
LEVEL = 0.9


def one(shape: str, cut: float, runs: bool, i: int) -> tuple[float, float, float, float]:
    """(known, share held, width, share held by the sigmoid) of one data set."""
    seed = np.random.SeedSequence([20241014, i, *shape.encode()])
    records = simulate(shape, n=200, rng=seed, **(RUNS if runs else {}))  # type: ignore[arg-type]
    points = records.select()
    train, ahead = points.where(points.loss >= cut), points.where(points.loss < cut)
    found = forecast(train, ahead.loss)
    low, high = found.interval("score", LEVEL)
    _, *ends = fit_sigmoid(train).predict(ahead.loss, LEVEL)
    ours = float(np.mean((ahead.value >= low) & (ahead.value <= high)))
    sigmoid = float(np.mean((ahead.ability >= ends[0]) & (ahead.ability <= ends[1])))
    return float(found.known), ours, float(np.mean(high - low)), sigmoid


def simulated(pool: ProcessPoolExecutor, datasets: int) -> list[str]:
    """Table of the simulations."""
    lines = [
        "| curve | errors | cut | said to be known | held, of these | width | held by sigmoid |",
        "|---|---|---|---|---|---|---|",
    ]
    for shape, runs, cut in product(SHAPES, (False, True), CUTS):
        work = partial(one, shape, cut, runs)
        out = np.array(list(pool.map(work, range(datasets), chunksize=10)))
        known = out[:, 0] > 0
        held = "" if not known.any() else spread(out[known, 1])
        width = "" if not known.any() else f"{np.median(out[known, 2]):.3f}"
        lines.append(
            f"| {shape} | {'runs' if runs else 'independent'} | {cut} "
            f"| {with_error(known.mean(), datasets)} | {held} | {width} | {spread(out[:, 3])} |"
        )
        print(lines[-1], flush=True)
    return lines


def spread(shares: np.ndarray) -> str:
    """Mean over data sets with its standard error."""
    error = shares.std(ddof=1) / np.sqrt(shares.size) if shares.size > 1 else np.nan
    return f"{shares.mean():.3f} ± {error:.3f}"


def record_groups() -> list[Points]:
    """Tasks of open_lm and of our own runs."""
    groups = [g for g in load_dataset("public_reports").groups() if "OpenLM" in g.family]
    for name in ("paper3-cpu", "paper28-cpu"):
        groups += load_dataset(name).groups()
    return groups


def hide(points: Points, share: float) -> tuple[float, float, float] | None:
    """(share held, width, error by the gain ahead), the lowest losses hidden; None: unknown."""
    cut = float(np.quantile(points.loss, share))
    try:
        found = backtest(points, cut=cut, level=LEVEL)
    except DataError:  # too few points are left
        return None
    ahead = found.cases[0].forecast
    if not ahead.known:
        return None
    row = found.to_frame().iloc[0]
    error = abs(row["bias"] / (points.best - points.chance))
    return row["coverage"], row["width"], min(error / float(ahead.gain.mean()), 2.0)


def records(pool: ProcessPoolExecutor) -> list[str]:
    """Table of the records that are not the ladder."""
    groups = record_groups()
    lines = [
        "| lowest losses hidden | forecasts | said to be known | held, of these | median width "
        "| mean error by the gain ahead, median | root mean square |",
        "|---|---|---|---|---|---|---|",
    ]
    for share in HIDDEN:
        found = list(pool.map(hide, groups, [share] * len(groups)))
        known = np.array([f for f in found if f is not None])
        lines.append(
            f"| {share:.0%} | {len(groups)} | {len(known)} | {spread(known[:, 0])} "
            f"| {np.median(known[:, 1]):.3f} | {np.median(known[:, 2]):.2f} "
            f"| {np.sqrt(np.mean(known[:, 2] ** 2)):.2f} |"
        )
    return lines


def forms(groups: Sequence[Points]) -> list[str]:
    """Table of all forms, the two largest sizes hidden, over the tasks said to be known."""
    try:
        found = backtest(groups, largest=2, level=LEVEL)
    except DataError as error:
        return [f"Nothing can be hidden and forecast: {error}."]
    lines = [
        found.reason,
        "",
        "| form | tasks | mean absolute error | held | width | interval score |",
        "|---|---|---|---|---|---|",
    ]
    for form, row in found.table.iterrows():
        lines.append(
            f"| {form} | {row['tasks']:.0f} | {row['error']:.4f} | {row['coverage']:.3f} "
            f"| {row['width']:.4f} | {row['interval_score']:.4f} |"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", type=int, default=200)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--only", choices=("truth", "records"), help="make one of the two pages")
    args = parser.parse_args()
    with ProcessPoolExecutor(args.workers) as pool:
        if args.only != "records":
            title = f"## Known truth, {args.datasets} data sets a row, nominal {LEVEL:.0%}"
            parts = [title, "\n".join(simulated(pool, args.datasets))]
            write("forecast", "Forecasts of known truth", "\n\n".join(parts))
        if args.only != "truth":
            parts = [
                "## open_lm and our own runs",
                "\n".join(records(pool)),
                "## OLMo ladder: 7B and 13B from 190M to 3.2B, eight tasks in cloze form",
                "\n".join(forms(load_dataset("olmo_ladder").groups())),
                "## Our own experiment 2, its two largest sizes hidden",
                "\n".join(forms(strict_groups(load_dataset("paper28-cpu")))),
            ]
            write("forecast_records", "Forecasts of records", "\n\n".join(parts))


if __name__ == "__main__":
    main()
