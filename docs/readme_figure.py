"""Draw the figure that opens the README and the documentation.

python docs/readme_figure.py
"""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from emergence import classify, load_dataset

TARGET = Path(__file__).parent / "_static" / "mmlu.png"


def main() -> None:
    """MMLU of OLMo 2 on the same items, answered by letter and by cloze."""
    records = load_dataset("public_reports")
    figure = Figure(figsize=(9.6, 3.6), layout="constrained")
    axes = figure.subplots(1, 2)
    for ax, form in zip(axes, ("mc", "rc"), strict=True):
        verdict = classify(records.select(f"mmlu_test_{form}_5shot"))
        verdict.plot(ax)
        name = "answer by letter" if form == "mc" else "cloze form, same items"
        ax.set_title(f"MMLU, {name}: {verdict.label}", fontsize=10)
    figure.savefig(TARGET, dpi=130, metadata={"Software": None})
    print(TARGET)


if __name__ == "__main__":
    main()
