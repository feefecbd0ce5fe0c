"""A report that only draws its results: loss against tokens, and a score against tokens.

    python examples/report_figures.py

Read both figures off with WebPlotDigitizer, one data set for each model under the same name, and
export them as CSV.  Here the two files are made from published checkpoints of OLMo 2 (MMLU by
letter), with the error that a careful reading has, so that the answer is known.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from emergence import Records, fit_threshold, join_curves, load_dataset

OUT = Path("out/examples")
NAMES = {"peteish7_eval_full": "7B", "peteish13_eval_full": "13B"}
ERROR = 0.005  # of the axis, in every reading


def published() -> Records:
    """MMLU by letter of both models."""
    return load_dataset("public_reports").filter(task="mmlu_test_mc_5shot", run=list(NAMES))


def digitise(folder: Path) -> tuple[Path, Path]:
    """Write both figures as WebPlotDigitizer exports them: pairs of columns under a name."""
    frame = published().to_frame()
    g = np.random.default_rng(0)
    paths = []
    for stem, column, unit, height in (("loss", "loss", 1.0, 2.0), ("score", "value", 100.0, 50.0)):
        blocks = []
        for run, name in NAMES.items():
            mine = frame[frame["run"] == run]
            x = mine["tokens"] / 1e12 + g.normal(0.0, ERROR * 5.0, len(mine))
            y = mine[column] * unit + g.normal(0.0, ERROR * height, len(mine))
            block = pd.DataFrame({"x": np.maximum(x, 0.01), "y": y}).sort_values("x")
            columns = pd.MultiIndex.from_tuples([(name, "X"), ("", "Y")])
            blocks.append(block.reset_index(drop=True).set_axis(columns, axis=1))
        path = folder / f"{stem}.csv"
        pd.concat(blocks, axis=1).to_csv(path, index=False)
        paths.append(path)
    return paths[0], paths[1]


def main() -> None:
    """Join the two figures, fit the threshold, compare with the records behind them."""
    OUT.mkdir(parents=True, exist_ok=True)
    loss, score = digitise(OUT)
    joined = join_curves(
        loss,
        score,
        params={"7B": 6.89e9, "13B": 1.32e10},
        task="mmlu",
        chance=0.25,
        x_unit=1e12,  # the axis says trillions of tokens
        score_unit=0.01,  # and percent
        loss_axes=((0.0, 5.0), (2.0, 4.0)),
        score_axes=((0.0, 5.0), (20.0, 70.0)),
        reading_error=ERROR,
    )
    print(joined.records)
    print(f"readings beyond the loss curve, not used: {len(joined.outside)}\n")

    read = joined.fit_threshold(n_boot=499)
    print(read.summary(), "\n")

    truth = fit_threshold(published().select(), n_boot=499)
    print(f"by the records themselves: eta = {truth.eta:.3f} {truth.interval():.3f}")
    joined.records.to_csv(OUT / "read_off.csv")


if __name__ == "__main__":
    main()
