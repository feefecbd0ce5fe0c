"""Write what the page on training shows: tables of tasks, config and results, two figures.

python docs/training_page.py
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from emergence import Records, audit_metrics, classify_tasks, load_dataset, run_thresholds
from emergence.figures.style import COLORS, GREY, INK, human, tidy
from emergence.report.analysis import Analysis, analyse
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
SIZE_HEADER = (
    "runs", "task", "threshold loss", "95% interval", "parameters that reach it", "95% interval",
    "remark",
)  # fmt: skip
VERDICT_HEADER = ("task", "metric", "experiment 1", "again", "constant rate", "experiment 2")
CONFIG_HEADER = ("field", "default", "what it is")


def all_seeds() -> Records:
    """Long runs of experiment 1 and those of the seeds after it."""
    names = ("paper3-cpu", "paper3-cpu-again")
    frames = [load_dataset(name).to_frame() for name in names]
    return Records(pd.concat(frames, ignore_index=True))


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


def crossing_rows() -> list[tuple[str, ...]]:
    """Half-way crossings of all long runs, and which axis lines their sizes up."""
    records, rows = all_seeds(), []
    for name, task in TASKS.items():
        found = align_sizes(records.select(name, "exact_match" if task.produced else "acc"))
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
        metric = "exact_match" if TASKS[name].produced else "acc"
        found = run_thresholds(records.select(name, metric))
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


def size_rows(runs: str, analysis: Analysis) -> list[tuple[str, ...]]:
    """Threshold loss of the emergent tasks, and the model size that reaches it."""
    rows: list[tuple[str, ...]] = []
    for i, size in analysis.sizes.items():
        verdict = analysis.verdicts[i]
        if verdict.points.metric not in ("acc", "exact_match"):
            continue
        eta, n = verdict.eta_interval, size.interval("params")
        high = "not bounded" if n.open_high else human(n.high)
        at = "" if size.tokens is None else f" at {human(size.tokens)} tokens"
        rows.append(
            (
                runs,
                verdict.points.task,
                f"{verdict.threshold.eta:.3f}",
                f"{eta.low:.3f} to {eta.high:.3f}",
                f"{human(size.params)}{at}",
                f"{human(n.low)} to {high}",
                "mostly outside the sizes of the law" if size.extrapolated else "",
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
    write_table(STATIC / "crossings.csv", CROSSING_HEADER, crossing_rows())
    finals, constant = load_dataset("paper28-cpu"), load_dataset("paper3-cpu-wsd")
    long, under_constant = (
        analyse(records, law_records=finals, n_jobs=-1)
        for records in (load_dataset("paper3-cpu"), constant)
    )
    sizes = size_rows("experiment 1", long) + size_rows("constant rate", under_constant)
    write_table(STATIC / "sizes.csv", SIZE_HEADER, sizes)
    late = [name for name in TASKS if name.startswith(("arithmetic", "coreference"))]
    for name, records in (("thresholds", all_seeds()), ("thresholds_wsd", constant)):
        write_table(STATIC / f"{name}.csv", THRESHOLD_HEADER, threshold_rows(records, late))
    again, budgets = (
        classify_tasks(records, n_jobs=-1) for records in (load_dataset("paper3-cpu-again"), finals)
    )
    experiments = (long.verdicts, again, under_constant.verdicts, budgets)
    write_table(STATIC / "verdicts.csv", VERDICT_HEADER, verdict_rows(experiments))
    draw_perplexity("reading_zh", "285k-seed0").savefig(
        STATIC / "perplexity.png", dpi=120, metadata={"Software": None}
    )
    draw_audits(("paper3-cpu-wsd", "arithmetic_en"), ("paper3-cpu", "coreference_zh")).savefig(
        STATIC / "audit.png", dpi=120, metadata={"Software": None}
    )
    print(f"tables and figures in {STATIC}")


if __name__ == "__main__":
    main()
