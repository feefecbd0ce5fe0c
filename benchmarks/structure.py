"""Structure: do labels and eta hold where records have the faults of other people's runs?

    python benchmarks/structure.py --workers 2

Counts that runs shift, losses measured with an error, evaluations that broke off, precise scores
beside poor ones; kinks, smooth curves and slight rises of known truth.  Every cell is saved as it
is done, and cells that are done are skipped.  The table goes to benchmarks/results/structure.md.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import warnings
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from machine import RESULTS, simulation, stored, with_error, write

from emergence import Points, classify
from emergence._typing import FloatArray

STORE = RESULTS / "structure.csv"
ETA, CHANCE = 2.45, 0.25
LABELS = ("emergent", "smooth", "undetermined", "flat")


class Cell(NamedTuple):
    """One kind of records: truth, runs, checkpoints a run, items, and what is wrong with them."""

    name: str
    truth: str
    runs: int
    checkpoints: int
    items: tuple[int, ...]
    loss_error: float = 0.0
    broken: float = 0.0


CELLS = (
    *(Cell(f"loss error {sd:g}", truth, 1, 150, (2000,), loss_error=sd)
      for sd in (0.0, 0.005, 0.01, 0.03) for truth in ("kink", "smooth")),
    Cell("clean, precise", "kink", 0, 60, (12_000,)),
    Cell("30 of 50 items", "kink", 0, 60, (12_000, 50)),
    Cell("5% broken", "kink", 0, 60, (12_000,), broken=0.05),
    Cell("both", "kink", 0, 60, (12_000, 50), broken=0.05),
    Cell("both", "smooth", 0, 60, (12_000, 50), broken=0.05),
    *(Cell(f"{runs} runs, {items} items", truth, runs, 40, (items,))
      for items in (100, 10_000) for runs in (3, 20) for truth in ("kink", "smooth", "slight")),
)  # fmt: skip


def score(truth: str, loss: FloatArray) -> FloatArray:
    """Share of items right: a kink, a logistic curve, a line that rises by .1."""
    if truth == "kink":
        return CHANCE + np.clip(1.5 * (ETA - loss), 0.0, 0.7)
    if truth == "smooth":
        return np.asarray(CHANCE + 0.5 / (1.0 + np.exp((loss - 2.55) / 0.12)))
    return np.asarray(CHANCE + 0.1 * (2.85 - loss) / 0.65)


def draw(cell: Cell, rng: np.random.Generator) -> Points:
    """One data set."""
    if not cell.runs:
        loss = np.sort(rng.uniform(2.2, 2.85, cell.checkpoints))
        run = tokens = None
        shift = np.zeros(loss.size)
    else:
        steps = np.linspace(8e9, 1.2e12, cell.checkpoints)
        ends = 2.2 + np.append(0.0, rng.uniform(0.0, 0.15, cell.runs))[: cell.runs]
        loss = (ends[:, None] + 0.65 * (steps / 8e9) ** -0.35).ravel()
        run = np.repeat([f"run{r}" for r in range(cell.runs)], cell.checkpoints)
        tokens = np.tile(steps, cell.runs)
        shift = np.repeat(rng.normal(0.0, 0.01, cell.runs), cell.checkpoints) * (cell.runs > 1)
    items = np.resize(np.array(cell.items, dtype=float), loss.size)
    share = np.clip(score(cell.truth, loss) + shift, 0.0, 1.0)
    value = rng.binomial(items.astype(int), share) / items
    value[rng.random(loss.size) < cell.broken] = 0.0
    seen = loss + rng.normal(0.0, cell.loss_error, loss.size)
    columns = {"n_items": items, "run": run, "tokens": tokens, "counted": True}
    return Points(seen, value, chance=CHANCE, **columns)  # type: ignore[arg-type]


def one(cell: Cell, n_boot: int, i: int) -> tuple[float, ...]:
    """Label, whether eta is covered, width of its interval, mean residual."""
    rng = np.random.default_rng([22, i, *map(ord, cell.name + cell.truth)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        verdict = classify(draw(cell, rng), n_boot=n_boot, rng=i)
        common, covered, width = verdict.trial.common, np.nan, np.nan
        residual = float((common.points.value - common.predict(common.points.loss)).mean())
        if cell.truth == "kink":
            ci = verdict.threshold.interval("eta")
            covered, width = float(ci.low <= ETA <= ci.high), ci.high - ci.low
    return float(LABELS.index(verdict.label)), covered, width, residual


def row(cell: Cell, found: np.ndarray) -> dict[str, object]:
    """One line of the table."""
    out: dict[str, object] = {"records": cell.name, "truth": cell.truth, "datasets": len(found)}
    out |= {label: float((found[:, 0] == k).mean()) for k, label in enumerate(LABELS)}
    known = found[np.isfinite(found[:, 1])]
    out["covered"] = float(known[:, 1].mean()) if len(known) else np.nan
    out["width"] = float(np.median(known[:, 2])) if len(known) else np.nan
    residual = np.abs(found[:, 3])
    return out | {"residual": float(residual.mean()), "largest": float(residual.max())}


def text(store: pd.DataFrame) -> str:
    """Markdown."""
    head = ["records", "truth", "data sets", *LABELS, "eta covered", "width", "mean residual",
            "largest"]  # fmt: skip
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for r in store.to_dict("records"):
        cells = [str(r["records"]), str(r["truth"]), str(r["datasets"])]
        cells += [with_error(r[label], r["datasets"]) for label in LABELS]
        known = not pd.isna(r["covered"])
        cells += [with_error(r["covered"], r["datasets"]) if known else ""]
        cells += [f"{r['width']:.3f}" if known else "", f"{r['residual']:.4f}"]
        cells.append(f"{r['largest']:.4f}")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = simulation(__doc__, 200)
    args = parser.parse_args()
    store = stored(STORE)
    with ProcessPoolExecutor(args.workers) as pool:
        for cell in CELLS:
            if len(store) and ((store.records == cell.name) & (store.truth == cell.truth)).any():
                continue
            work = partial(one, cell, args.draws)
            found = np.array(list(pool.map(work, range(args.datasets), chunksize=4)))
            store = pd.concat([store, pd.DataFrame([row(cell, found)])])
            store.to_csv(STORE, index=False, float_format="%.4g")
    write("structure", "Records with the faults of real ones", text(store))


if __name__ == "__main__":
    main()
