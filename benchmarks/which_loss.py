"""Which loss makes the threshold one?  Eleven validation losses of the same checkpoints.

    python benchmarks/which_loss.py

For the letter tasks of OLMo 2 (three large runs) the threshold of each run is found on each loss in
turn.  Nats of one text are not nats of another, so the spread between runs is put on the scale of
C4 by the slope of the one loss against the other (``translate``).  The table goes to
benchmarks/results/which_loss.md.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd
from machine import write

from emergence import Records, load_dataset, load_losses, run_thresholds, translate
from emergence.errors import DataError

TASKS = (
    "arc_challenge_test",
    "arc_easy_test",
    "csqa_val",
    "mmlu_humanities_test",
    "mmlu_social_sciences_test",
    "socialiqa_val",
)
ABOUT = ("family", "model", "run", "params", "tokens", "source")
ETA = 2.70  # near all of these thresholds, on C4


def on_loss(frame: pd.DataFrame, losses: pd.DataFrame, name: str) -> Records:
    """Scores of the same checkpoints, with another loss."""
    other = losses[["run", "tokens", name]].dropna()
    table = frame.drop(columns="loss").merge(other, on=["run", "tokens"])
    return Records(table.rename(columns={name: "loss"}))


def spread(records: Records, task: str) -> tuple[float, float]:
    """Largest less smallest threshold of the runs, and p for one; NaN where they do not say."""
    try:
        found = run_thresholds(records.select(f"{task}_mc_5shot", "acc"), n_boot=199)
    except DataError:  # on that loss the checkpoints of a run change places
        return float("nan"), float("nan")
    etas = found.to_frame()["eta"]
    return float(etas.max() - etas.min()), found.p_common


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    frame, losses = load_dataset("olmo_letter").to_frame(), load_losses("olmo")
    names = [str(c) for c in losses if c not in ABOUT]
    rows = []
    for name in names:
        records = on_loss(frame, losses, name)
        slope = 1.0 if name == "c4_en" else translate(ETA, losses, "c4_en", name).slope
        cells = []
        for task in TASKS:
            span, p = spread(records, task)
            cells.append((span / slope, p))
        rows.append((name, slope, cells))
        print(name, np.round([c for c, _ in cells], 3), flush=True)
    rows.sort(key=lambda row: float(np.nanmean([c for c, _ in row[2]])))
    head = f"| loss | slope | {' | '.join(TASKS)} | mean |"
    lines = [head, "|---" * (len(TASKS) + 3) + "|"]
    for name, slope, cells in rows:
        shown = " | ".join(f"{c:.3f} ({p:.3f})" for c, p in cells)
        lines.append(
            f"| {name} | {slope:.2f} | {shown} | {np.nanmean([c for c, _ in cells]):.3f} |"
        )
    text = (
        "Largest less smallest threshold of three runs, in nats of C4, and in brackets the p-value "
        "of one threshold for all (nan: the runs do not say); losses by their mean.\n\n"
        + "\n".join(lines)
        + "\n"
    )
    write("which_loss", "Which loss makes the threshold one", text)


if __name__ == "__main__":
    main()
