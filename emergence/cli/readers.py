"""The command that joins figures read off: ``import``."""

import argparse
from collections.abc import Sequence

from emergence.cli.arguments import Command, given
from emergence.errors import EmergenceError


def _import(args: argparse.Namespace) -> None:
    from emergence.readers.joining import join_curves

    def ends(axes: list[float] | None) -> tuple[tuple[float, float], tuple[float, float]] | None:
        return None if axes is None else ((axes[0], axes[1]), (axes[2], axes[3]))

    of_records = given(args, "task metric chance model family")
    of_axes = given(args, "on x_unit score_unit log_x")
    joined = join_curves(
        args.loss,
        args.score,
        params=_sizes(args.params),
        loss_axes=ends(args.loss_axes),
        score_axes=ends(args.score_axes),
        **of_records,
        **of_axes,
        **given(args, "reading_error smoothing smoothing_step"),
    )
    if args.fit:
        print(joined.fit_threshold(rng=args.seed).summary())
    joined.records.to_csv(args.output)
    print(f"{joined.records!r} written to {args.output}")


def _sizes(texts: Sequence[str]) -> float | dict[str, float]:
    """Model size: one number, or NAME=NUMBER for each series."""
    try:
        if len(texts) == 1 and "=" not in texts[0]:
            return float(texts[0])
        return {name: float(size) for name, size in (text.rsplit("=", 1) for text in texts)}
    except ValueError:
        raise EmergenceError(
            f"--params {' '.join(texts)}: give one number, or NAME=NUMBER for each series"
        ) from None


def add_commands(command: Command) -> None:
    """Add the command to the parser that ``command`` belongs to."""
    sub = command("import", _import, "join curves read off a report's figures", file=False)
    sub.add_argument("loss", help="CSV of WebPlotDigitizer: loss against tokens")
    sub.add_argument("score", help="the same: score against tokens")
    sub.add_argument("--params", nargs="+", required=True, help="model size, or NAME=SIZE ...")
    sub.add_argument("--task", required=True, help="name of the task")
    sub.add_argument("--metric", default="acc", help="name of the metric (default acc)")
    sub.add_argument("--chance", type=float, help="score of guessing")
    sub.add_argument("--model", default="report", help="name of the model")
    sub.add_argument("--family", default="", help="what makes losses comparable")
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
