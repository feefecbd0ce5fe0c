"""The demo with other seeds: how often are two such runs called what they are called?

    python benchmarks/demo.py --seeds 4 --output out/demo-seeds

Trains the runs of the preset ``demo`` with seeds 0, 1, ... (a run that is there already is not
trained again: copies of those of ``out/demo`` will do), and asks every pair of them, and all
together, as ``emergence report`` asks.  The table goes to benchmarks/results/demo.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from machine import write

from emergence import classify_tasks
from emergence.records.records import Records
from emergence.train.sweeps.presets import preset
from emergence.train.sweeps.sweep import sweep

SCORES = (("reading_en", "acc"), ("fact_en", "acc"), ("cloze_en", "acc"))


def line(records: Records, seeds: Sequence[int]) -> str:
    """One row of the table: the runs of some seeds, each label with its p against either side."""
    verdicts = classify_tasks(records.filter(seed=list(seeds)), n_jobs=-1)
    found = {(v.points.task, v.points.metric): v for v in verdicts}
    cells = [
        f"{v.label} ({v.evidence.p_gradual:.3f}, {v.evidence.p_sudden:.3f})"
        for v in (found[score] for score in SCORES)
    ]
    return f"| {', '.join(map(str, seeds))} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--output", type=Path, default=Path("out/demo-seeds"))
    args = parser.parse_args()
    first = preset("demo")[0]
    seeds = range(args.seeds)
    configs = [
        first.model_copy(update={"name": first.name.replace("seed0", f"seed{s}"), "seed": s})
        for s in seeds
    ]
    records = sweep(configs, args.output)
    sets = [*combinations(seeds, 2), *([seeds] if len(seeds) > 2 else [])]
    rows = [line(records, chosen) for chosen in sets]
    head = f"| seeds | {' | '.join(f'{task}, {metric}' for task, metric in SCORES)} |"
    note = (
        "Label, and in brackets the p-values against smooth curves and against thresholds, "
        "adjusted for the number of tasks.  The pairs share runs and are not independent."
    )
    table = "\n".join([note, "", head, "|" + "---|" * (len(SCORES) + 1), *rows])
    write("demo", "The demo with other seeds", table, ("torch", "transformers"))


if __name__ == "__main__":
    main()
