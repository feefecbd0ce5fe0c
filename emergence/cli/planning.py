"""Commands that plan: ``size``, ``translate``, ``design``, ``next``, ``forecast``, ``backtest``."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from emergence.cli.arguments import (
    FIT,
    Command,
    add,
    fit_one,
    given,
    groups_of,
    read,
    read_points,
    save_plot,
    say,
    tell,
)
from emergence.errors import EmergenceError

if TYPE_CHECKING:
    from emergence.fits.threshold_result import ThresholdFit

# Options of a guess; those left out come from the pilot, or are those of ``simulate``.
_GUESS = {
    "eta": "threshold loss (default 2.2)",
    "chance": "score of guessing (default 0.25)",
    "sd": "error of a score (default 0.02)",
    "intraclass": "correlation of the items of one checkpoint",
    "offset_sd": "sd of the offsets of runs",
    "rho": "autocorrelation of errors inside a run",
    "eta_sd": "sd of the thresholds of runs, nats",
}


def _size(args: argparse.Namespace) -> None:
    from emergence.planning.scaling_law import ScalingLaw
    from emergence.planning.size import size_threshold
    from emergence.report.analysis import family_law

    if args.tokens is not None and not args.tokens > 0:
        raise EmergenceError(f"--tokens is {args.tokens:g}; it must be positive")
    records = read(args.file, args.encoding)
    family = records.select(args.task, args.metric, args.family).family
    of_law = records if args.law is None else read(args.law, args.encoding)
    law = family_law(of_law, family, n_boot=args.n_boot, rng=args.seed)
    if not isinstance(law, ScalingLaw):
        raise EmergenceError(f"no scaling law for these records: {law}")
    if args.tokens is not None:
        law.check_tokens()
    fit = fit_one(args, records)
    found = size_threshold(fit, law, tokens=args.tokens, rng=args.seed)
    parts = (fit, law, found)
    text = "\n\n".join(part.summary(args.level) for part in parts)
    facts: dict[str, Any] = {
        n: part.to_dict() for n, part in zip(("threshold", "law", "size"), parts, strict=True)
    }
    names = ["params", *(["cheapest_params", "cheapest_tokens", "cheapest_flops"]
                         if found.cheapest is not None else [])]  # fmt: skip
    ends = {n: [*found.interval(n, args.level)] for n in names}
    say(args, text, **facts, interval=ends, level=args.level)


def _pilot(args: argparse.Namespace, path: str) -> ThresholdFit:
    from emergence.fits.threshold import fit_threshold

    points = read(path).select(args.task, args.metric, args.family)
    return fit_threshold(points, n_boot=args.n_boot, rng=args.seed)


def _design(args: argparse.Namespace) -> None:
    from emergence.planning.design import design

    options: dict[str, Any] = {k: v for k in _GUESS if (v := getattr(args, k)) is not None}
    if args.loss_range is not None:
        options["loss_range"] = tuple(args.loss_range)
    if args.pilot is not None and args.shape is not None:
        raise EmergenceError("give a guess by --shape or by --pilot, not both")
    if args.jobs == 0:
        raise EmergenceError("--jobs is 0; it must be a number of studies at a time, or -1")
    print("simulating studies; this takes a minute or two", file=sys.stderr)
    found = design(
        (args.shape or "hinge") if args.pilot is None else _pilot(args, args.pilot),
        n_jobs=args.jobs,
        rng=args.seed,
        **given(args, "width power vary checkpoints items runs n_sim n_boot"),
        **options,
    )
    tell(args, found)
    save_plot(args, found)


def _next(args: argparse.Namespace) -> None:
    from emergence.fits.threshold import fit_threshold
    from emergence.planning.next_checkpoint import next_checkpoint

    fit = fit_threshold(
        read_points(args), noise=args.noise, runs=args.runs, n_boot=199, rng=args.seed
    )
    found = next_checkpoint(fit)
    tell(args, found)
    save_plot(args, found)


def _forecast(args: argparse.Namespace) -> None:
    from emergence.planning.forecast import forecast

    found = forecast(read_points(args), args.loss, cut=args.cut, noise=args.noise, runs=args.runs)
    tell(args, found, found.summary(args.level))
    save_plot(args, found, level=args.level)


def _backtest(args: argparse.Namespace) -> None:
    from emergence.planning.backtest import backtest

    groups = groups_of(read(args.file, args.encoding), args.task, args.metric, args.family)
    found = backtest(groups, **given(args, "largest cut level noise runs"))
    tell(args, found)
    save_plot(args, found)


def _translate(args: argparse.Namespace) -> None:
    from emergence.planning.translation import translate

    if (eta := args.eta) is None:
        if args.file is None:
            raise EmergenceError("give a threshold by --eta, or records to fit it to by --records")
        eta = fit_one(args, read(args.file))
    found = translate(eta, args.table, args.source, args.target, run=args.run_column)
    tell(args, found, found.summary(args.level))
    say(args, "", interval=[*found.interval("eta", args.level)], level=args.level)
    save_plot(args, found)


def add_commands(command: Command) -> None:
    """Add the commands to the parser that ``command`` belongs to."""
    sub = add(command("size", _size, "find the model size that reaches the threshold"), *FIT, "law")
    sub.add_argument("--tokens", type=float, help="training tokens (default: the most of the law)")
    sub = command("design", _design, "how many checkpoints, items or runs it takes", file=False)
    goal = sub.add_mutually_exclusive_group(required=True)
    goal.add_argument("--width", type=float, help="goal: median width of the interval of eta, nats")
    goal.add_argument("--power", type=float, help="goal: share of studies called emergent")
    sub.add_argument("--vary", default="checkpoints", choices=("checkpoints", "items", "runs"))
    sub.add_argument("--checkpoints", type=int, default=60, help="in all, or of each run")
    sub.add_argument("--items", type=int, help="items behind a score (default: not counts)")
    sub.add_argument("--runs", type=int, help="runs (default: every checkpoint its own)")
    sub.add_argument("--shape", help="guess of the curve (default hinge)")
    sub.add_argument("--pilot", help="records to take the guess from instead")
    add(sub, "names")
    for name, text in _GUESS.items():
        sub.add_argument(f"--{name.replace('_', '-')}", type=float, help=text)
    sub.add_argument("--loss-range", type=float, nargs=2, metavar=("LOW", "HIGH"))
    sub.add_argument("--n-sim", type=int, default=60, help="studies of each size (default 60)")
    sub.add_argument("--n-boot", type=int, default=199, help="replicates in each (default 199)")
    sub.add_argument("--jobs", type=int, default=1, help="studies at a time (-1: all cores)")
    add(sub, "figure")
    sub = command("translate", _translate, "a threshold on one loss as one on another", file=False)
    sub.add_argument(
        "table", nargs="?", default="olmo", help="CSV of losses by checkpoint (default: OLMo's)"
    )
    sub.add_argument("--from", dest="source", required=True, help="column of the loss of eta")
    sub.add_argument("--to", dest="target", required=True, help="column of the other loss")
    sub.add_argument("--eta", type=float, help="threshold on the first loss")
    sub.add_argument("--records", dest="file", help="records to fit the threshold to instead")
    sub.add_argument("--run-column", default="run", help="column of the run (default run)")
    add(sub, *FIT, "figure")
    sub = command("next", _next, "at which loss the next checkpoint says most about eta")
    add(sub, "names", "noise", "figure")
    sub = command("forecast", _forecast, "forecast a task's scores at losses not reached yet")
    add(sub, "names")
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
    add(sub, "noise")
    sub.add_argument("--level", type=float, default=0.9, help="coverage (default 0.9)")
    add(sub, "figure")
