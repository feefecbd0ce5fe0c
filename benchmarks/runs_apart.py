"""What verbs promise where every run has a threshold of its own.

    python benchmarks/runs_apart.py [--datasets 200] [--draws 199]

Two tasks are scored on the same runs of 20 checkpoints.  Run r leaves chance at eta + u_r, and task
t of it at eta_t + u_r + v_rt, with standard deviations of .03 and .01 nats; scores have errors of
.02.  ``shared_threshold`` is asked for one eta where there is one, or two that lie .06 apart;
``compare_onsets`` for the kind of one task.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
from machine import simulation, with_error, write

from emergence import Points, compare_onsets, shared_threshold
from emergence.curves import hinge, jump_onset
from emergence.errors import DataError

ETA, BETWEEN, WITHIN, SD, CHECKPOINTS = 2.4, 0.03, 0.01, 0.02, 20
CURVES = {
    "kink": lambda loss, eta: hinge(loss, eta, 0.6, 0.25),
    "step and slope": lambda loss, eta: jump_onset(loss, eta, 0.15, 0.4, 0.25),
}


def tasks(shape: str, n_runs: int, apart: float, g: np.random.Generator) -> list[Points]:
    """Points of two tasks."""
    run, rank = np.divmod(np.arange(n_runs * CHECKPOINTS), CHECKPOINTS)
    loss = 3.2 - 1.5 * (rank + g.uniform(0, 1, run.size)) / CHECKPOINTS
    common = g.normal(0, BETWEEN, n_runs)
    out = []
    for t in range(2):
        eta = ETA + t * apart + common + g.normal(0, WITHIN, n_runs)
        score = CURVES[shape](loss, eta[run]) + g.normal(0, SD, run.size)
        out.append(Points(loss, score, 0.25, run=run.astype(str), tokens=rank + 1.0, task=f"t{t}"))
    return out


def shared(shape: str, n_runs: int, apart: float, draws: int, i: int) -> tuple[float, ...]:
    """Whether one eta is rejected, and whether the interval holds the mean; NaN: refused."""
    g = np.random.default_rng([20261126, n_runs, round(100 * apart), i])
    try:
        found = shared_threshold(tasks(shape, n_runs, apart, g), n_boot=draws, rng=i)
    except DataError:
        return float("nan"), float("nan"), float("nan")
    ci = found.interval()
    return found.p_common <= 0.05, ETA + apart / 2 in ci, ci.high - ci.low


def onset(shape: str, n_runs: int, draws: int, i: int) -> str:
    """Label of one task."""
    g = np.random.default_rng([20261127, n_runs, i])
    return compare_onsets(tasks(shape, n_runs, 0.0, g)[0], n_boot=draws, rng=i).label


def main() -> None:
    parser = simulation(__doc__, 200)
    args = parser.parse_args()
    lines = [
        "| shape | runs | etas apart | data sets | refused | one eta rejected | mean covered "
        "| width |",
        "|---|---|---|---|---|---|---|---|",
    ]
    with ProcessPoolExecutor(args.workers) as pool:
        for shape in CURVES:
            for n_runs, apart in ((3, 0.0), (6, 0.0), (12, 0.0), (6, 0.06)):
                work = partial(shared, shape, n_runs, apart, args.draws)
                table = np.array(list(pool.map(work, range(args.datasets))), dtype=float)
                good = table[np.isfinite(table[:, 0])]
                rejected, covered, width = good.mean(axis=0)
                cells = [with_error(p, len(good)) for p in (rejected, covered)]
                head = f"| {shape} | {n_runs} | {apart:g} | {len(table)} | {len(table) - len(good)}"
                lines.append(f"{head} | {' | '.join(cells)} | {width:.3f} |")
                print(lines[-1], flush=True)
        labels = (*CURVES, "step", "undetermined")
        lines += [
            "",
            f"| truth | runs | data sets | {' | '.join(labels)} |",
            "|---|---|---|" + "---|" * 4,
        ]
        for shape in CURVES:
            for n_runs in (3, 6):
                ask = partial(onset, shape, n_runs, args.draws)
                said = list(pool.map(ask, range(args.datasets)))
                cells = [with_error(said.count(k) / len(said), len(said)) for k in labels]
                lines.append(f"| {shape} | {n_runs} | {len(said)} | {' | '.join(cells)} |")
                print(lines[-1], flush=True)
    write("runs_apart", "Runs with thresholds of their own", "\n".join(lines))


if __name__ == "__main__":
    main()
