"""Command line: every command is one call of the library."""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

from emergence import __version__
from emergence.cli import fits, planning, readers, records, report, train, verdicts
from emergence.errors import EmergenceError


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
        if seed:
            sub.add_argument("--seed", type=int, default=0, help="random seed (default 0)")
        return sub

    for group in (records, readers, report, verdicts, fits, planning, train):
        group.add_commands(command)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; errors of the user's data end with status 2 and a clear text."""
    args = _parser().parse_args(argv)
    try:
        args.run(args)
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (EmergenceError, OSError, ImportError) as error:
        print(f"emergence {args.command}: {error}", file=sys.stderr)
        return getattr(error, "status", EmergenceError.status)
    except KeyboardInterrupt:
        print(f"emergence {args.command}: interrupted", file=sys.stderr)
        return 130
    return 0
