"""Commands that put a claim to the test, from ``collapse`` to the whole ``paper``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from emergence.arguments import (
    add_figure,
    add_names,
    add_noise,
    add_tests,
    figure_path,
    progress,
    read,
    read_points,
    save,
    save_plot,
)
from emergence.errors import EmergenceError
from emergence.points import Points
from emergence.records import Records


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
    from emergence.equal_loss import collapse

    records = read(args.file, args.encoding)
    groups = _groups(records, [args.task], args.metric, args.family)
    asked: Sequence[Any] = [groups] if args.pool and len(groups) > 1 else groups
    for i, points in enumerate(asked):
        found = collapse(points, by=args.by, margin=args.margin, alpha=args.alpha)
        print(found.points.family, found.summary(), "", sep="\n")
        if args.output:
            mark = f"-{i + 1}" if len(asked) > 1 else ""
            save(found.plot()[0], figure_path(args.output, mark))


def _audit(args: argparse.Namespace) -> None:
    from emergence.metric_audit import audit_metrics

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
    from emergence.forecasting import forecast

    found = forecast(read_points(args), args.loss, cut=args.cut, noise=args.noise, runs=args.runs)
    print(found.summary(args.level))
    save_plot(found, args.output)


def _backtest(args: argparse.Namespace) -> None:
    from emergence.backtesting import backtest

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


def _import(args: argparse.Namespace) -> None:
    from emergence.join import join_curves

    def ends(given: list[float] | None) -> tuple[tuple[float, float], tuple[float, float]] | None:
        return None if given is None else ((given[0], given[1]), (given[2], given[3]))

    joined = join_curves(
        args.loss,
        args.score,
        args.on,
        params=_sizes(args.params),
        task=args.task,
        metric=args.metric,
        chance=args.chance,
        model=args.model,
        family=args.family or "",
        x_unit=args.x_unit,
        score_unit=args.score_unit,
        log_x=args.log_x,
        loss_axes=ends(args.loss_axes),
        score_axes=ends(args.score_axes),
        reading_error=args.reading_error,
        smoothing=args.smoothing,
        smoothing_step=args.smoothing_step,
    )
    if args.fit:
        print(joined.fit_threshold(rng=args.seed).summary())
    joined.records.to_csv(args.output)
    print(f"{joined.records!r} written to {args.output}")


def _sizes(given: Sequence[str]) -> float | dict[str, float]:
    """Model size: one number, or NAME=NUMBER for each series."""
    try:
        if len(given) == 1 and "=" not in given[0]:
            return float(given[0])
        return {name: float(size) for name, size in (text.rsplit("=", 1) for text in given)}
    except ValueError:
        raise EmergenceError(
            f"--params {' '.join(given)}: give one number, or NAME=NUMBER for each series"
        ) from None


def _paper(args: argparse.Namespace) -> None:
    from emergence.report.paper import write_paper

    tables = {Path(path).stem: read(path) for path in args.files}
    if len(tables) < len(args.files):
        raise EmergenceError("the files must differ in name: the page calls them by it")
    page = write_paper(
        Path(args.output), tables or None, n_boot=args.n_boot, seed=args.seed, wrap=progress
    )
    print(f"page    {page}\nfigures {page.parent / 'paper'}")


def add_commands(command: Callable[..., argparse.ArgumentParser]) -> None:
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
    _add_readings(command)
    sub = command("paper", _paper, "put the claims of Du et al. to the test, on a page", file=False)
    sub.add_argument("files", nargs="*", help="records (default: the bundled ones)")
    sub.add_argument("--n-boot", type=int, default=999, help="bootstrap replicates (default 999)")
    sub.add_argument("-o", "--output", default="out", help="folder (default out)")


def _add_readings(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the command that joins figures read off."""
    sub = command("import", _import, "join curves read off a report's figures", file=False)
    sub.add_argument("loss", help="CSV of WebPlotDigitizer: loss against tokens")
    sub.add_argument("score", help="the same: score against tokens")
    sub.add_argument("--params", nargs="+", required=True, help="model size, or NAME=SIZE ...")
    sub.add_argument("--task", required=True, help="name of the task")
    sub.add_argument("--metric", default="acc", help="name of the metric (default acc)")
    sub.add_argument("--chance", type=float, help="score of guessing")
    sub.add_argument("--model", default="report", help="name of the model")
    sub.add_argument("--family", help="what makes losses comparable")
    sub.add_argument("--on", default="tokens", choices=("tokens", "flops"), help="what x is")
    sub.add_argument("--x-unit", type=float, default=1.0, help="1e9 where x is in billions")
    sub.add_argument("--score-unit", type=float, default=1.0, help="0.01 where scores are percent")
    sub.add_argument("--log-x", action="store_true", help="the x axes are logarithmic")
    for name in ("loss", "score"):
        sub.add_argument(
            f"--{name}-axes", type=float, nargs=4, metavar=("X0", "X1", "Y0", "Y1"),
            help="ends of the axes of the figure (default: those of the readings)",
        )  # fmt: skip
    sub.add_argument("--reading-error", type=float, default=0.005, help="as a share of the axis")
    sub.add_argument("--smoothing", type=float, default=0.0, help="weight of the smoothing to undo")
    sub.add_argument("--smoothing-step", type=float, help="its steps, in units of x")
    sub.add_argument("--fit", action="store_true", help="fit the threshold, reading error and all")
    sub.add_argument("-o", "--output", required=True, help="CSV of records to write")


def _add_forecast(sub: argparse.ArgumentParser) -> None:
    add_noise(sub)
    sub.add_argument("--level", type=float, default=0.9, help="coverage (default 0.9)")
    add_figure(sub)
