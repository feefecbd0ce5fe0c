"""Thinning: does a label hang on which of the checkpoints are at hand?

    python benchmarks/thinning.py --reference PATH --workers 2

Every letter form of OLMo 2 (three runs, 378 checkpoints), judged from all checkpoints, from each
half (every second one of a run) and from each third, with three seeds each: the letter forms that
ship and those of ``--reference``, a folder of published records (data/README.md says where they
come from).  The table goes to benchmarks/results/thinning.md.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import pandas as pd
from machine import write

from emergence import Records, classify, load_dataset

SEEDS = 3
PARTS = ((1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2))  # every so many-th, from which on
LETTER = "_mc_5shot"


def tasks_at_hand(reference: Path | None) -> dict[str, pd.DataFrame]:
    """Records of all letter forms, without what was evaluated before the first step."""
    shipped = load_dataset("public_reports").to_frame()
    frames = [shipped[shipped["task"].str.endswith(LETTER)]]
    if reference is not None:  # where they have more checkpoints
        whole = pd.read_csv(reference / "olmo_letter.csv.gz")
        other = ~frames[0]["task"].isin(whole["task"])
        frames = [whole[whole["tokens"] > 0], frames[0][other]]
    return {str(task): part for frame in frames for task, part in frame.groupby("task")}


def judged(frame: pd.DataFrame, part: tuple[int, int]) -> list[tuple[str, float]]:
    """Label and p-value of a gradual foot for each seed, from a part of the checkpoints."""
    every, start = part
    place = frame.sort_values("tokens").groupby("run").cumcount()
    points = Records(frame[place.reindex(frame.index) % every == start]).select()
    out: list[tuple[str, float]] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in range(SEEDS):
            verdict = classify(points, rng=seed)
            out.append((verdict.label, verdict.trial.evidence.p_gradual))
    return out


def row(task: str, found: list[list[tuple[str, float]]]) -> str:
    """One line of the table: the labels of every part, its largest p-value, and whether one."""
    labels = Counter(label for part in found for label, _ in part)
    cells = [task.removesuffix(LETTER)]
    for part in found:
        said = dict.fromkeys(label for label, _ in part)
        cells.append(f"{', '.join(said)} {max(p for _, p in part):.3f}")
    return f"| {' | '.join(cells)} | {'yes' if len(labels) == 1 else ''} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reference", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    tasks = tasks_at_hand(args.reference)
    head = ["all", "half 1", "half 2", "third 1", "third 2", "third 3"]
    lines = [f"| task | {' | '.join(head)} | one label |", "|" + "---|" * (len(head) + 2)]
    with ProcessPoolExecutor(args.workers) as pool:
        for task, frame in tasks.items():
            lines.append(row(task, list(pool.map(partial(judged, frame), PARTS))))
            print(lines[-1], flush=True)
    one = sum(line.endswith("yes |") for line in lines)
    text = (
        f"Label over {SEEDS} seeds (several where they differ), and the largest p-value of a "
        f"gradual foot.  One label for all: {one} of {len(tasks)} tasks.\n\n"
    )
    write("thinning", "Labels from a part of the checkpoints", text + "\n".join(lines))


if __name__ == "__main__":
    main()
