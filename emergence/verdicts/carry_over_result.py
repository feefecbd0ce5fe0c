"""CarryOver: thresholds of groups of runs on several losses, and what they have in common."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import fdtrc, fdtri, stdtr, stdtrit

from emergence._results import Result, jsonable, no_interval
from emergence._text import several, table
from emergence._typing import Axes, FloatArray, IntArray
from emergence.interval import Interval, check_level

_MISSED = 0.25  # share of the runs without a threshold beyond which nothing is said of the others


@dataclass(frozen=True, eq=False)
class OnAxis:
    """Thresholds of groups of runs on one loss, each group beside a base.

    ``log_eta``, ``gap`` and ``group`` have one entry for each run that begins: logarithm of the
    loss where it does, how far apart it is at the two checkpoints beside, number of the group;
    ``base`` is that of the base among ``groups``, ``alpha`` the level of the tests.
    """

    axis: str
    groups: tuple[str, ...]
    base: int
    margin: float
    alpha: float
    log_eta: FloatArray = field(repr=False)
    gap: FloatArray = field(repr=False)
    group: IntArray = field(repr=False)

    @cached_property
    def _counts(self) -> FloatArray:
        return np.bincount(self.group).astype(float)

    @cached_property
    def _means(self) -> FloatArray:
        return np.bincount(self.group, self.log_eta) / self._counts

    @property
    def dof(self) -> int:
        """Runs less groups: what is known of runs that differ in nothing."""
        return self.log_eta.size - len(self.groups)

    @cached_property
    def within(self) -> float:
        """Standard deviation of runs of one group, of the logarithm."""
        # A run begins anywhere between two checkpoints, and groups may share the grid of theirs.
        rest = self.log_eta - self._means[self.group]
        least = float(np.mean(self.gap**2)) / 12.0
        return float(np.sqrt(max(float(rest @ rest) / self.dof, least)))

    def _ratio(self, spread: float) -> float:
        """Wald's F where the groups had this spread: one such ratio in all is an F draw."""
        weight = self._counts / (self.within**2 + self._counts * spread**2)
        away = self._means - np.average(self._means, weights=weight)
        return float(weight @ away**2) / (len(self.groups) - 1)

    @property
    def p_common(self) -> float:
        """p-value of one threshold for all groups: analysis of variance."""
        return float(fdtrc(len(self.groups) - 1, self.dof, self._ratio(0.0)))

    def _spread_at(self, ratio: float) -> float:
        if self._ratio(0.0) <= ratio:
            return 0.0
        top = float(np.ptp(self._means)) + self.within
        while self._ratio(top) > ratio:
            top *= 10.0
        return float(brentq(lambda spread: self._ratio(spread) - ratio, 0.0, top))

    @property
    def spread(self) -> float:
        """Standard deviation between groups beyond that of runs, of the logarithm."""
        return self._spread_at(1.0)

    def spread_interval(self, level: float = 0.95) -> Interval:
        """Interval of the spread, exact for normal errors (Wald 1940, Ann. Math. Stat. 11, 96)."""
        check_level(level)
        k = len(self.groups) - 1
        tails = (0.5 * (1.0 + level), 0.5 * (1.0 - level))
        low, high = (self._spread_at(float(fdtri(k, self.dof, tail))) for tail in tails)
        return Interval(low, high, level, "Wald")

    @cached_property
    def _away(self) -> FloatArray:
        return self._means - self._means[self.base]

    @cached_property
    def _stderr(self) -> FloatArray:
        root = np.sqrt(1.0 / self._counts + 1.0 / self._counts[self.base])
        return np.where(np.arange(len(self.groups)) == self.base, 0.0, self.within * root)

    @property
    def differences(self) -> FloatArray:
        """Threshold of each group less that of the base, as a share of it."""
        return np.expm1(self._away)

    def difference_interval(self, group: int, level: float = 0.95) -> Interval:
        """Interval of the difference of one group from the base, by Student's t."""
        check_level(level)
        half = float(stdtrit(self.dof, 0.5 * (1.0 + level)) * self._stderr[group])
        away = float(self._away[group])
        return Interval(float(np.expm1(away - half)), float(np.expm1(away + half)), level, "t")

    @property
    def p_equivalent(self) -> float:
        """p-value of "some group is further than the margin from the base" (two one-sided t)."""
        others = np.flatnonzero(np.arange(len(self.groups)) != self.base)
        below, above = np.log1p(-self.margin), np.log1p(self.margin)
        room = np.minimum(above - self._away, self._away - below)[others]
        return float((1.0 - stdtr(self.dof, room / self._stderr[others])).max())

    @property
    def finding(self) -> str:
        """What is shown of the runs that begin: agree, differ, or cannot be told."""
        if self.p_equivalent <= self.alpha:
            return "agree"
        return "differ" if self.p_common <= self.alpha else "cannot be told"


@dataclass(frozen=True, eq=False, repr=False)
class CarryOver(Result):
    """Thresholds of groups of runs on several losses; made by :func:`carry_over`.

    Attributes
    ----------
    task, metric, by : str
        What was asked; ``by`` is the column that names the groups.
    base : str
        Group that the others are held against.
    axes : tuple of OnAxis
        The losses, that on which the groups differ least first; each tested at 5% over their
        number, for the best of several is chosen.
    begins : DataFrame
        One row per run: group, run, tokens and every loss where it begins.
    aside : dict of str to str
        Runs without a threshold, and why: they never begin, or had begun before they were seen.
    lost : tuple of str
        Groups of which no run has one.
    """

    task: str
    metric: str
    by: str
    base: str
    axes: tuple[OnAxis, ...] = field(repr=False)
    begins: pd.DataFrame = field(repr=False)
    aside: dict[str, str]
    lost: tuple[str, ...]

    @property
    def best(self) -> OnAxis:
        """Loss on which the groups differ least."""
        return self.axes[0]

    def finding(self, one: OnAxis) -> str:
        """What is shown on one loss, with the runs that have no threshold in mind.

        Where some have none, the threshold of all does not agree; where more than a quarter have
        none, those that have are too few to speak for the others.
        """
        missed = len(self.aside) / (len(self.aside) + len(self.begins))
        trusted = missed <= _MISSED if one.finding == "differ" else not missed
        return one.finding if trusted else "cannot be told"

    @property
    def warnings(self) -> tuple[str, ...]:
        """What should be read with care."""
        if not self.aside:
            return ()
        said = ", ".join(f"{run} ({why})" for run, why in self.aside.items())
        whole = f"; of {', '.join(self.lost)} none has one" if self.lost else ""
        return (f"these runs have no threshold here and are left out: {said}{whole}",)

    @property
    def reason(self) -> str:
        """The finding in one sentence."""
        one = self.best
        ci, seen = one.spread_interval(), one.margin
        words = {
            "agree": f"carries over: every group within {seen:.0%} of {self.base}",
            "differ": f"does not carry over: one for all is rejected (p = {one.p_common:.2g})",
            "cannot be told": f"cannot be told to carry over within {seen:.0%}",
        }
        lost = f"; no run of {' or '.join(self.lost)} begins" if self.lost else ""
        return (
            f"{self.task}: on {one.axis}, where {several(len(one.groups), 'group')} differ least, "
            f"the threshold {words[self.finding(one)]}; the groups add a standard deviation of "
            f"{one.spread:.1%} {ci:.1%} of eta to the {one.within:.1%} "
            f"between runs that differ in their seed alone{lost}"
        )

    def to_frame(self, level: float = 0.95) -> pd.DataFrame:
        """One row per loss: spread with interval, p-values, finding, the largest difference."""
        rows = []
        for one in self.axes:
            ci, most = one.spread_interval(level), int(np.abs(one.differences).argmax())
            reach = one.difference_interval(most, level)
            rows.append(
                {
                    "axis": one.axis,
                    "finding": self.finding(one),
                    "spread": one.spread,
                    "spread_low": ci.low,
                    "spread_high": ci.high,
                    "within": one.within,
                    "p_common": one.p_common,
                    "p_equivalent": one.p_equivalent,
                    "largest": one.groups[most],
                    "difference": float(one.differences[most]),
                    "difference_low": reach.low,
                    "difference_high": reach.high,
                }
            )
        return pd.DataFrame(rows)

    def to_dict(self) -> dict[str, Any]:
        """Everything, in types that survive JSON."""
        tables = {"axes": self.to_frame(), "begins": self.begins}
        return super().to_dict() | {k: jsonable(t.to_dict("records")) for k, t in tables.items()}

    def summary(self) -> str:
        """Report as text."""
        lines = [f"{self.task} ({self.metric}), groups by {self.by}, base {self.base}"]
        lines += table(
            (
                (
                    one.axis,
                    f"{one.spread:.1%}",
                    f"{one.spread_interval():.1%}",
                    f"{one.p_common:.3f}",
                    f"{one.p_equivalent:.3f}",
                    self.finding(one),
                )
                for one in self.axes
            ),
            ("loss", "spread", "95%", "p one", "p margin", "finding"),
            right=range(1, 5),
        )
        return "\n".join([*lines, self.reason, *self._warned])

    def on(self, axis: str) -> OnAxis:
        """Thresholds on one loss; DataError for another name, with those that there are."""
        for one in self.axes:
            if one.axis == axis:
                return one
        raise no_interval(axis, tuple(one.axis for one in self.axes))

    def interval(self, name: str, level: float = 0.95) -> Interval:
        """Interval of the spread between groups on the loss ``name``, of the logarithm of eta."""
        return self.on(name).spread_interval(level)

    def plot(self, ax: Axes | None = None, axis: str | None = None) -> Axes:
        """Draw each group's threshold against that of the base, on the best or on another loss."""
        from emergence.figures.thresholds import plot_groups  # matplotlib only when drawing

        one = self.best if axis is None else self.on(axis)
        rows = [
            (name, float(one.differences[i]), one.difference_interval(i))
            for i, name in enumerate(one.groups)
        ]
        heading = f"{self.task} on {one.axis}: {self.finding(one)}"
        return plot_groups(rows, heading, one.margin, ax)
