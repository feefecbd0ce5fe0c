"""What several commands share: reading records, progress, saving figures, common options."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from os.path import splitext
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

from emergence._typing import NOISES, PLATEAUS, RUNS, Axes
from emergence.errors import DataWarning

if TYPE_CHECKING:
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

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DataWarning)
        records = read_records(path, encoding=encoding)
    for w in caught:
        print(f"warning: {w.message}", file=sys.stderr)
    return records


def read_points(args: argparse.Namespace) -> Points:
    """Read the scores that the options of :func:`add_names` choose."""
    return read(args.file, args.encoding).select(args.task, args.metric, args.family)


def save(ax: Axes, path: str) -> None:
    """Save the figure that was drawn on, and say where."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    figure.savefig(path, dpi=110)
    print(f"figure {path}")


def figure_path(given: str, mark: str = "") -> str:
    """Path of a figure, PNG unless ``given`` ends otherwise; ``mark`` tells several apart."""
    stem, suffix = splitext(given)
    if suffix.lower() not in _FIGURES:
        stem, suffix = given, ".png"
    return f"{stem}{mark}{suffix}"


def save_plot(found: Any, given: str | None) -> None:
    """Save the figure of a result, if one was asked for."""
    if given:
        save(found.plot(), figure_path(given))


def add_noise(sub: argparse.ArgumentParser) -> None:
    """Options for the errors of scores and runs."""
    sub.add_argument("--noise", default="auto", choices=NOISES, help="errors of one checkpoint")
    sub.add_argument("--runs", default="auto", choices=RUNS, help="what a run's errors share")


def add_tests(sub: argparse.ArgumentParser) -> None:
    """Options of a bootstrap test."""
    sub.add_argument("--alpha", type=float, default=0.05, help="false discovery rate")
    sub.add_argument("--n-boot", type=int, default=999, help="bootstrap replicates")


def add_figure(sub: argparse.ArgumentParser) -> None:
    """Option for the figure of a result."""
    sub.add_argument("-o", "--output", help="figure to draw (.png, .pdf or .svg)")


def add_names(sub: argparse.ArgumentParser) -> None:
    """Options that name one group of scores."""
    sub.add_argument("--task", help="may be left out where there is only one")
    sub.add_argument("--metric", help="the same")
    sub.add_argument("--family", help="the same")


def add_fit(sub: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Options of a fit of one threshold."""
    add_names(sub)
    sub.add_argument("--shape", default="auto", help=", ".join(SHAPES))
    add_noise(sub)
    sub.add_argument(
        "--plateau",
        default="auto",
        choices=PLATEAUS,
        help="level above eta: chance unless it visibly is not, chance, or fitted",
    )
    sub.add_argument("--level", type=float, default=0.95, help="coverage (default 0.95)")
    sub.add_argument("--n-boot", type=int, default=999, help="bootstrap replicates (default 999)")
    return sub


def add_jobs(sub: argparse.ArgumentParser) -> None:
    """Option for tasks at a time."""
    sub.add_argument("--jobs", type=int, default=1, help="tasks at a time (-1: all cores)")


def add_law(sub: argparse.ArgumentParser) -> None:
    """Option for the records of a scaling law."""
    sub.add_argument("--law", help="records to fit the scaling law to (default: FILE)")
