"""Collapse: whether loss alone explains the scores, and what size adds at equal loss."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd
from scipy.special import stdtr, stdtrit

from emergence._results import Result, no_interval
from emergence._text import table
from emergence.interval import Interval, check_level
from emergence.records.points import Points

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

Label = Literal["loss alone", "size matters", "undetermined"]


@dataclass(frozen=True)
class Effect:
    """Effect of a factor of ten in size at equal loss, in points of score; t of ``dof``."""

    estimate: float
    stderr: float
    dof: int
    margin: float

    def interval(self, level: float = 0.95) -> Interval:
        """Confidence interval by Student's t."""
        check_level(level)
        half = float(stdtrit(self.dof, 0.5 * (1.0 + level))) * self.stderr
        return Interval(self.estimate - half, self.estimate + half, level, "t")

    @property
    def p_none(self) -> float:
        """p-value of "no effect"."""
        return 2.0 * float(stdtr(self.dof, -abs(self.estimate) / self._error))

    @property
    def p_beyond(self) -> float:
        """p-value of "an effect beyond the margin": small where equivalence is shown."""
        return float(stdtr(self.dof, (abs(self.estimate) - self.margin) / self._error))

    @property
    def _error(self) -> float:
        return max(self.stderr, 1e-300)  # scores without any noise


@dataclass(frozen=True)
class LocalEffect:
    """The effect within a part of the loss axis, with a joint interval."""

    loss_low: float
    loss_high: float
    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class Offset:
    """Mean offset of one size or family along the common curve, points of score."""

    name: str
    estimate: float
    stderr: float


@dataclass(frozen=True, eq=False, repr=False)
class Collapse(Result):
    """What :func:`collapse` found.

    Attributes
    ----------
    effect : Effect
        Of ``by`` at equal loss, for every factor of ten.
    local : tuple of LocalEffect
        The same in quarters of the points along the loss axis.
    offsets : tuple of Offset
        Of every size, or of every family where there are several.
    errors, explained : dict of str to float
        Root mean squared error, and share of variance explained, of curves of each predictor
        asked about runs they have not seen.
    p_families : float or None
        p-value of one curve for all families.
    """

    points: Points = field(repr=False)
    by: str
    margin: float
    alpha: float
    effect: Effect
    local: tuple[LocalEffect, ...]
    offsets: tuple[Offset, ...]
    errors: dict[str, float]
    explained: dict[str, float]
    p_families: float | None

    @property
    def label(self) -> Label:
        """``loss alone`` (equivalence is shown), ``size matters``, or ``undetermined``."""
        if self.p_families is not None and self.p_families < self.alpha:
            return "size matters"
        if self.effect.p_beyond < self.alpha:
            return "loss alone"
        return "size matters" if self.effect.p_none < self.alpha else "undetermined"

    @property
    def breaks(self) -> tuple[LocalEffect, ...]:
        """Parts of the loss axis where the effect is certainly not zero and beyond the margin."""
        return tuple(
            part
            for part in self.local
            if (part.low > 0 or part.high < 0) and abs(part.estimate) > self.margin
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What should be read with care: where the collapse breaks."""
        breaks = (
            f"it breaks at losses {p.loss_low:.3g} to {p.loss_high:.3g}: {p.estimate:+.4f}"
            for p in self.breaks
        )
        return (*breaks, *self.points.notes)

    def interval(self, name: str = "effect", level: float = 0.95) -> Interval:
        """Interval of the effect of a factor of ten at equal loss."""
        if name != "effect":
            raise no_interval(name, ("effect",))
        return self.effect.interval(level)

    @property
    def reason(self) -> str:
        """The finding in one sentence."""
        e, ci = self.effect, self.effect.interval()
        size = (
            f"at equal loss a factor of ten in {self.by} changes the score by {e.estimate:+.4f} "
            f"[{ci.low:+.4f}, {ci.high:+.4f}]"
        )
        if self.p_families is not None and self.p_families < self.alpha:
            apart = ", ".join(f"{o.name} {o.estimate:+.3f}" for o in self.offsets)
            return f"the families do not fall on one curve (p = {self.p_families:.2g}): {apart}"
        if e.p_beyond < self.alpha:
            text = f"{size}: none within {self.margin:g} (p = {e.p_beyond:.2g})"
        elif e.p_none < self.alpha:
            text = f"{size}: {self.by} matter (p = {e.p_none:.2g})"
        else:
            text = f"{size}: these data cannot tell it from none, nor show that it is none"
        if self.breaks:
            where = ", ".join(f"{p.loss_low:.3g} to {p.loss_high:.3g}" for p in self.breaks)
            text += f"; it breaks at losses {where}"
        return text

    def summary(self) -> str:
        """Finding, predictors and offsets as text."""
        lines = [f"{self.points.label}: {self.label}: {self.reason}", "", "Runs not seen:"]
        lines += table(
            (
                (name, f"{error:.4f}", f"{self.explained[name]:.4f}")
                for name, error in sorted(self.errors.items(), key=lambda pair: pair[1])
            ),
            ("predictor", "error", "R squared"),
            right=[1, 2],
        )
        lines += ["", "Mean offset at equal loss:"]
        lines += table(
            ((o.name, f"{o.estimate:+.4f}", f"{o.stderr:.4f}") for o in self.offsets),
            (self.by, "offset", "s.e."),
            right=[1, 2],
        )
        return "\n".join([*lines, *self._warned])

    def to_frame(self) -> pd.DataFrame:
        """One row per predictor."""
        return pd.DataFrame({"error": self.errors, "explained": self.explained}).rename_axis(
            "predictor"
        )

    def to_dict(self) -> dict[str, Any]:
        """All findings as what JSON holds."""
        found = {"label": self.label, "p_none": self.effect.p_none}
        found |= {"p_beyond": self.effect.p_beyond}
        return self.points.facts() | super().to_dict() | found

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the scores against loss, with the error of its curve for runs not seen."""
        from emergence.figures.collapse import plot_against  # matplotlib only when drawing
        from emergence.figures.style import axes

        error, explained = self.errors["loss"], self.explained["loss"]
        return plot_against(self.points, "loss", axes(ax), error, explained)

    def plot_axes(self, axes: Sequence[Axes] | None = None) -> list[Axes]:
        """Draw the scores against loss, compute, params and tokens, on four Axes."""
        from emergence.figures.collapse import plot_axes  # matplotlib only when drawing

        return plot_axes(self.points, self.errors, self.explained, axes)
