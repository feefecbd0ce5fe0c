"""What every result offers: a finding, a summary, a table, a dictionary, a figure, intervals."""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from enum import Enum
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from emergence._typing import Axes
from emergence.errors import DataError
from emergence.interval import Interval

if TYPE_CHECKING:
    import pandas as pd


class Status(Enum):
    """Outcome of a fit; the value is the message a person reads."""

    CONVERGED = "converged"
    AT_BOUNDARY = "the threshold lies at the edge of the data; it may be beyond"
    NO_ONSET = "no curve that rises as the loss falls explains anything"

    def __str__(self) -> str:
        return self.value


class Result(ABC):
    """Base of all public results."""

    if TYPE_CHECKING:  # a field of some results and a property of others

        @property
        def warnings(self) -> tuple[str, ...]:
            """What should be read with care."""

    @property
    @abstractmethod
    def reason(self) -> str:
        """The finding in one sentence."""

    @abstractmethod
    def to_frame(self) -> pd.DataFrame:
        """The numbers as a table."""

    @abstractmethod
    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the result."""

    def summary(self) -> str:
        """Report as text."""
        return "\n".join([self.reason, *self._warned])

    @property
    def _warned(self) -> list[str]:
        """Warnings as lines of a report."""
        return [f"  warning: {w}" for w in self.warnings]

    def interval(self, name: str, level: float = 0.95) -> Interval:
        """Interval of the quantity ``name`` at the nominal coverage ``level``.

        DataError for a name without one (this class has none), or a level that is out of range or
        finer than the draws can show.
        """
        raise no_interval(name, ())

    def to_dict(self) -> dict[str, Any]:
        """Everything but points and draws, in types that survive JSON."""
        found: dict[str, Any] = jsonable(self) if is_dataclass(self) else {}
        return found | {"reason": self.reason, "warnings": list(self.warnings)}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.reason})"

    def _repr_html_(self) -> str:
        """Finding, table and warnings for a notebook; every text is escaped."""
        return (
            f"<p><b>{type(self).__name__}</b> {escape(self.reason)}</p>"
            + str(self.to_frame().to_html(max_rows=20, border=0))
            + "".join(f"<p>warning: {escape(note)}</p>" for note in self.warnings)
        )


def renamed(old: str, new: str) -> property:
    """Property that was called otherwise once, and says so."""

    def get(self: object) -> object:
        warnings.warn(f"{old} is called {new} now", DeprecationWarning, stacklevel=2)
        return getattr(self, new)

    return property(get, doc=f"Old name of ``{new}``.")


def no_interval(name: str, known: Iterable[str]) -> DataError:
    """Error that names the quantities which have an interval."""
    there = ", ".join(known)
    return DataError(
        f"no interval for {name!r}; there is {f'one for: {there}' if there else 'none'}"
    )


def jsonable(value: object) -> Any:
    """Reduce a value to what JSON holds; numbers that are not finite become None."""
    if isinstance(value, Enum):
        return value.name.lower()
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: jsonable(getattr(value, f.name)) for f in fields(value) if f.repr}
    if isinstance(value, dict):
        return {str(k): jsonable(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(v) for v in value]
    if isinstance(value, np.ndarray):
        return jsonable(value.tolist())
    if isinstance(value, np.generic):
        return jsonable(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
