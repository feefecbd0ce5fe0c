"""Text of the user, on its way into files that others parse."""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

# What a spreadsheet takes for the beginning of a formula.
_FORMULA = re.compile(r"^\s*[=+\-@\t\r]")


def readable(text: str) -> str:
    """Text without characters that no page or picture may hold; blanks of any kind as one blank."""
    return "".join(
        c if c.isprintable() else " " if c.isspace() else "\N{REPLACEMENT CHARACTER}" for c in text
    )


def several(n: int, what: str) -> str:
    """Count of things, in words: 1 run, 2 runs."""
    return f"{n} {what}{'' if n == 1 else 's'}"


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
