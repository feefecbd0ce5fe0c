"""Eta: does its interval hold, with ceilings and errors of the losses, and what is warned of?

    python benchmarks/eta.py --datasets 100 --workers 2

Every truth at 60 checkpoints, noise of .02, threshold 2.2; two waves begin at 2.6, the gentle foot
at 2.4.  The table goes to benchmarks/results/eta.md.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the workers share the cores

import argparse
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial

import numpy as np
from machine import write

from emergence import fit_threshold, simulate

Curve = Callable[[np.ndarray], np.ndarray]
ETA, SD = 2.2, 0.02
ELSEWHERE = {"two waves": 2.6, "gentle foot": 2.4}
WARNED = ("neighbours", "bends again", "broken evaluations")


def _depth(loss: np.ndarray, eta: float = ETA) -> np.ndarray:
    return np.maximum(eta - loss, 0.0)


def _capped(curve: Curve, at: float) -> Curve:
    return lambda loss: np.minimum(curve(loss), at)


def _jump(loss: np.ndarray, size: float, slope: float) -> np.ndarray:
    return np.where(loss < ETA, size + slope * _depth(loss), 0.0)


PLAIN: dict[str, Curve] = {
    "hinge": lambda x: 0.5 * _depth(x),
    "power .7": lambda x: 0.4 * _depth(x) ** 0.7,
    "power 1.5": lambda x: 0.7 * _depth(x) ** 1.5,
    "power 2": lambda x: _depth(x) ** 2,
    "saturating": lambda x: -0.3 * np.expm1(-6 * _depth(x)),
    "sigmoid": lambda x: -0.35 * np.expm1(-((4 * _depth(x)) ** 2)),
    "jump": lambda x: _jump(x, 0.15, 0.3),
}
CAPPED: dict[str, Curve] = {
    "hinge": _capped(lambda x: 2 * _depth(x), 0.5),
    "power .7": _capped(lambda x: 1.2 * _depth(x) ** 0.7, 0.4),
    "power 1.5": _capped(lambda x: 2.5 * _depth(x) ** 1.5, 0.4),
    "power 2": _capped(lambda x: 4 * _depth(x) ** 2, 0.4),
    "saturating": _capped(lambda x: -0.5 * np.expm1(-4 * _depth(x)), 0.3),
    "sigmoid": _capped(lambda x: -0.5 * np.expm1(-((3 * _depth(x)) ** 2)), 0.3),
    "jump": _capped(lambda x: _jump(x, 0.1, 0.8), 0.25),
}
HARD: dict[str, Curve] = {
    "two waves": lambda x: (
        -0.1 * np.expm1(-8 * _depth(x, 2.6)) - 0.3 * np.expm1(-8 * _depth(x, 2.0))
    ),
    "gentle foot": lambda x: 0.15 * _depth(x, 2.4) + 0.9 * _depth(x, 2.0),
    "logarithm": lambda x: 0.15 * np.log1p(15 * _depth(x)),
    "two pieces": lambda x: 0.3 * _depth(x) + 0.6 * _depth(x, 1.9),
}
TRUTHS = PLAIN | {f"{name}, ceiling": curve for name, curve in CAPPED.items()} | HARD
WITH_ERRORS = ("hinge", "power .7", "saturating", "sigmoid", "jump", "hinge, ceiling")


def one(name: str, loss_sd: float, i: int) -> tuple[float, ...]:
    """Coverage, width, and whether each of the warnings was given."""
    seed = np.random.SeedSequence([31, round(1000 * loss_sd), i, *name.encode()])
    measuring, moving = seed.spawn(2)
    points = simulate(TRUTHS[name], n=60, sd=SD, rng=measuring).select()
    if loss_sd:
        moved = points.loss + np.random.default_rng(moving).normal(0, loss_sd, points.size)
        points = replace(points, loss=moved)
    fit = fit_threshold(points, n_boot=199, loss_sd=loss_sd)
    low, high = fit.interval()
    held = low <= ELSEWHERE.get(name, ETA) <= high
    given = [any(text in w for w in fit.warnings) for text in WARNED]
    return float(held), high - low, *map(float, given)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", type=int, default=200)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    args = parser.parse_args()
    lines = ["| truth | error of the losses | covered | median width | agree | bend | left out |"]
    lines += ["|---|---|---|---|---|---|---|"]
    cells = [(name, 0.0) for name in TRUTHS]
    cells += [(name, sd) for sd in (0.01, 0.03) for name in WITH_ERRORS]
    with ProcessPoolExecutor(args.workers) as pool:
        for name, loss_sd in cells:
            work = partial(one, name, loss_sd)
            rows = np.array(list(pool.map(work, range(args.datasets), chunksize=4)))
            share = [f"{v:.3f}" for v in rows[:, [0, 2, 3, 4]].mean(axis=0)]
            width = f"{np.median(rows[:, 1]):.3f}"
            told = " | ".join([share[0], width, *share[1:]])
            lines.append(f"| {name} | {loss_sd or ''} | {told} |")
            text = f"{args.datasets} data sets a row, nominal 95%; `loss_sd` declared.  Warnings: "
            text += "neighbours agree, a second bend, scores left out as broken."
            write("eta", "Intervals of eta, and warnings", "\n".join([text, "", *lines]))


if __name__ == "__main__":
    main()
