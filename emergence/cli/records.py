"""Commands on records: ``validate``, ``import``, ``simulate``."""

import argparse
from collections.abc import Sequence

from emergence.cli.arguments import Command, read
from emergence.errors import EmergenceError


def _validate(args: argparse.Namespace) -> None:
    from emergence.records.points import LEAST_POINTS
    from emergence.records.warnings import not_fitted

    records = read(args.file, args.encoding)
    print(f"{args.file}: valid. {records!r}")
    for group in records.groups():
        if group.size < LEAST_POINTS:
            print(f"  too few to fit: {group.label}, {group.size} points of {LEAST_POINTS}")
    for line in not_fitted(records.refused):
        print(f"  {line}")


def _import(args: argparse.Namespace) -> None:
    from emergence.readers.joining import join_curves

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


def _simulate(args: argparse.Namespace) -> None:
    from emergence.curves.simulate import simulate

    records = simulate(
        args.shape, eta=args.eta, n=args.n, n_runs=args.runs, sd=args.sd, rng=args.seed
    )
    records.to_csv(args.output)
    print(f"{records!r} written to {args.output}")


def add_commands(command: Command) -> None:
    """Add the commands to the parser that ``command`` belongs to."""
    command("validate", _validate, "check every cell of a file of records")
    _add_readings(command)
    sub = command("simulate", _simulate, "write records of known truth", file=False)
    sub.add_argument("-o", "--output", required=True, help="CSV to write")
    sub.add_argument("--shape", default="hinge", help="shape of the curve (default hinge)")
    sub.add_argument("--eta", type=float, default=2.2, help="threshold loss (default 2.2)")
    sub.add_argument("-n", type=int, default=60, help="checkpoints")
    sub.add_argument("--runs", type=int, help="runs that share them (default: one each)")
    sub.add_argument("--sd", type=float, default=0.02, help="noise (default 0.02)")


def _add_readings(command: Command) -> None:
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
