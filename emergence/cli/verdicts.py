"""Commands that judge: ``classify``, ``collapse``, ``audit`` and ``carry``."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emergence._files import write_table
from emergence.cli.arguments import (
    Command,
    add,
    figure_path,
    given,
    groups_of,
    progress,
    read,
    save,
    save_plot,
    say,
    tell,
)


def _classify(args: argparse.Namespace) -> None:
    from emergence.verdicts.tasks import classify_tasks

    verdicts = classify_tasks(
        read(args.file, args.encoding),
        n_jobs=args.jobs,
        rng=args.seed,
        **given(args, "metric alpha n_boot noise runs loss_sd outliers losses"),
        progress=lambda groups: progress(groups, "tasks"),
    )
    say(args, verdicts.summary(), not_fitted=verdicts.not_fitted)
    if args.json:  # everything of a verdict has its price, a threshold where there is none
        say(args, "", verdicts=[v.to_dict() for v in verdicts])
    elif args.verbose:
        say(args, "\n" + "\n".join(v.summary() for v in verdicts))
    if args.output:
        write_table(verdicts.to_frame(), Path(args.output))
        say(args, f"\nwritten: {args.output}", output=args.output)


def _collapse(args: argparse.Namespace) -> None:
    from emergence.verdicts.collapse import collapse

    records = read(args.file, args.encoding)
    groups = groups_of(records, [args.task], args.metric, args.family)
    asked: Sequence[Any] = [groups] if args.pool and len(groups) > 1 else groups
    results = []
    for i, points in enumerate(asked):
        found = collapse(points, by=args.by, margin=args.margin, alpha=args.alpha)
        results.append({"family": found.points.family} | found.to_dict())
        say(args, f"{found.points.family}\n{found.summary()}\n", results=results)
        if args.output:
            mark = f"-{i + 1}" if len(asked) > 1 else ""
            save(args, found.plot_axes()[0], figure_path(args.output, mark))


def _audit(args: argparse.Namespace) -> None:
    from emergence.verdicts.metric_audit import audit_metrics

    options = given(args, "family strict graded noise runs alpha n_boot")
    found = audit_metrics(read(args.file, args.encoding), args.task, rng=args.seed, **options)
    tell(args, found)
    save_plot(args, found)


def _carry(args: argparse.Namespace) -> None:
    from emergence.verdicts.carry_over import carry_over

    options = given(args, "metric by base share margin")
    records = read(args.file, args.encoding)
    found = carry_over(records, args.task, args.table, **options)
    tell(args, found)
    save_plot(args, found)


def add_commands(command: Command) -> None:
    """Add the commands to the parser that ``command`` belongs to."""
    sub = command("classify", _classify, "say for each task: smooth, emergent, flat, undetermined")
    add(sub, "tests", "noise", "cleaning", "jobs")
    sub.add_argument("--metric", action="append", help="only this metric (may be repeated)")
    sub.add_argument("-o", "--output", help="write the table as CSV")
    sub.add_argument("-v", "--verbose", action="store_true", help="print every reason")
    sub = command("collapse", _collapse, "ask whether the loss alone explains a task's scores")
    sub.add_argument("--task", required=True, help="name of the task")
    sub.add_argument("--metric", default="acc", help="name of the metric (default acc)")
    sub.add_argument("--family", action="append", help="only this family (may be repeated)")
    sub.add_argument("--pool", action="store_true", help="do the families fall on one curve?")
    sub.add_argument("--by", default="params", choices=("params", "tokens"))
    sub.add_argument("--margin", type=float, default=0.01, help="effect that counts as none")
    sub.add_argument("--alpha", type=float, default=0.05, help="level of the tests")
    add(sub, "figure")
    sub = command("audit", _audit, "ask whether the ability or the metric makes a threshold")
    sub.add_argument("--task", help="may be left out where there is only one")
    sub.add_argument("--family", help="the same")
    sub.add_argument("--strict", help="metric that may hide the ability (exact_match, else acc)")
    sub.add_argument("--graded", action="append", help="metric that shows it (may be repeated)")
    add(sub, "tests", "noise", "figure")
    sub = command("carry", _carry, "do runs of different kinds begin at one loss, and on which?")
    sub.add_argument("--task", required=True, help="name of the task")
    sub.add_argument("--metric", default="acc", help="name of the metric (default acc)")
    sub.add_argument("--by", default="model", help="column of the kind of a run (default model)")
    sub.add_argument("--base", help="kind that the others are held against (default: most runs)")
    for name, default, what in (
        ("share", 0.2, "of the way from chance to the best score"),
        ("margin", 0.05, "difference that does not matter, of eta"),
    ):
        sub.add_argument(f"--{name}", type=float, default=default, help=f"{what} ({default:g})")
    sub.add_argument(
        "--losses", dest="table", help="CSV of further losses by run and tokens, or a name"
    )
    add(sub, "figure")
