"""The command that fits one task: ``fit``."""

import argparse
import json

from emergence.cli.arguments import FIT, Command, add, fit_one, read


def _fit(args: argparse.Namespace) -> None:
    from emergence._results import Status

    fit = fit_one(args, read(args.file, args.encoding))
    if args.json:
        ci = fit.interval("eta", args.level)
        print(json.dumps(fit.to_dict() | {"interval": [ci.low, ci.high], "level": ci.level}))
        return
    print(fit.summary(args.level))
    if fit.by_run is not None:
        print(fit.by_run.summary())
    if fit.status is not Status.NO_ONSET and fit.shape != "isotonic":
        from emergence.fits.diagnostics import diagnose

        print(diagnose(fit).summary())


def add_commands(command: Command) -> None:
    """Add the command to the parser that ``command`` belongs to."""
    sub = add(command("fit", _fit, "fit the threshold loss of one task"), *FIT)
    sub.add_argument("--json", action="store_true", help="print JSON")
