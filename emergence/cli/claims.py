"""Commands that put a claim to the test: ``collapse``, ``audit``, ``forecast``, ``backtest``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from emergence.cli.arguments import (
    Command,
    add_figure,
    add_names,
    add_noise,
    add_tests,
    figure_path,
    read,
    read_points,
    save,
    save_plot,
)
from emergence.errors import EmergenceError

if TYPE_CHECKING:
    from emergence.records.points import Points
    from emergence.records.records import Records


def _groups(
    records: Records, tasks: Sequence[str] | None, metric: str, families: Sequence[str] | None
) -> list[Points]:
    """Points of these tasks and families (default all) by one metric."""
    groups = [
        g
        for g in records.groups()
        if g.metric == metric
        and g.task in (tasks or records.tasks)
        and g.family in (families or records.families)
    ]
    if not groups:
        wanted = ", ".join(f"task {t!r}" for t in tasks) if tasks else "any task"
        raise EmergenceError(
            f"no scores of {wanted} by {metric!r}; tasks: {', '.join(records.tasks)}"
        )
    return groups


def _collapse(args: argparse.Namespace) -> None:
    from emergence.verdicts.collapse import collapse

    records = read(args.file, args.encoding)
    groups = _groups(records, [args.task], args.metric, args.family)
    asked: Sequence[Any] = [groups] if args.pool and len(groups) > 1 else groups
    for i, points in enumerate(asked):
        found = collapse(points, by=args.by, margin=args.margin, alpha=args.alpha)
        print(found.points.family, found.summary(), "", sep="\n")
        if args.output:
            mark = f"-{i + 1}" if len(asked) > 1 else ""
            save(found.plot_axes()[0], figure_path(args.output, mark))


def _audit(args: argparse.Namespace) -> None:
    from emergence.verdicts.metric_audit import audit_metrics

    found = audit_metrics(
        read(args.file, args.encoding),
        args.task,
        family=args.family,
        strict=args.strict,
        graded=args.graded,
        noise=args.noise,
        runs=args.runs,
        alpha=args.alpha,
        n_boot=args.n_boot,
        rng=args.seed,
    )
    print(found.summary())
    save_plot(found, args.output)


def _forecast(args: argparse.Namespace) -> None:
    from emergence.planning.forecast import forecast

    found = forecast(read_points(args), args.loss, cut=args.cut, noise=args.noise, runs=args.runs)
    print(found.summary(args.level))
    save_plot(found, args.output)


def _backtest(args: argparse.Namespace) -> None:
    from emergence.planning.backtest import backtest

    found = backtest(
        _groups(read(args.file, args.encoding), args.task, args.metric, args.family),
        largest=args.largest,
        cut=args.cut,
        level=args.level,
        noise=args.noise,
        runs=args.runs,
    )
    print(found.summary())
    save_plot(found, args.output)


def add_commands(command: Command) -> None:
    """Add the commands to the parser that ``command`` belongs to."""
    sub = command("collapse", _collapse, "ask whether the loss alone explains a task's scores")
    sub.add_argument("--task", required=True, help="name of the task")
    sub.add_argument("--metric", default="acc", help="name of the metric (default acc)")
    sub.add_argument("--family", action="append", help="only this family (may be repeated)")
    sub.add_argument("--pool", action="store_true", help="do the families fall on one curve?")
    sub.add_argument("--by", default="params", choices=("params", "tokens"))
    sub.add_argument("--margin", type=float, default=0.01, help="effect that counts as none")
    sub.add_argument("--alpha", type=float, default=0.05, help="level of the tests")
    add_figure(sub)
    sub = command("audit", _audit, "ask whether the ability or the metric makes a threshold")
    sub.add_argument("--task", help="may be left out where there is only one")
    sub.add_argument("--family", help="the same")
    sub.add_argument("--strict", help="metric that may hide the ability (exact_match, else acc)")
    sub.add_argument("--graded", action="append", help="metric that shows it (may be repeated)")
    add_tests(sub)
    add_noise(sub)
    add_figure(sub)
    sub = command("forecast", _forecast, "forecast a task's scores at losses not reached yet")
    add_names(sub)
    sub.add_argument("--loss", type=float, nargs="+", required=True, help="where, nats per token")
    sub.add_argument("--cut", type=float, help="use only the records with at least this loss")
    _add_forecast(sub)
    sub = command("backtest", _backtest, "could it have been seen coming? forecasts beside others")
    sub.add_argument("--task", action="append", help="only this task (may be repeated)")
    sub.add_argument("--metric", default="acc", help="name of the metric (default acc)")
    sub.add_argument("--family", action="append", help="only this family (may be repeated)")
    sub.add_argument("--largest", type=int, help="how many of the largest sizes to hide")
    sub.add_argument("--cut", type=float, help="hide the records with a lower loss instead")
    _add_forecast(sub)


def _add_forecast(sub: argparse.ArgumentParser) -> None:
    add_noise(sub)
    sub.add_argument("--level", type=float, default=0.9, help="coverage (default 0.9)")
    add_figure(sub)
