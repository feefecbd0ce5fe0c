"""How many files a call enters before it comes to what it is about.

    python tests/way.py

prints the files that ``fit_threshold(shape="hinge")`` enters up to the equation of the hinge, and
``classify`` up to the rule that makes the label.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from emergence import classify, fit_threshold, simulate
from emergence.curves.onsets.hinge import hinge
from emergence.verdicts.trial.rule import decide

PACKAGE = Path(__file__).parents[1] / "emergence"


class _Arrived(Exception):
    """The call has come to its target."""


def files_entered(call: Callable[[], object], target: CodeType) -> list[str]:
    """Files of the package that calls enter, in order, until the target is called."""
    entered: list[str] = []

    def look(frame: FrameType, event: str, _: Any) -> None:
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(PACKAGE):
            name = str(path.relative_to(PACKAGE))
            if name not in entered:
                entered.append(name)
            if frame.f_code is target:
                raise _Arrived

    sys.setprofile(look)
    try:
        call()
    except _Arrived:
        return entered
    finally:
        sys.setprofile(None)
    raise AssertionError("the call never came to its target")


def to_the_hinge() -> list[str]:
    """Files from ``fit_threshold`` to the equation of the hinge."""
    points = simulate("hinge", n=40, rng=0).select()
    return files_entered(lambda: fit_threshold(points, shape="hinge", n_boot=99), hinge.__code__)


def to_the_label() -> list[str]:
    """Files from ``classify`` to the rule that makes the label."""
    points = simulate("jump", n=40, rng=0).select()
    return files_entered(lambda: classify(points, n_boot=99), decide.__code__)


if __name__ == "__main__":
    print("fit_threshold to the hinge:", *to_the_hinge(), sep="\n  ")
    print("classify to the rule:", *to_the_label(), sep="\n  ")
