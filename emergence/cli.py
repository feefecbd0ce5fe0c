"""Command line: every command is one call of the library."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emergence import __version__
from emergence.arguments import add_names, add_noise, add_tests, progress, read
from emergence.claim_commands import add_commands as add_claim_commands
from emergence.errors import EmergenceError
from emergence.planning_commands import add_commands as add_planning_commands
from emergence.points import LEAST_POINTS
from emergence.record_warnings import not_fitted
from emergence.records import Records
from emergence.results import Status
from emergence.train.commands import add_commands as add_train_commands


def _validate(args: argparse.Namespace) -> None:
    records = read(args.file, args.encoding)
    print(f"{args.file}: valid. {records!r}")
    for group in records.groups():
        if group.size < LEAST_POINTS:
            print(f"  too few to fit: {group.label}, {group.size} points of {LEAST_POINTS}")
    for line in not_fitted(records.refused):
        print(f"  {line}")


def _classify(args: argparse.Namespace) -> None:
    from emergence.verdicts import classify_tasks

    verdicts = classify_tasks(
        read(args.file, args.encoding),
        metric=args.metric,
        alpha=args.alpha,
        n_boot=args.n_boot,
        noise=args.noise,
        runs=args.runs,
        n_jobs=args.jobs,
        rng=args.seed,
        progress=lambda groups: progress(groups, "tasks"),
    )
    print(verdicts.summary())
    if args.verbose:
        print()
        for v in verdicts:
            print(v.summary())
    if args.output:
        verdicts.to_frame().to_csv(args.output, index=False, lineterminator="\n")
        print(f"\nwritten: {args.output}")


def _threshold(args: argparse.Namespace, records: Records) -> Any:
    from emergence.threshold import fit_threshold

    points = records.select(args.task, args.metric, args.family)
    return fit_threshold(
        points,
        shape=args.shape,
        plateau=args.plateau,
        noise=args.noise,
        runs=args.runs,
        n_boot=args.n_boot,
        rng=args.seed,
    )


def _fit(args: argparse.Namespace) -> None:
    fit = _threshold(args, read(args.file, args.encoding))
    if args.json:
        ci = fit.interval("eta", args.level)
        print(json.dumps(fit.to_dict() | {"interval": [ci.low, ci.high], "level": ci.level}))
        return
    print(fit.summary(args.level))
    if fit.by_run is not None:
        print(fit.by_run.summary())
    elif fit.status is not Status.NO_ONSET and fit.shape != "isotonic":
        from emergence.diagnostics import diagnose

        print(diagnose(fit).summary())


def _size(args: argparse.Namespace) -> None:
    from emergence.report.analysis import family_law
    from emergence.scaling import ScalingLaw
    from emergence.size import size_threshold

    if args.tokens is not None and not args.tokens > 0:
        raise EmergenceError(f"--tokens is {args.tokens:g}; it must be positive")
    records = read(args.file, args.encoding)
    fit = _threshold(args, records)
    of_law = records if args.law is None else read(args.law, args.encoding)
    law = family_law(of_law, fit.points.family, n_boot=min(args.n_boot, 299), rng=args.seed)
    if not isinstance(law, ScalingLaw):
        raise EmergenceError(f"no scaling law for these records: {law}")
    print(fit.summary(args.level), law.summary(args.level), sep="\n\n", end="\n\n")
    print(size_threshold(fit, law, tokens=args.tokens, rng=args.seed).summary(args.level))


def _report(args: argparse.Namespace) -> None:
    from emergence.report.analysis import analyse
    from emergence.report.page import save_figures, write_report

    analysis = analyse(
        read(args.file, args.encoding),
        law_records=None if args.law is None else read(args.law, args.encoding),
        alpha=args.alpha,
        n_boot=args.n_boot,
        rng=args.seed,
        n_jobs=args.jobs,
        wrap=progress,
    )
    folder = Path(args.output)
    if args.command == "figures":
        saved = save_figures(analysis, folder, progress)
        print(f"{len(saved.images)} figures, PNG and SVG, in {folder}")
        return
    settings = {"alpha": args.alpha, "n_boot": args.n_boot, "seed": args.seed}
    if args.law is not None:
        settings = {"law of": Path(args.law).name} | settings
    page = write_report(
        analysis, folder, source=Path(args.file).name, settings=settings, wrap=progress
    )
    print(analysis.summary())
    print(f"\ntable   {folder / 'verdicts.csv'}\nfigures {folder / 'figures'}\npage    {page}")


def _simulate(args: argparse.Namespace) -> None:
    from emergence.simulation import simulate

    records = simulate(
        args.shape, eta=args.eta, n=args.n, n_runs=args.runs, sd=args.sd, rng=args.seed
    )
    records.to_csv(args.output)
    print(f"{records!r} written to {args.output}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="emergence",
        description="Does an ability begin at a pre-training loss, at which, and how sure is that?",
    )
    parser.add_argument("--version", action="version", version=f"emergence {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(
        name: str, run: Any, text: str, *, file: bool = True, seed: bool = True
    ) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(run=run)
        if file:
            sub.add_argument("file", help="records: CSV, TSV, JSONL or Parquet")
            sub.add_argument("--encoding", help="default: by byte-order mark, else UTF-8")
        if seed:
            sub.add_argument("--seed", type=int, default=0, help="random seed (default 0)")
        return sub

    command("validate", _validate, "check every cell of a file of records")
    sub = command("classify", _classify, "say for each task: smooth, emergent, flat, undetermined")
    add_tests(sub)
    add_noise(sub)
    _add_jobs(sub)
    sub.add_argument("--metric", action="append", help="only this metric (may be repeated)")
    sub.add_argument("-o", "--output", help="write the table as CSV")
    sub.add_argument("-v", "--verbose", action="store_true", help="print every reason")
    _add_fit(command("fit", _fit, "fit the threshold loss of one task")).add_argument(
        "--json", action="store_true", help="print JSON"
    )
    sub = _add_fit(command("size", _size, "find the model size that reaches the threshold"))
    sub.add_argument("--tokens", type=float, help="training tokens (default: the most of the law)")
    _add_law(sub)
    for name, text in (
        ("figures", "draw every figure as PNG and SVG"),
        ("report", "write verdicts, figures and one page to forward"),
    ):
        sub = command(name, _report, text)
        add_tests(sub)
        _add_law(sub)
        _add_jobs(sub)
        sub.add_argument("-o", "--output", default="out", help="folder (default out)")
    sub = command("simulate", _simulate, "write records of known truth", file=False)
    sub.add_argument("-o", "--output", required=True, help="CSV to write")
    sub.add_argument("--shape", default="hinge", help="shape of the curve (default hinge)")
    sub.add_argument("--eta", type=float, default=2.2, help="threshold loss (default 2.2)")
    sub.add_argument("-n", type=int, default=60, help="checkpoints")
    sub.add_argument("--runs", type=int, help="runs that share them (default: one each)")
    sub.add_argument("--sd", type=float, default=0.02, help="noise (default 0.02)")
    add_claim_commands(command)
    add_planning_commands(command)
    add_train_commands(command)
    return parser


def _add_jobs(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--jobs", type=int, default=1, help="tasks at a time (-1: all cores)")


def _add_law(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--law", help="records to fit the scaling law to (default: FILE)")


def _add_fit(sub: argparse.ArgumentParser) -> argparse.ArgumentParser:
    add_names(sub)
    sub.add_argument(
        "--shape",
        default="auto",
        help="auto, hinge, power, saturating, sigmoid, jump, step, isotonic",
    )
    add_noise(sub)
    sub.add_argument(
        "--plateau",
        default="auto",
        choices=("auto", "chance", "fitted"),
        help="level above eta: chance unless it visibly is not, chance, or fitted",
    )
    sub.add_argument("--level", type=float, default=0.95, help="coverage (default 0.95)")
    sub.add_argument("--n-boot", type=int, default=999, help="bootstrap replicates (default 999)")
    return sub


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; errors of the user's data end with status 2 and a clear text."""
    args = _parser().parse_args(argv)
    try:
        args.run(args)
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (EmergenceError, OSError, ImportError) as error:
        print(f"emergence {args.command}: {error}", file=sys.stderr)
        return getattr(error, "status", EmergenceError.status)
    except KeyboardInterrupt:
        print(f"emergence {args.command}: interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
