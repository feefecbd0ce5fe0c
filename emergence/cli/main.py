"""Command line: every command is one call of the library."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from emergence import __version__
from emergence._files import check_folder, check_output
from emergence._processes import die_with_named_parent, stop_on_termination
from emergence.cli import fits, planning, readers, records, report, train, verdicts
from emergence.cli.arguments import figure_path
from emergence.errors import EmergenceError, OutputError

# Commands that write a folder, and those that write a table; the others draw a figure.
_FOLDERS = ("report", "figures", "paper", "train", "sweep")
_TABLES = ("classify", "simulate", "import", "evaluate")
_OTHERS = (".tsv", ".json", ".jsonl", ".parquet", ".xlsx", ".xls")  # formats of other tables
_TRAINER = ("torch", "transformers", "tokenizers", "safetensors")
_INPUTS = ("file", "law", "items", "text", "table")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="emergence",
        description="Does an ability begin at a pre-training loss, at which, and how sure is that?",
    )
    parser.add_argument("--version", action="version", version=f"emergence {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(
        name: str, run: Any, text: str, *, file: bool = True, seed: bool = True
    ) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(run=run)
        if file:
            sub.add_argument("file", help="records: CSV, TSV, JSONL or Parquet")
            sub.add_argument("--encoding", help="default: by byte-order mark, else UTF-8")
        sub.add_argument("--json", action="store_true", help="print JSON in place of text")
        sub.add_argument("-q", "--quiet", action="store_true", help="print no more than is asked")
        if seed:
            sub.add_argument("--seed", type=int, default=0, help="random seed (default 0)")
        return sub

    if find_spec("shtab") is not None:  # the extra ``completion``
        import shtab

        shtab.add_argument_to(parser, "--print-completion")
    for group in (records, readers, report, verdicts, fits, planning, train):
        group.add_commands(command)
    return parser


def _extra(error: Exception) -> str:
    """What to install, where a package of the trainer is missing."""
    missing = (getattr(error, "name", None) or "").partition(".")[0]
    return "; pip install 'emergence-lm[train]'" if missing in _TRAINER else ""


def _ready_streams() -> None:
    """Let no name break a terminal that cannot write it, and no closed one the work."""
    for name in ("stdout", "stderr"):
        if (stream := getattr(sys, name)) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  (as long as the process)
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _check_output(args: argparse.Namespace) -> None:
    """Find before the work what would be in the way of its results."""
    if (output := getattr(args, "output", None)) is None:
        return
    if args.command in _FOLDERS:
        check_folder(output)
        return
    if args.command in _TABLES and Path(output).suffix.lower() in _OTHERS:
        raise OutputError(f"{output}: a table is written as CSV; name it {Path(output).stem}.csv")
    inputs = [*getattr(args, "paths", [])]
    inputs += [name for key in _INPUTS if isinstance(name := getattr(args, key, None), str)]
    check_output(output if args.command in _TABLES else figure_path(output), inputs)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; errors of the user's data end with status 2 and a clear text."""
    _ready_streams()
    args = _parser().parse_args(argv)
    args.facts = {}
    stop_on_termination()
    die_with_named_parent()
    try:
        _check_output(args)
        args.run(args)
        if args.json:
            print(json.dumps(args.facts))
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (EmergenceError, OSError, ImportError) as error:
        print(f"emergence {args.command}: {error}{_extra(error)}", file=sys.stderr)
        return getattr(error, "status", EmergenceError.status)
    except KeyboardInterrupt:
        print(f"emergence {args.command}: interrupted", file=sys.stderr)
        return 130
    return 0
