"""Commands over all tasks: ``classify``, ``figures``, ``report`` and ``paper``."""

import argparse
from pathlib import Path

from emergence.cli.arguments import Command, add_jobs, add_law, add_noise, add_tests, progress, read
from emergence.errors import EmergenceError


def _classify(args: argparse.Namespace) -> None:
    from emergence.verdicts.tasks import classify_tasks

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
    sub = command("classify", _classify, "say for each task: smooth, emergent, flat, undetermined")
    add_tests(sub)
    add_noise(sub)
    add_jobs(sub)
    sub.add_argument("--metric", action="append", help="only this metric (may be repeated)")
    sub.add_argument("-o", "--output", help="write the table as CSV")
    sub.add_argument("-v", "--verbose", action="store_true", help="print every reason")
    for name, text in (
        ("figures", "draw every figure as PNG and SVG"),
        ("report", "write verdicts, figures and one page to forward"),
    ):
        sub = command(name, _report, text)
        add_tests(sub)
        add_law(sub)
        add_jobs(sub)
        sub.add_argument("-o", "--output", default="out", help="folder (default out)")
    sub = command("paper", _paper, "put the claims of Du et al. to the test, on a page", file=False)
    sub.add_argument("files", nargs="*", help="records (default: the bundled ones)")
    sub.add_argument("--n-boot", type=int, default=999, help="bootstrap replicates (default 999)")
    sub.add_argument("-o", "--output", default="out", help="folder (default out)")
