"""What every result can do: say itself as a dictionary that survives JSON."""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

import numpy as np


class Status(Enum):
    """Outcome of a fit; the value is the message a person reads."""

    CONVERGED = "converged"
    AT_BOUNDARY = "the threshold lies at the edge of the data; it may be beyond"
    NO_ONSET = "no curve that rises as the loss falls explains anything"

    def __str__(self) -> str:
        return self.value


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
