"""Five minutes with your own CSV.

    python examples/own_csv.py [runs.csv]

Without a file it writes one first, of six models whose truth is known, so that you see the columns.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from emergence import classify_tasks, collapse, forecast, read_records
from emergence.curves import logistic, saturating_onset
from emergence.planning.scaling_law import scaling_law_tokens
from emergence.report.analysis import analyse
from emergence.report.page import write_report

OUT = Path("out/examples")


def example_csv(path: Path) -> Path:
    """Two tasks of six sizes: one begins at a loss of 2.6, the other improves from the start."""
    g = np.random.default_rng(0)
    params = np.repeat(1e8 * 2.0 ** np.arange(6), 25)
    tokens = np.tile(np.geomspace(0.05, 1.0, 25), 6) * 40.0 * params
    loss = scaling_law_tokens(params, tokens, E=1.7, A=400.0, B=400.0, alpha=0.33, beta=0.28)
    quiz = saturating_onset(loss, eta=2.6, amplitude=0.6, rate=4.0, chance=0.25)
    cloze = logistic(loss, middle=2.7, width=0.25, ceiling=0.85, floor=0.25)
    tables = [
        pd.DataFrame(
            {
                "model": [f"model-{n:.3g}" for n in params],
                "run": [f"run-{n:.3g}" for n in params],
                "params": params,
                "tokens": tokens,
                "loss": loss,
                "task": task,
                "metric": "acc",
                "value": truth + g.normal(0.0, 0.01, truth.size),
                "chance": 0.25,
            }
        )
        for task, truth in (("quiz", quiz), ("cloze", cloze))
    ]
    pd.concat(tables).to_csv(path, index=False)
    return path


def main(argv: list[str]) -> None:
    """Read, classify, look at single tasks, write the page."""
    OUT.mkdir(parents=True, exist_ok=True)
    path = Path(argv[0]) if argv else example_csv(OUT / "runs.csv")

    # Every bad cell is named with row, column and value; a good file is a table of records.
    records = read_records(path)
    print(records, "\n")

    # One verdict for each task: smooth, emergent, flat, or undetermined.
    verdicts = classify_tasks(records, n_boot=499)
    print(verdicts.summary(), "\n")

    for verdict in verdicts:
        points = verdict.points
        if verdict.label == "emergent":
            fit = verdict.threshold
            print(f"{points.label}: eta = {fit.eta:.3f} {fit.interval('eta', level=0.9):.3f}")
        if points.params is not None and points.n_runs >= 4:
            print(f"{points.label}: {collapse(points).reason}")
        lowest = float(points.loss.min())
        print(forecast(points, [0.97 * lowest]).summary(), "\n")

    # The same on one page to forward, with figures.
    page = write_report(
        analyse(records, n_boot=499), OUT / "report", source=path.name, settings={"n_boot": 499}
    )
    print(f"page: {page}")


if __name__ == "__main__":
    main(sys.argv[1:])
