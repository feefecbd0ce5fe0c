"""Metric audit on simulated items: is an artefact called one, and a real kink real?

    python benchmarks/metric_audit.py --datasets 300 --workers 2

Each of 120 checkpoints answers 400 items of five tokens each, the probability of a token
differing between items about p(L), and p by ``wander`` between checkpoints.  Exact match counts
the items whose five tokens are all right; ``choice_prob`` is the mean probability of a token.  p is
a logistic from 0.1 to 0.9, or a kink: 0.3 above a loss of 2.2 and rising by 1 per nat below it.
The table goes to benchmarks/results/metric_audit.md.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the workers share the cores

from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
from machine import simulation, with_error, write

from emergence import Records, audit_metrics
from emergence.curves.onsets.hinge import hinge
from emergence.curves.smooth.logistic import logistic

ETA, ITEMS, TOKENS = 2.2, 400, 5
LABELS = ("ability", "metric", "none", "undetermined")
SPREAD = 0.5  # of the items, on the scale of log odds
CHECKPOINTS = 120
WANDERS = (0.01, 0.02)  # sd of a checkpoint about the curve


def truth(shape: str, loss: np.ndarray) -> tuple[np.ndarray, float]:
    """Probability of a token, and its chance."""
    if shape == "smooth":
        return 0.1 + logistic(loss, ETA, 0.15, 0.8), 0.1
    return 0.3 + hinge(loss, ETA, 1.0), 0.3


def draw(shape: str, wander: float, seed: np.random.SeedSequence) -> Records:
    """One data set: both metrics on the same checkpoints."""
    g = np.random.default_rng(seed)
    loss = g.uniform(1.7, 3.2, CHECKPOINTS)
    p, chance = truth(shape, loss)
    p = np.clip(p + g.normal(0.0, wander, loss.size), 0.02, 0.98)
    odds = np.log(p / (1.0 - p))[:, None] + SPREAD * g.standard_normal((loss.size, ITEMS))
    item = 1.0 / (1.0 + np.exp(-odds))
    right = g.uniform(size=item.shape) < item**TOKENS
    base = {
        "model": "simulated",
        "run": [f"r{i}" for i in range(loss.size)],
        "params": 1e8,
        "tokens": 1e9,
        "loss": loss,
        "task": "items",
    }
    frames = [
        pd.DataFrame(base | {"metric": "exact_match", "value": right.mean(axis=1)}).assign(
            n_items=ITEMS, chance=chance**TOKENS
        ),
        pd.DataFrame(base | {"metric": "choice_prob", "value": item.mean(axis=1)}).assign(
            chance=item_chance(chance)
        ),
    ]
    return Records(pd.concat(frames, ignore_index=True))


def item_chance(p: float) -> float:
    """Mean probability of a token over items that spread about p."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    values = 1.0 / (1.0 + np.exp(-(np.log(p / (1.0 - p)) + SPREAD * nodes)))
    return float(values @ weights / weights.sum())


def true_share(shape: str, wander: float) -> float:
    """Share of the probability there where exact match is a tenth of its best: the truth."""
    loss = np.linspace(1.7, 3.2, 4001)
    p, chance = truth(shape, loss)
    nodes, weights = np.polynomial.hermite_e.hermegauss(30)
    graded, strict = np.zeros(loss.size), np.zeros(loss.size)
    for node, weight in zip(nodes, weights / weights.sum(), strict=True):
        q = np.clip(p + wander * node, 0.02, 0.98)
        item = 1.0 / (1.0 + np.exp(-(np.log(q / (1.0 - q))[:, None] + SPREAD * nodes)))
        graded += weight * (item @ weights) / weights.sum()
        strict += weight * (item**TOKENS @ weights) / weights.sum()
    graded, strict = graded - item_chance(chance), strict - chance**TOKENS
    return float(graded[np.abs(strict - 0.1 * strict[0]).argmin()] / graded[0])


def one(shape: str, wander: float, n_boot: int, i: int) -> tuple[str, bool]:
    """Label of one data set, and whether the interval of the share holds the truth."""
    seed = np.random.SeedSequence([20240315, i, *shape.encode()])
    audit = audit_metrics(draw(shape, wander, seed), n_boot=n_boot, rng=i)
    share = audit.hidden[0]
    return audit.label, share.low <= true_share(shape, wander) <= share.high


def main() -> None:
    parser = simulation(__doc__, 300)
    args = parser.parse_args()
    lines = [
        f"| truth | wander | data sets | {' | '.join(LABELS)} | share covered |",
        "|---|---|---|" + "---|" * (len(LABELS) + 1),
    ]
    with ProcessPoolExecutor(args.workers) as pool:
        for shape, wander in product(("smooth", "kink"), WANDERS):
            work = partial(one, shape, wander, args.draws)
            results = list(pool.map(work, range(args.datasets)))
            found = [label for label, _ in results]
            shares = np.array([found.count(label) for label in LABELS]) / len(found)
            shares = np.append(shares, np.mean([hit for _, hit in results]))
            cells = [with_error(s, len(found)) for s in shares]
            lines.append(f"| {shape} | {wander} | {len(found)} | {' | '.join(cells)} |")
            print(lines[-1], flush=True)
    write("metric_audit", "Metric audit on simulated items", "\n".join(lines))


if __name__ == "__main__":
    main()
