"""Commands on records: ``validate`` and ``simulate``."""

import argparse

from emergence.cli.arguments import Command, read, say


def _validate(args: argparse.Namespace) -> None:
    from emergence.records.points import LEAST_POINTS
    from emergence.records.warnings import not_fitted

    records = read(args.file, args.encoding)
    say(args, f"{args.file}: valid. {records!r}", valid=True, rows=len(records))
    notes = []
    refused = {(task, metric) for task, metric, _ in records.refused}
    for (family, task, metric), size in records.sizes().items():
        if size < LEAST_POINTS and (task, metric) not in refused:
            of = f" of {family}" if family else ""
            notes.append(f"too few to fit: {task} {metric}{of}, {size} points of {LEAST_POINTS}")
    notes += not_fitted(records.refused)
    say(args, "\n".join(f"  {note}" for note in notes), notes=notes)


def _simulate(args: argparse.Namespace) -> None:
    from emergence.curves.simulate import simulate

    records = simulate(
        args.shape, eta=args.eta, n=args.n, n_runs=args.runs, sd=args.sd, rng=args.seed
    )
    records.to_csv(args.output)
    say(args, f"{records!r} written to {args.output}", rows=len(records), output=args.output)


def add_commands(command: Command) -> None:
    """Add the commands to the parser that ``command`` belongs to."""
    command("validate", _validate, "check every cell of a file of records")
    sub = command("simulate", _simulate, "write records of known truth", file=False)
    sub.add_argument("-o", "--output", required=True, help="CSV to write")
    sub.add_argument("--shape", default="hinge", help="shape of the curve (default hinge)")
    sub.add_argument("--eta", type=float, default=2.2, help="threshold loss (default 2.2)")
    sub.add_argument("-n", type=int, default=60, help="checkpoints")
    sub.add_argument("--runs", type=int, help="runs that share them (default: one each)")
    sub.add_argument("--sd", type=float, default=0.02, help="noise (default 0.02)")
