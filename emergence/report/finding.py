"""Finding: what one set of records says of one claim, in words, a table and a figure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, TypeVar

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from emergence.errors import DataError, MethodRefused
from emergence.metrics import strict_metric
from emergence.records.points import Points
from emergence.records.records import Records
from emergence.verdicts.tasks import classify_tasks
from emergence.verdicts.verdict import Verdict

T = TypeVar("T")
R = TypeVar("R")
Holds = Literal["yes", "in part", "no", "cannot be told"]


@dataclass(frozen=True, eq=False)
class Finding:
    """One claim on one set of records.

    ``clause`` is the finding in words, to stand in a sentence; ``table`` and ``draw`` its evidence;
    ``census`` how many tasks are of each kind.
    """

    holds: Holds
    clause: str
    table: pd.DataFrame | None = None
    draw: Callable[[], Figure] | None = None
    census: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Source:
    """A set of records with a name, and its verdicts once they are asked for.

    ``law_records`` are what its scaling law is fitted to, where that is not ``records``;
    ``losses`` are further losses of its checkpoints, ``base`` is the group of runs that others are
    held against.
    """

    name: str
    records: Records
    n_boot: int
    seed: int
    law_records: Records | None = None
    losses: pd.DataFrame | None = None
    base: str | None = None

    @cached_property
    def groups(self) -> list[Points]:
        """Every task under the metric that people report."""
        return strict_groups(self.records)

    @cached_property
    def verdicts(self) -> list[Verdict]:
        """Verdict of every task by that metric."""
        metrics = sorted({g.metric for g in self.groups})
        found = classify_tasks(self.records, metric=metrics, n_boot=self.n_boot, rng=self.seed)
        mine = {_key(g) for g in self.groups}
        return [v for v in found if _key(v.points) in mine]

    def labelled(self, *labels: str) -> list[Verdict]:
        """Verdicts with one of these labels."""
        return [v for v in self.verdicts if v.label in labels]


def _key(points: Points) -> tuple[str, str, str]:
    return points.family, points.task, points.metric


def strict_groups(records: Records) -> list[Points]:
    """Points of every family and task by its strict metric, else by what there is."""
    found: dict[tuple[str, str], dict[str, Points]] = {}
    for group in records.groups():
        found.setdefault((group.family, group.task), {})[group.metric] = group
    return [g[strict_metric(g) or next(iter(g))] for g in found.values()]


def answers(ask: Callable[[T], R], items: Iterable[T], otherwise: str) -> tuple[list[R], str]:
    """Answers of the items that can be asked, and why the first that cannot be cannot.

    ``otherwise`` is the reason where all could be asked, or there was none.
    """
    found: list[R] = []
    reasons: list[str] = []
    for item in items:
        try:
            found.append(ask(item))
        except (DataError, MethodRefused) as error:
            reasons.append(str(error))
    return found, reasons[0] if reasons else otherwise


def panels(plots: Sequence[Callable[[Axes], object]], width: float, height: float = 3.8) -> Figure:
    """Figure with one panel of this width for each plot."""
    n = max(len(plots), 1)
    figure = Figure(figsize=(n * width, height), layout="constrained")
    for plot, ax in zip(plots, np.ravel(figure.subplots(1, n)), strict=False):
        plot(ax)
    return figure


def verdict_word(findings: Sequence[Finding]) -> str:
    """One word for several findings; those that cannot be told do not count."""
    told = {f.holds for f in findings if f.holds != "cannot be told"}
    if not told:
        return "Cannot be told"
    if told == {"yes"}:
        return "Holds"
    return "Does not hold" if told == {"no"} else "Holds in part"


def share_word(good: int, bad: int, unknown: int = 0) -> Holds:
    """Holds where nothing speaks against it, and does not where more speaks against than for."""
    if good + bad == 0 or good + bad < unknown:
        return "cannot be told"
    if bad == 0:
        return "yes"
    return "in part" if good >= bad else "no"
