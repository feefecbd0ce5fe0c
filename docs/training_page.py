"""Write what the page on training shows: tables of tasks, config and results, two figures.

python docs/training_page.py
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from emergence import (
    Records,
    audit_metrics,
    carry_over,
    classify_tasks,
    load_dataset,
    run_thresholds,
)
from emergence.errors import DataError, MethodRefused
from emergence.figures.style import COLORS, GREY, INK, human, tidy
from emergence.train.config import ModelConfig, TrainConfig
from emergence.train.corpus.tasks import TASKS
from emergence.verdicts.axis import AXES, align_sizes
from emergence.verdicts.tasks import Verdicts

STATIC = Path(__file__).parent / "_static"
TASK_HEADER = ("task", "mirrors", "scored by", "example | answer", "wrong options")
CROSSING_HEADER = (
    "task", "loss at half-way", "spread, nats", "tokens, ratio", "compute, ratio",
    "error of loss", "of tokens", "of compute", "lines up best",
)  # fmt: skip
THRESHOLD_HEADER = (
    "task", "threshold loss by size, mean of the runs (s.e.)", "spread, nats",
    "runs differ by, sd", "one for all runs, p", "change for ten times the size (p)",
)  # fmt: skip
BEGIN_HEADER = ("task", "runs that begin, by size", "at a loss of, where that was seen")
VERDICT_HEADER = ("task", "metric", "experiment 1", "experiment 2")
CONFIG_HEADER = ("field", "default", "what it is")


def task_rows() -> list[tuple[str, ...]]:
    """One row for each task, with its first held-out item."""
    rows: list[tuple[str, ...]] = []
    for name, task in TASKS.items():
        item = task.items(1)[0]
        example = f"{item.prompt} | {item.answer}".replace("\n", " / ")
        scored = "exact match" if task.produced else f"accuracy, 1 of {len(item.options)}"
        rows.append((name, task.mirrors, scored, example, "; ".join(o.strip() for o in item.wrong)))
    return rows


def config_rows() -> list[tuple[str, ...]]:
    """One row for each field of the config."""
    rows: list[tuple[str, ...]] = []
    for model, prefix in ((TrainConfig, ""), (ModelConfig, "model.")):
        for name, field in model.model_fields.items():
            default = None if field.is_required() else field.get_default(call_default_factory=True)
            if isinstance(default, dict):
                default = ", ".join(f"{k} {v:g}" for k, v in default.items())
            said = "" if default is None or default == () else str(default)
            rows.append((f"{prefix}{name}", said, field.description or ""))
    return rows


def begin_rows(records: Records) -> list[tuple[str, ...]]:
    """How many runs of each size begin, and where."""
    runs = records.to_frame().drop_duplicates("run").set_index("run").sort_values("params")
    sizes = list(dict.fromkeys(runs["model"]))
    rows: list[tuple[str, ...]] = []
    for name in TASKS:
        try:
            found = carry_over(records, name, metric=strict(name))
        except (DataError, MethodRefused):  # hardly a run begins
            continue
        never = [run for run, why in found.aside.items() if why.startswith("never")]
        by_size = found.begins.groupby("model")["loss"]
        low, high = by_size.min(), by_size.max()
        began, where = [], []
        for size in sizes:
            of = runs.index[runs["model"] == size]
            began.append(f"{size}: {len(of.difference(never))} of {len(of)}")
            if size in low:
                where.append(f"{size}: {low[size]:.3f} to {high[size]:.3f}")
        rows.append((name, ", ".join(began), ", ".join(where)))
    return rows


def strict(task: str) -> str:
    """Metric that people report."""
    return "exact_match" if TASKS[task].produced else "acc"


def crossing_rows(records: Records) -> list[tuple[str, ...]]:
    """Half-way crossings of all long runs, and which axis lines their sizes up."""
    rows: list[tuple[str, ...]] = []
    for name in TASKS:
        found = align_sizes(records.select(name, strict(name)))
        if np.isfinite(found.crossings["loss"]).sum() < 2:
            continue
        losses = ", ".join(
            f"{human(n)}: {loss:.3f}"
            for n, loss in zip(found.sizes, found.crossings["loss"], strict=True)
            if np.isfinite(loss)
        )
        spreads = [
            f"{found.spread(a):.3f}" if a == "loss" else f"{found.spread(a):.2f}" for a in AXES
        ]
        errors = [f"{found.errors[a]:.3f}" for a in AXES]
        best = found.best if found.clear else "none clearly"
        rows.append((name, losses, *spreads, *errors, best))
    return rows


def threshold_rows(records: Records, tasks: Sequence[str]) -> list[tuple[str, ...]]:
    """Thresholds of long runs, by size."""
    rows: list[tuple[str, ...]] = []
    for name in tasks:
        found = run_thresholds(records.select(name, strict(name)))
        by_size = found.to_frame().groupby("params")["eta"]
        mean, error = by_size.mean(), by_size.std() / np.sqrt(by_size.count())
        said = [f"{human(n)}: {mean[n]:.3f} ({error[n]:.3f})" for n in mean.index]
        (size,) = (t for t in found.trends if t.by == "params")
        rows.append(
            (
                name,
                ", ".join(said),
                f"{mean.max() - mean.min():.3f}",
                f"{found.spread:.3f}",
                f"{found.p_common:.3f}",
                f"{size.slope:+.3f} ({size.p_value:.2f})",
            )
        )
    return rows


def verdict_rows(experiments: Sequence[Verdicts]) -> list[tuple[str, ...]]:
    """Labels of every task and metric in all experiments."""
    labels: dict[tuple[str, str], list[str]] = {}
    for verdicts in experiments:
        for verdict in verdicts:
            key = (verdict.points.task, verdict.points.metric)
            eta = f" {verdict.threshold.eta:.3f}" if verdict.label == "emergent" else ""
            labels.setdefault(key, []).append(verdict.label + eta)
    return [(*key, *found) for key, found in labels.items()]


def write_table(path: Path, header: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Table as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def draw_perplexity(task: str, run: str) -> Figure:
    """Accuracy, and the perplexities of correct and of wrong options, of one run."""
    records = load_dataset("paper3-cpu").filter(task=task, run=run).to_frame()
    figure = Figure(figsize=(9.6, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for metric, label, color in (
        ("perplexity_correct", "correct option", COLORS["smooth"]),
        ("perplexity_wrong", "wrong options", COLORS["emergent"]),
    ):
        mine = records[records["metric"] == metric].sort_values("tokens")
        left.plot(mine["loss"], mine["value"], "o-", ms=3, lw=1, color=color, label=label)
    left.set_yscale("log")
    left.set(ylabel="perplexity per token of the options")
    left.legend(frameon=False, fontsize=8)
    score = records[records["metric"] == "acc"].sort_values("tokens")
    right.plot(score["loss"], score["value"], "o-", ms=3, lw=1, color=INK)
    right.axhline(score["chance"].iloc[0], color=GREY, lw=1, ls="--")
    right.set(ylabel="accuracy", ylim=(0, 1))
    for ax in (left, right):
        tidy(ax).invert_xaxis()
        ax.set_xlabel("pre-training loss (nats per token)")
    left.set_title(f"{task}, {run}: both perplexities fall", fontsize=10)
    right.set_title("while the accuracy stays at chance", fontsize=10)
    return figure


def draw_audits(*tasks: tuple[str, str]) -> Figure:
    """Abilities as several metrics see them; ``tasks`` are (runs, task)."""
    figure = Figure(figsize=(9.6, 3.6), layout="constrained")
    for (runs, task), ax in zip(tasks, figure.subplots(1, len(tasks)), strict=True):
        audit_metrics(load_dataset(runs), task).plot(ax)
    return figure


def main() -> None:
    """Write them all."""
    write_table(STATIC / "tasks.csv", TASK_HEADER, task_rows())
    write_table(STATIC / "config.csv", CONFIG_HEADER, config_rows())
    long, finals = load_dataset("paper3-cpu"), load_dataset("paper28-cpu")
    write_table(STATIC / "begins.csv", BEGIN_HEADER, begin_rows(long))
    write_table(STATIC / "crossings.csv", CROSSING_HEADER, crossing_rows(long))
    found = classify_tasks(long, n_jobs=-1)
    emergent = [
        v.points.task
        for v in found
        if v.label == "emergent"
        and v.points.metric == strict(v.points.task)
        and v.threshold.by_run is not None
    ]
    write_table(STATIC / "thresholds.csv", THRESHOLD_HEADER, threshold_rows(long, emergent))
    experiments = (found, classify_tasks(finals, n_jobs=-1))
    write_table(STATIC / "verdicts.csv", VERDICT_HEADER, verdict_rows(experiments))
    for name, figure in (
        ("perplexity", draw_perplexity("exam_zh", "76k-seed1")),
        ("audit", draw_audits(("paper3-cpu", "arithmetic_en"), ("paper3-cpu", "reading_zh"))),
    ):
        figure.savefig(STATIC / f"{name}.png", dpi=120, metadata={"Software": None})
    print(f"tables and figures in {STATIC}")


if __name__ == "__main__":
    main()
