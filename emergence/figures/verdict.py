"""The figure of a verdict: the fit that its label stands for, or both sides."""

from typing import Protocol

from matplotlib.axes import Axes

from emergence.figures.fit import Curve, Fitted, draw_curves, plot_fit
from emergence.figures.scores import plot_points
from emergence.figures.style import COLORS, size_legend
from emergence.records.points import Points


class Judged(Protocol):
    """What a verdict offers to be drawn."""

    @property
    def points(self) -> Points:
        """Scores that were judged."""

    @property
    def label(self) -> str:
        """The verdict."""

    @property
    def alpha(self) -> float:
        """Level of the tests."""

    @property
    def shown(self) -> Fitted | None:
        """Fit that the label stands for, if there is one to be drawn with its band."""

    def sides(self) -> dict[str, list[Curve]]:
        """Best curves of the sides that are left, ``smooth`` and ``threshold``, without bands."""


def plot_verdict(verdict: Judged, ax: Axes | None = None) -> Axes:
    """Draw the fit that the label stands for; without one, both sides without bands."""
    if (fit := verdict.shown) is not None:
        ax = plot_fit(fit, ax, level=1 - verdict.alpha)
    else:
        ax = plot_points(verdict.points, ax)
        sides = verdict.sides()
        for name, curves in sides.items():
            color = COLORS["emergent" if name == "threshold" else name]
            draw_curves(ax, curves, color, dashed=len(sides) > 1)
        size_legend(ax, verdict.points)
    title = f"{verdict.points.label}: {verdict.label}"
    ax.set_title(title, fontsize=10, color=COLORS[verdict.label])
    return ax
