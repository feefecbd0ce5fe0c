"""The command that makes records of other tools' files and of figures read off: ``import``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emergence.cli.arguments import Command, given, said_to_stderr, say, tell
from emergence.errors import EmergenceError

if TYPE_CHECKING:
    from emergence.records.records import Records


def _import(args: argparse.Namespace) -> None:
    columns = dict(_pair(text, "--column") for text in args.column)
    table = len(args.paths) == 1 and not Path(args.paths[0]).is_dir()
    if columns and (table or "value" in columns):
        records = _table(args, columns)
    elif args.task is not None:
        if columns:
            raise EmergenceError("--column is for tables and results, not for readings of figures")
        records = _curves(args)
    else:
        records = _results(args, columns)
    records.to_csv(args.output)
    say(args, f"{records!r} written to {args.output}", rows=len(records), output=args.output)


def _results(args: argparse.Namespace, columns: dict[str, str]) -> Records:
    """Results and logs of other tools, and tables of losses whose columns were named."""
    from emergence.readers.importing import import_results

    sizes = _sizes(args.params or [])
    if isinstance(sizes, dict):
        raise EmergenceError("--params: give one number; sizes of several runs are in their names")
    with said_to_stderr():
        found = import_results(
            args.paths,
            chance=_chances(args.chance),
            params=sizes,
            run=args.name,
            columns=columns,
            **given(args, "kind tokens_per_step family tolerance window bytes_per_token encoding"),
        )
    say(args, found.summary(), summary=found.summary().splitlines())
    return found.records


def _table(args: argparse.Namespace, columns: dict[str, str]) -> Records:
    """A table whose columns have other names."""
    from emergence.readers.importing import import_table

    if len(args.paths) != 1:
        raise EmergenceError("--column value=... is for one table of scores; give one file")
    constants = {"family": args.family or None, "run": args.name, "metric": args.metric}
    constants |= {"task": args.task}
    if args.params:
        constants["params"] = _sizes(args.params)
    known = {name: value for name, value in constants.items() if value is not None}
    with said_to_stderr():
        found = import_table(
            args.paths[0],
            columns,
            chance=_chances(args.chance),
            constants=known,
            **given(args, "bytes_per_token tokens_per_step encoding"),
        )
    say(args, found.summary(), summary=found.summary().splitlines())
    return found.records


def _curves(args: argparse.Namespace) -> Records:
    """Two curves that were read off figures: loss, then score."""
    from emergence.readers.joining import join_curves

    def ends(axes: list[float] | None) -> tuple[tuple[float, float], tuple[float, float]] | None:
        return None if axes is None else ((axes[0], axes[1]), (axes[2], axes[3]))

    if args.bytes_per_token is not None:
        raise EmergenceError("--bytes-per-token is for results and tables, not for readings")
    if len(args.paths) != 2:
        raise EmergenceError("--task joins two readings of figures: the losses, then the scores")
    sizes, chances = _sizes(args.params or []), _chances(args.chance)
    if sizes is None:
        raise EmergenceError("give --params, the model size, or NAME=SIZE for each series")
    joined = join_curves(
        loss_curve=args.paths[0],
        score_curve=args.paths[1],
        params=sizes,
        task=args.task,
        metric=args.metric or "acc",
        chance=chances.get(args.task, chances.get("")),
        model=args.model,
        family=args.family,
        loss_axes=ends(args.loss_axes),
        score_axes=ends(args.score_axes),
        **given(args, "on x_unit score_unit log_x reading_error smoothing smoothing_step"),
    )
    if args.fit:
        tell(args, joined.fit_threshold(rng=args.seed))
    return joined.records


def _pair(text: str, flag: str) -> tuple[str, str]:
    name, mark, value = text.partition("=")
    if not mark or not name or not value:
        raise EmergenceError(f"{flag} {text}: give NAME=VALUE")
    return name, value


def _chances(texts: Sequence[str]) -> dict[str, float]:
    """Chance of tasks by name; that without a name is of the one task there is."""
    out = {}
    for text in texts:
        name, _, value = text.rpartition("=")
        try:
            out[name] = float(value)
        except ValueError:
            raise EmergenceError(f"--chance {text}: give TASK=0.25, or a number") from None
    return out


def _sizes(texts: Sequence[str]) -> float | dict[str, float] | None:
    """Model size: one number, or NAME=NUMBER for each series; None where none was given."""
    from emergence.readers.found import number

    try:
        if not texts:
            return None
        if len(texts) == 1 and "=" not in texts[0]:
            return number(texts[0])
        return {name: number(size) for name, size in (text.rsplit("=", 1) for text in texts)}
    except ValueError:
        raise EmergenceError(
            f"--params {' '.join(texts)}: give one number, or NAME=NUMBER for each series"
        ) from None


def _number(text: str) -> float:
    from emergence.readers.found import number

    return number(text)


_OPTIONS: dict[str, dict[str, Any]] = {
    "--kind": {"default": "auto", "help": "force the kind of every file (see the manual)"},
    "--params": {"nargs": "+", "help": "model size, 160M, or NAME=SIZE ..."},
    "--chance": {
        "action": "append",
        "default": [],
        "metavar": "TASK=P",
        "help": "score of guessing of a task (may be repeated)",
    },
    "--tokens-per-step": {"type": _number, "help": "batch times context"},
    "--bytes-per-token": {"type": float, "help": "of the tokenizer: losses as bits per byte"},
    "--encoding": {"help": "of tables (default: by byte-order mark, else UTF-8)"},
    "--run": {"dest": "name", "help": "the run that all files belong to"},
    "--family": {"default": "", "help": "what makes losses comparable"},
    "--tolerance": {
        "type": float,
        "default": 0.1,
        "help": "a loss may lie between two this share of a step apart (default 0.1)",
    },
    "--window": {"type": float, "help": "steps of a training log to average (default: 1%% of it)"},
    "--column": {
        "action": "append",
        "default": [],
        "metavar": "OURS=THEIRS",
        "help": "name of a column of a table of scores, or of losses (may be repeated)",
    },
}
_FIGURES: dict[str, dict[str, Any]] = {
    "--task": {"help": "name of the task"},
    "--metric": {"help": "name of the metric (default acc)"},
    "--model": {"default": "report", "help": "name of the model"},
    "--on": {"default": "tokens", "choices": ("tokens", "flops"), "help": "what x is"},
    "--x-unit": {"type": float, "default": 1.0, "help": "1e9 where x is in billions"},
    "--score-unit": {"type": float, "default": 1.0, "help": "0.01 where scores are percent"},
    "--log-x": {"action": "store_true", "help": "the x axes are logarithmic"},
    "--reading-error": {"type": float, "default": 0.005, "help": "as a share of the axis"},
    "--smoothing": {"type": float, "default": 0.0, "help": "weight of the smoothing to undo"},
    "--smoothing-step": {"type": float, "help": "its steps, in units of x"},
    "--fit": {"action": "store_true", "help": "fit the threshold, reading errors and all"},
}


def add_commands(command: Command) -> None:
    """Add the command to the parser that ``command`` belongs to."""
    sub = command("import", _import, "make records of other tools' files", file=False)
    sub.add_argument("paths", nargs="+", metavar="PATH", help="files and folders")
    sub.add_argument("-o", "--output", required=True, help="CSV of records to write")
    for flag, how in _OPTIONS.items():
        sub.add_argument(flag, **how)
    figures = sub.add_argument_group("curves read off figures: the losses, then the scores")
    for flag, how in _FIGURES.items():
        figures.add_argument(flag, **how)
    for name in ("loss", "score"):
        ends = "ends of the axes of the figure (default: those of the readings)"
        axes = ("X0", "X1", "Y0", "Y1")
        figures.add_argument(f"--{name}-axes", type=float, nargs=4, metavar=axes, help=ends)
