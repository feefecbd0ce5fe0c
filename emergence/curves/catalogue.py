"""Catalogue: every shape there is, found by looking into ``onsets`` and ``smooth``."""

from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules

import numpy as np

from emergence._typing import FloatArray
from emergence.curves.family import Family, Gain, Scale


def _found(where: str) -> tuple[Family, ...]:
    """Families of all files of a room, those with fewer parameters first."""
    room = import_module(f"emergence.curves.{where}")
    names = sorted(f"{room.__name__}.{module.name}" for module in iter_modules(room.__path__))
    families = (f for name in names for f in import_module(name).FAMILIES)
    return tuple(sorted(families, key=lambda f: (f.n_params, f.name)))


ONSETS: dict[str, Family] = {f.name: f for f in _found("onsets")}
COMPETING = tuple(f for f in ONSETS.values() if f.competes)
# Those that an estimate of eta weighs: a ceiling that none allows for would move its interval.
FOR_ETA = (*COMPETING, ONSETS["ceiling"], ONSETS["jump_ceiling"])
SMOOTH: dict[str, Family] = {f.name: f for f in _found("smooth")}
# Those that a verdict weighs: a step is a jump without slope.
POOLED = (*(f for f in ONSETS.values() if f.name != "step"), *SMOOTH.values())
_ALL = (*ONSETS.values(), *SMOOTH.values())
CURVES: dict[str, Callable[..., FloatArray]] = {f.curve.__name__: f.curve for f in _ALL}


def _flat(loss: FloatArray, _: float) -> FloatArray:
    return np.zeros_like(loss)


SIMULATED: dict[str, Gain] = {name: gain for f in _ALL for name, gain in f.simulated.items()}
SIMULATED["flat"] = _flat


def smooth_families(scale: Scale, name: str = "") -> tuple[Family, ...]:
    """Smooth families that compete, and those offered under ``name``, for one problem."""
    return tuple(f.on(scale) for f in SMOOTH.values() if f.competes or f.public == name)
