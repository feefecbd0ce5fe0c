"""The command that fits one task: ``fit``."""

import argparse

from emergence.cli.arguments import FIT, Command, add, fit_one, read, say, tell


def _fit(args: argparse.Namespace) -> None:
    from emergence._results import Status

    fit = fit_one(args, read(args.file, args.encoding))
    tell(args, fit, fit.summary(args.level))
    if fit.status is not Status.NO_ONSET:
        say(args, "", interval=[*fit.interval("eta", args.level)], level=args.level)
    if fit.by_run is not None:
        say(args, fit.by_run.summary())
    if fit.status is not Status.NO_ONSET and fit.shape != "isotonic":
        from emergence.fits.diagnostics import diagnose

        found = diagnose(fit)
        say(args, found.summary(), diagnostics=found.to_dict())


def add_commands(command: Command) -> None:
    """Add the command to the parser that ``command`` belongs to."""
    add(command("fit", _fit, "fit the threshold loss of one task"), *FIT)
