"""Commands that write pages: ``figures``, ``report`` and ``paper``."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from emergence._files import check_output, locked
from emergence._text import table
from emergence.cli.arguments import Command, add, given, progress, read, say
from emergence.errors import EmergenceError

_OF_A_REPORT = ("tests", "noise", "cleaning", "law", "jobs")  # groups of options
_LOOK = 2.0  # seconds between looks at a file that is watched


def _report(args: argparse.Namespace) -> None:
    folder = Path(args.output)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder, "writes a report to"):
        _write(args, folder)


def _start(args: argparse.Namespace) -> None:
    if args.watch:
        _watch(args)
    _report(args)


def _watch(args: argparse.Namespace) -> None:
    """Write the report anew whenever its file has grown, until interrupted."""
    path, seen = Path(args.file), -1.0
    if args.json or not path.exists():
        raise EmergenceError("--watch is for a file that is there, and prints no JSON")
    while True:
        try:
            if (now := path.stat().st_mtime) != seen:
                seen = now
                _report(args)
        except (EmergenceError, OSError) as error:  # a file that is being written mends itself
            print(f"warning: {error}", file=sys.stderr)
        time.sleep(_LOOK)


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
        **given(args, "alpha n_boot loss_sd outliers losses noise runs"),
    )
    if args.command == "figures":
        saved = save_figures(analysis, folder, progress, args.jobs)
        _report_failed(saved.failed)
        said = f"{len(saved.pictures)} figures, PNG, SVG and PDF, in {folder}"
        say(args, said, figures=str(folder), failed=saved.failed)
        return
    settings = given(args, "alpha n_boot seed")
    if args.law is not None:
        settings = {"law of": Path(args.law).name} | settings
    say(args, analysis.summary(brief=not args.verbose))  # now, whatever becomes of the files
    page, failed = write_report(
        analysis,
        folder,
        source=Path(args.file).name,
        settings=settings,
        wrap=progress,
        n_jobs=args.jobs,
    )
    _report_failed(failed)
    places = {"table": folder / "verdicts.csv", "figures": folder / "figures"}
    lines = table((name, str(path)) for name, path in places.items())
    say(args, "\n" + "\n".join(lines), **{name: str(path) for name, path in places.items()})
    if args.json:
        rows = [verdict.to_row() for verdict in analysis.verdicts]
        say(args, "", page=str(page), failed=failed, verdicts=rows)
    else:
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
    figures = page.parent / "paper"
    say(args, f"page    {page}\nfigures {figures}", page=str(page), figures=str(figures))


def add_commands(command: Command) -> None:
    """Add the commands to the parser that ``command`` belongs to."""
    for name, text in (
        ("figures", "draw every figure as PNG, SVG and PDF"),
        ("report", "write verdicts, figures and one page to forward"),
    ):
        sub = command(name, _start, text)
        add(sub, *_OF_A_REPORT)
        sub.add_argument("-o", "--output", default="out", help="folder (default out)")
        sub.add_argument(
            "--watch",
            action="store_true",
            help="do so again whenever FILE changes (Ctrl-C ends it)",
        )
        sub.add_argument(
            "-v", "--verbose", action="store_true", help="print what the page says of runs and axes"
        )
    sub = command("paper", _paper, "put the claims of Du et al. to the test, on a page", file=False)
    sub.add_argument("files", nargs="*", help="records (default: the bundled ones)")
    add(sub, "n_boot")
    sub.add_argument("-o", "--output", default="out", help="folder (default out)")
