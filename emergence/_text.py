"""Text of the user, on its way into files that others parse."""

import io
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

# What a spreadsheet takes for the beginning of a formula.
_FORMULA = re.compile(r"^\s*[=+\-@\t\r]")
_WIDE = 10_000  # columns: no line of a table is broken


def readable(text: str) -> str:
    """Text without characters that no page or picture may hold; blanks of any kind as one blank."""
    return "".join(
        c if c.isprintable() else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in text
    )


def several(n: int, what: str) -> str:
    """Count of things, in words: 1 run, 2 runs."""
    return f"{n} {what}{'' if n == 1 else 's'}"


def table(
    rows: Iterable[Sequence[str]], header: Sequence[str] = (), *, right: Iterable[int] = ()
) -> list[str]:
    """Lines of a table, indented, columns two blanks apart, those of ``right`` to the right.

    Widths are those on a screen, where a Chinese character takes two places.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    lines, numbers = [*([header] if header else []), *rows], set(right)
    if not lines:
        return []
    grid = Table.grid(padding=(0, 2))
    for i in range(max(map(len, lines))):
        grid.add_column(justify="right" if i in numbers else "left", no_wrap=True)
    for line in lines:
        grid.add_row(*(Text(readable(cell)) for cell in line))
    out = io.StringIO()
    plain = Console(file=out, width=_WIDE, color_system=None, force_jupyter=False)
    plain.print(grid, crop=False)
    return [f"  {line}".rstrip() for line in out.getvalue().splitlines()]


def inert(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Table whose texts no spreadsheet takes for a formula: an apostrophe before those it would."""
    out = frame.copy()
    for name in out.columns:
        if out[name].dtype.kind not in "biufc":
            out[name] = out[name].map(_quoted)
    return out


def _quoted(cell: object) -> object:
    if not isinstance(cell, str):
        return cell
    text = readable(cell)
    return "'" + text if _FORMULA.match(text) else text
