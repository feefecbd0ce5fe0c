"""What several commands share: reading records, progress, saving figures, common options."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from os.path import splitext
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from emergence._files import replacing
from emergence._typing import LOSSES, NOISES, OUTLIERS, PLATEAUS, RUNS, Axes
from emergence.cli.terminal import show
from emergence.errors import DataWarning, EmergenceError, RecordsError

if TYPE_CHECKING:
    from emergence._results import Result
    from emergence.fits.threshold_result import ThresholdFit
    from emergence.records.points import Points
    from emergence.records.records import Records

Command = Callable[..., argparse.ArgumentParser]
# By the names of their files: reading them would load numbers to print a help text.
_ONSETS = Path(__file__).parents[1] / "curves" / "onsets"
SHAPES = ("auto", *sorted(m.name for m in iter_modules([str(_ONSETS)])), "isotonic")
_LATE = 2.0  # seconds: shorter work shows no bar
_FIGURES = (".png", ".pdf", ".svg")


def progress(items: Sequence[Any], what: str) -> Iterable[Any]:
    """Progress bar on anything over two seconds; silent when not a terminal."""
    from tqdm import tqdm

    return tqdm(items, desc=what, delay=_LATE, disable=None, leave=False, file=sys.stderr)


def read(path: str, encoding: str | None = None) -> Records:
    """Read a file of records, warnings to standard error."""
    from emergence.records.records import read_records

    if not Path(path).exists() and (bundled := _bundled(path)) is not None:
        return bundled
    try:
        with said_to_stderr():
            return read_records(path, encoding=encoding)
    except RecordsError as error:
        from emergence.readers.hints import import_line

        if (line := import_line(Path(path))) is None:
            raise
        raise EmergenceError(f"{error}\n  to turn it into records: {line}") from None


def _bundled(name: str) -> Records | None:
    """Data set of that name that ships with the library, if there is one."""
    from emergence.records.datasets import dataset_names, load_dataset

    return load_dataset(name) if name in dataset_names() else None


@contextmanager
def said_to_stderr() -> Iterator[None]:
    """Warnings of records to standard error, as a line each."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DataWarning)
        yield
    for w in caught:
        print(f"warning: {w.message}", file=sys.stderr)


def given(args: argparse.Namespace, names: str) -> dict[str, Any]:
    """Options as the arguments of the same names, with blanks between them, of a call."""
    return {name: getattr(args, name) for name in names.split()}


def read_points(args: argparse.Namespace) -> Points:
    """Read the scores that the options of the group ``names`` choose."""
    return read(args.file, args.encoding).select(args.task, args.metric, args.family)


def groups_of(
    records: Records, tasks: Sequence[str] | None, metric: str, families: Sequence[str] | None
) -> list[Points]:
    """Points of these tasks and families (default all) by one metric."""
    groups = [
        g
        for g in records.groups()
        if g.metric == metric
        and g.task in (tasks or records.tasks)
        and g.family in (families or records.families)
    ]
    if not groups:
        wanted = ", ".join(f"task {t!r}" for t in tasks) if tasks else "any task"
        raise EmergenceError(
            f"no scores of {wanted} by {metric!r}; tasks: {', '.join(records.tasks)}"
        )
    return groups


def fit_one(args: argparse.Namespace, records: Records) -> ThresholdFit:
    """Fit the scores that the options of ``FIT`` choose."""
    from emergence.fits.threshold import fit_threshold

    points = records.select(args.task, args.metric, args.family)
    options = given(args, "shape plateau noise runs n_boot loss_sd outliers losses")
    return fit_threshold(points, rng=args.seed, **options)


def say(args: argparse.Namespace, text: str, **facts: Any) -> None:
    """Print a text, or keep its ``facts`` for the JSON that is printed in its place."""
    if args.json:
        from emergence._results import jsonable

        args.facts.update(jsonable(facts))
    elif text and not args.quiet:
        show(text)


def tell(args: argparse.Namespace, found: Result, text: str | None = None) -> None:
    """Print the summary of a result, or keep it for the JSON."""
    if args.json:
        say(args, "", **found.to_dict())
    else:
        say(args, found.summary() if text is None else text)


def save(args: argparse.Namespace, ax: Axes, path: str) -> None:
    """Save the figure that was drawn on, and say where."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    with replacing(Path(path)) as beside:
        figure.savefig(beside, dpi=110)
    figures = [*args.facts.get("figures", ()), path]
    say(args, f"figure {path}", figures=figures)


def figure_path(path: str, mark: str = "") -> str:
    """Path of a figure, PNG unless ``path`` ends otherwise; ``mark`` tells several apart."""
    stem, suffix = splitext(path)
    if suffix.lower() not in _FIGURES:
        stem, suffix = path, ".png"
    return f"{stem}{mark}{suffix}"


def save_plot(args: argparse.Namespace, found: Any, **options: Any) -> None:
    """Save the figure of a result, if one was asked for."""
    if args.output:
        save(args, found.plot(**options), figure_path(args.output))


# Options that several commands have, by the name of the group in which they come.
_OPTIONS: dict[str, dict[str, dict[str, Any]]] = {
    "noise": {
        "--noise": {"default": "auto", "choices": NOISES, "help": "errors of one checkpoint"},
        "--runs": {"default": "auto", "choices": RUNS, "help": "what a run's errors share"},
    },
    "cleaning": {
        "--loss-sd": {
            "type": float,
            "default": 0.0,
            "help": "standard deviation of the error of each loss, nats",
        },
        "--outliers": {
            "default": "drop",
            "choices": OUTLIERS,
            "help": "scores that look like evaluations that broke off, and spikes of the loss",
        },
        "--losses": {
            "default": "auto",
            "choices": LOSSES,
            "help": "auto puts losses whose wiggle the scores do not follow on the trend of a run",
        },
    },
    "tests": {
        "--alpha": {"type": float, "default": 0.05, "help": "false discovery rate"},
        "--n-boot": {"type": int, "default": 999, "help": "bootstrap replicates"},
    },
    "figure": {"-o --output": {"help": "figure to draw (.png, .pdf or .svg)"}},
    "names": {
        "--task": {"help": "may be left out where there is only one"},
        "--metric": {"help": "the same"},
        "--family": {"help": "the same"},
    },
    "shape": {"--shape": {"default": "auto", "help": ", ".join(SHAPES)}},
    "plateau": {
        "--plateau": {
            "default": "auto",
            "choices": PLATEAUS,
            "help": "level above eta: chance unless it visibly is not, chance, or fitted",
        }
    },
    "level": {"--level": {"type": float, "default": 0.95, "help": "coverage (default 0.95)"}},
    "n_boot": {
        "--n-boot": {"type": int, "default": 999, "help": "bootstrap replicates (default 999)"}
    },
    "jobs": {"--jobs": {"type": int, "default": 1, "help": "tasks at a time (-1: all cores)"}},
    "law": {"--law": {"help": "records to fit the scaling law to (default: FILE)"}},
}

FIT = ("names", "shape", "noise", "cleaning", "plateau", "level", "n_boot")  # of one threshold


def add(sub: argparse.ArgumentParser, *groups: str) -> argparse.ArgumentParser:
    """Add the options of these groups to a command, in this order."""
    for group in groups:
        for flags, how in _OPTIONS[group].items():
            sub.add_argument(*flags.split(), **how)
    return sub
