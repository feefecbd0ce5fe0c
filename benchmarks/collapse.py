"""Collapse: how often it errs, and what it sees, on runs whose truth is known.

    python benchmarks/collapse.py

Five runs of 20 checkpoints, sizes over two decades, noise sd 0.02; with and without offsets of
runs (sd 0.005) and autocorrelation 0.6.  ``effect`` is the true effect of a decade of params at
equal loss.  The table goes to benchmarks/results/collapse.md.
"""

from __future__ import annotations

import argparse

import numpy as np
from machine import write

from emergence import collapse
from emergence._typing import FloatArray
from emergence.curves import hinge, logistic, saturating_onset
from emergence.noise.runs import RunNoise
from emergence.records.points import Points

_ETA = 2.4
SHAPES = {
    "hinge": lambda loss: hinge(loss, _ETA, 0.5),
    "saturating": lambda loss: saturating_onset(loss, _ETA, 0.35, 6.0),
    "logistic": lambda loss: logistic(loss, 2.2, 0.15, 0.5),
}
NOISES = {"independent": RunNoise(0.0, 0.02**2, 0.0),
          "runs": RunNoise(0.005**2, 0.02**2 * (1 - 0.6**2), 0.6)}  # fmt: skip


def draw(shape: str, noise: RunNoise, effect: float, rng: np.random.Generator) -> Points:
    """Points of five runs."""
    run, rank = np.repeat(np.arange(5), 20), np.tile(np.arange(20), 5)
    size = np.geomspace(1e8, 1e10, 5)[run]
    tokens = np.geomspace(3e9, 3e11, 20)[rank]
    loss: FloatArray = 1.7 + 0.6 * (1e8 / size) ** 0.3 + 0.9 * (3e9 / tokens) ** 0.35
    value = 0.25 + SHAPES[shape](loss) + effect * np.log10(size / 1e9)
    value = value + noise.simulate(run, rank, 1, rng)[:, 0]
    return Points(loss, value, chance=0.25, run=run.astype(str), params=size, tokens=tokens)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("-n", type=int, default=1000, help="data sets a cell")
    n = parser.parse_args().n
    lines = [
        f"{n} data sets a cell; Monte-Carlo standard error at most {0.5 / np.sqrt(n):.3f}, "
        f"{np.sqrt(0.05 * 0.95 / n):.3f} at 5%.",
        "",
        "| curve | errors | effect | size matters (p < .05) | none within 0.01 | 95% covers |",
        "|---|---|---|---|---|---|",
    ]
    for shape in SHAPES:
        for name, noise in NOISES.items():
            for effect in (0.0, 0.02):
                rng = np.random.default_rng([2026, int(1000 * effect)])
                found = [collapse(draw(shape, noise, effect, rng)).effect for _ in range(n)]
                inside = [e.interval().low <= effect <= e.interval().high for e in found]
                lines.append(
                    f"| {shape} | {name} | {effect:g} "
                    f"| {np.mean([e.p_none < 0.05 for e in found]):.3f} "
                    f"| {np.mean([e.p_beyond < 0.05 for e in found]):.3f} "
                    f"| {np.mean(inside):.3f} |"
                )
                print(lines[-1], flush=True)
    write("collapse", "Collapse: level, power and coverage", "\n".join(lines))


if __name__ == "__main__":
    main()
