"""Commands that write pages: ``figures``, ``report`` and ``paper``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from emergence._files import check_output, locked
from emergence.cli.arguments import Command, add, given, progress, read
from emergence.errors import EmergenceError


def _report(args: argparse.Namespace) -> None:
    folder = Path(args.output)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder, "writes a report to"):
        _write(args, folder)


def _write(args: argparse.Namespace, folder: Path) -> None:
    from emergence.report.analysis import analyse
    from emergence.report.page import write_report
    from emergence.report.pictures import save_figures

    check_output(folder / "verdicts.csv", [args.file])
    analysis = analyse(
        read(args.file, args.encoding),
        law_records=None if args.law is None else read(args.law, args.encoding),
        rng=args.seed,
        n_jobs=args.jobs,
        wrap=progress,
        **given(args, "alpha n_boot loss_sd outliers losses"),
    )
    if args.command == "figures":
        saved = save_figures(analysis, folder, progress, args.jobs)
        _report_failed(saved.failed)
        print(f"{len(saved.pictures)} figures, PNG, SVG and PDF, in {folder}")
        return
    settings = given(args, "alpha n_boot seed")
    if args.law is not None:
        settings = {"law of": Path(args.law).name} | settings
    if not args.quiet:  # now, whatever becomes of the files
        print(analysis.summary(brief=not args.verbose), flush=True)
    page, failed = write_report(
        analysis,
        folder,
        source=Path(args.file).name,
        settings=settings,
        wrap=progress,
        n_jobs=args.jobs,
    )
    _report_failed(failed)
    if not args.quiet:
        print(f"\ntable   {folder / 'verdicts.csv'}\nfigures {folder / 'figures'}")
    print(f"page    {page}")


def _report_failed(failed: Sequence[str]) -> None:
    for what in failed:
        print(f"warning: {what}", file=sys.stderr)


def _paper(args: argparse.Namespace) -> None:
    from emergence.report.paper import write_paper

    tables = {Path(path).stem: read(path) for path in args.files}
    if len(tables) < len(args.files):
        raise EmergenceError("the files must differ in name: the page calls them by it")
    page = write_paper(
        Path(args.output), tables or None, n_boot=args.n_boot, seed=args.seed, wrap=progress
    )
    print(f"page    {page}\nfigures {page.parent / 'paper'}")


def add_commands(command: Command) -> None:
    """Add the commands to the parser that ``command`` belongs to."""
    for name, text in (
        ("figures", "draw every figure as PNG, SVG and PDF"),
        ("report", "write verdicts, figures and one page to forward"),
    ):
        sub = command(name, _report, text)
        add(sub, "tests", "cleaning", "law", "jobs")
        sub.add_argument("-o", "--output", default="out", help="folder (default out)")
        sub.add_argument("-q", "--quiet", action="store_true", help="print the page's path alone")
        sub.add_argument(
            "-v", "--verbose", action="store_true", help="print what the page says of runs and axes"
        )
    sub = command("paper", _paper, "put the claims of Du et al. to the test, on a page", file=False)
    sub.add_argument("files", nargs="*", help="records (default: the bundled ones)")
    add(sub, "n_boot")
    sub.add_argument("-o", "--output", default="out", help="folder (default out)")
