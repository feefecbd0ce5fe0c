"""Curves: which shapes are there?  One file a shape, in ``onsets`` and ``smooth``.

The public curve of every shape can be had from here: ``from emergence.curves import hinge``.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    from emergence.curves.catalogue import CURVES

    if name in CURVES:
        return CURVES[name]
    raise AttributeError(f"module 'emergence.curves' has no attribute {name!r}")
