"""Figures read off: does the interval of eta hold the truth?

    python benchmarks/digitized.py --datasets 500 --workers 2

Two runs of 7e9 and 1.3e10 parameters: loss against tokens, and a score against tokens, which leaves
chance at a loss of 2.2.  Both figures are read with an error of 0.5% of the axis (standard
deviation) in every reading, in x and in y, and in the two ends of every axis by which the readings
are scaled.  With ``smoothed`` the loss curve was drawn with exponential smoothing, which is undone.
The table goes to benchmarks/results/digitized.md.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the workers share the cores

import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
import pandas as pd
from machine import simulation, with_error, write

from emergence import join_curves
from emergence.curves.onsets.hinge import hinge
from emergence.curves.onsets.saturating import saturating_onset
from emergence.readers.joined_curves import Axis, ReadFigure

ETA, ERROR, NOISE = 2.2, 0.005, 0.01
SIZES = {"7B": 7e9, "13B": 1.3e10}
STEP, BETA = 4.0, 0.9  # of the smoothing, in billions of tokens
SCENARIOS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], bool]] = {
    "hinge": (lambda loss: 0.25 + hinge(loss, ETA, 0.7), False),
    "saturating": (lambda loss: 0.25 + saturating_onset(loss, ETA, 0.3, 6.0), False),
    "hinge, smoothed": (lambda loss: 0.25 + hinge(loss, ETA, 0.7), True),
}


def loss_of(params: float, tokens: np.ndarray) -> np.ndarray:
    """Loss after so many billions of tokens."""
    out: np.ndarray = 1.25 + 2.1 * (params / 7e9) ** -0.2 * tokens**-0.2
    return out


def figures(name: str, g: np.random.Generator) -> tuple[ReadFigure, ReadFigure]:
    """Both figures as they are printed."""
    shape, smoothed = SCENARIOS[name]
    losses, scores = {}, {}
    for run, params in SIZES.items():
        steps = np.arange(STEP, 1400.0, STEP)
        drawn = loss_of(params, steps)
        if smoothed:
            for t in range(1, drawn.size):
                drawn[t] = BETA * drawn[t - 1] + (1 - BETA) * drawn[t]
        read = np.unique(np.geomspace(2, steps.size, 90).astype(int)) - 1
        losses[run] = pd.DataFrame({"x": steps[read], "y": drawn[read]})
        at = np.sort(g.uniform(10.0, 1390.0, 45))
        value = shape(loss_of(params, at)) + g.normal(0.0, NOISE, at.size)
        scores[run] = pd.DataFrame({"x": at, "y": 100 * value})
    x = Axis(0.0, 1400.0)
    return ReadFigure(losses, x, Axis(1.5, 3.5)), ReadFigure(scores, x, Axis(20.0, 60.0))


def one(name: str, n_boot: int, i: int) -> tuple[float, float, float, float]:
    """(hit, hit without the reading's part, width, seconds) of one data set."""
    seeds = np.random.SeedSequence([20240315, i, *name.encode()]).spawn(2)
    g = np.random.default_rng(seeds[0])
    loss, score = (figure.again(ERROR, g, points=True) for figure in figures(name, g))
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # readings beyond the loss curve: none of our concern
        joined = join_curves(
            loss.series,
            score.series,
            params=SIZES,
            task="mmlu",
            chance=0.25,
            x_unit=1e9,
            score_unit=0.01,
            loss_axes=loss.axes,
            score_axes=score.axes,
            reading_error=ERROR,
            **({"smoothing": BETA, "smoothing_step": STEP} if SCENARIOS[name][1] else {}),  # type: ignore[arg-type]
        )
    found = joined.fit_threshold(n_boot=n_boot, rng=seeds[1])
    ci = found.interval()
    hits = float(ETA in ci), float(ETA in found.fit.interval())
    return *hits, ci.high - ci.low, time.process_time() - start


def main() -> None:
    parser = simulation(__doc__, 500)
    args = parser.parse_args()
    lines = [
        "| figures | data sets | coverage | without the reading's part | median width, nats | s |",
        "|---|---|---|---|---|---|",
    ]
    with ProcessPoolExecutor(args.workers) as pool:
        for name in SCENARIOS:
            work = partial(one, name, args.draws)
            out = np.array(list(pool.map(work, range(args.datasets), chunksize=10)))
            shares = out[:, :2].mean(axis=0)
            cells = [with_error(p, len(out)) for p in shares]
            width, seconds = np.median(out[:, 2]), out[:, 3].mean()
            lines.append(
                f"| {name} | {len(out)} | {' | '.join(cells)} | {width:.3f} | {seconds:.1f} |"
            )
            print(lines[-1], flush=True)
    write("digitized", "Thresholds from figures: nominal 95%", "\n".join(lines))


if __name__ == "__main__":
    main()
