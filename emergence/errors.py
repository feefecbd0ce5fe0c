"""Errors and warnings of the library; every one says what to do next."""

from dataclasses import dataclass


class EmergenceError(Exception):
    """Base class of all errors raised on purpose by this library.

    Attributes
    ----------
    status : int
        Exit status of the command line.
    """

    status = 2


@dataclass(frozen=True)
class Violation:
    """One thing wrong with one cell (or column) of a table of records."""

    where: str
    row: int | None
    column: str
    value: object
    problem: str

    def __str__(self) -> str:
        row = "" if self.row is None else f", row {self.row}"
        shown = self.value.item() if getattr(self.value, "ndim", None) == 0 else self.value  # type: ignore[attr-defined]
        value = "" if shown is None else f": {shown!r}"
        column = f", column {self.column!r}" if self.column else ""
        return f"{self.where}{row}{column}{value}: {self.problem}"


class RecordsError(EmergenceError, ValueError):
    """A table of records breaks the schema.

    Attributes
    ----------
    violations : list of Violation
        All of them; the message shows the first twenty and a count.
    """

    SHOWN = 20

    def __init__(self, violations: list[Violation]) -> None:
        self.violations = violations
        count = len(violations)
        lines = [f"{count} problem{'s' if count != 1 else ''} in the records:"]
        lines += [f"  {v}" for v in violations[: self.SHOWN]]
        if count > self.SHOWN:
            lines.append(f"  ... and {count - self.SHOWN} more")
        super().__init__("\n".join(lines))


class DataError(EmergenceError, ValueError):
    """The points given to a fit cannot be used for it."""


class OutputError(EmergenceError, OSError):
    """A file cannot be written where it was asked for."""


class MethodRefused(EmergenceError, ValueError):
    """The method asked for is known to be wrong for these data or this model."""


class DataWarning(UserWarning):
    """The records are usable, but something in them deserves a look."""
