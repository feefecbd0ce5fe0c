"""Planning a training run: how much data a question takes, and which model reaches a threshold.

python examples/plan_a_run.py
"""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from emergence import (
    design,
    fit_scaling_law,
    fit_threshold,
    load_dataset,
    next_checkpoint,
    size_threshold,
)

OUT = Path("out/examples")


def main() -> None:
    """From a guess, from a pilot, and from a law of the loss."""
    OUT.mkdir(parents=True, exist_ok=True)

    # Before any run: I expect a jump of 0.15 at a loss near 2.2, and scores good to 0.03.
    # How many checkpoints let the verdict find it in 80% of such studies?
    plan = design("jump", power=0.8, checkpoints=20, sd=0.03, n_sim=30, n_boot=99)
    print(plan.summary(), "\n")
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    plan.plot(axes[0])

    # With a pilot: the MMLU scores of OLMo 2 by letter.  Where does one more checkpoint help?
    records = load_dataset("public_reports")
    points = records.select("mmlu_test_mc_5shot", "acc")
    fit = fit_threshold(points, n_boot=499)
    place = next_checkpoint(fit)
    print(place.summary(), "\n")
    place.plot(axes[1])
    figure.savefig(OUT / "plan.png", dpi=100)

    # Which model reaches the threshold, on how many tokens, and what is the cheapest training?
    runs = records.filter(family=points.family).final().to_frame().drop_duplicates("run")
    law = fit_scaling_law(runs["params"], runs["loss"], tokens=runs["tokens"], n_boot=199)
    size = size_threshold(fit, law, tokens=2e12)
    print(size.summary(), "\n")
    budgets = size.curve(np.geomspace(2e11, 5e12, 6))
    print(budgets.to_string(index=False, float_format=lambda v: f"{v:.3g}"))


if __name__ == "__main__":
    main()
