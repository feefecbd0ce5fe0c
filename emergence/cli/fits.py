"""Commands that fit one task: ``fit`` and ``size``."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from emergence.cli.arguments import Command, add_fit, add_law, read
from emergence.errors import EmergenceError

if TYPE_CHECKING:
    from emergence.fits.threshold_result import ThresholdFit
    from emergence.records.records import Records


def _threshold(args: argparse.Namespace, records: Records) -> ThresholdFit:
    from emergence.fits.threshold import fit_threshold

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
    from emergence._results import Status

    fit = _threshold(args, read(args.file, args.encoding))
    if args.json:
        ci = fit.interval("eta", args.level)
        print(json.dumps(fit.to_dict() | {"interval": [ci.low, ci.high], "level": ci.level}))
        return
    print(fit.summary(args.level))
    if fit.by_run is not None:
        print(fit.by_run.summary())
    elif fit.status is not Status.NO_ONSET and fit.shape != "isotonic":
        from emergence.fits.diagnostics import diagnose

        print(diagnose(fit).summary())


def _size(args: argparse.Namespace) -> None:
    from emergence.planning.scaling_law import ScalingLaw
    from emergence.planning.size import size_threshold
    from emergence.report.analysis import family_law

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


def add_commands(command: Command) -> None:
    """Add the commands to the parser that ``command`` belongs to."""
    add_fit(command("fit", _fit, "fit the threshold loss of one task")).add_argument(
        "--json", action="store_true", help="print JSON"
    )
    sub = add_fit(command("size", _size, "find the model size that reaches the threshold"))
    sub.add_argument("--tokens", type=float, help="training tokens (default: the most of the law)")
    add_law(sub)
