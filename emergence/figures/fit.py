"""The figure of a fit: points, curve with its band, and where a threshold lies."""

from collections.abc import Sequence
from typing import Literal, Protocol

from matplotlib.axes import Axes

from emergence.figures.scores import plot_points
from emergence.figures.style import COLORS, ETA, legend
from emergence.interval import Curve, Interval
from emergence.records.points import Points


class Fitted(Protocol):
    """What a fit offers to be drawn."""

    @property
    def points(self) -> Points:
        """Scores that were fitted."""

    @property
    def side(self) -> Literal["threshold", "smooth"]:
        """Whether the curve has a threshold."""

    def curves(self, level: float) -> list[Curve]:
        """Fitted curve, or one for each run."""

    def onset(self, level: float) -> tuple[float, Interval] | None:
        """Threshold with its interval; None for a curve without."""


def plot_fit(fit: Fitted, ax: Axes | None = None, *, level: float = 0.95) -> Axes:
    """Draw points, fitted curve with its band, and for a threshold eta with its interval."""
    # Where runs have thresholds of their own, each has its curve.
    ax = plot_points(fit.points, ax)
    curves = fit.curves(level)
    color = COLORS["emergent" if fit.side == "threshold" else "smooth"]
    for curve in curves:
        if curve.low is not None and curve.high is not None:
            ax.fill_between(curve.loss, curve.low, curve.high, color=color, alpha=0.18, lw=0,
                            zorder=1.5, label=f"{100 * level:g}% band of the curve")  # fmt: skip
        width = 1.6 if len(curves) == 1 else 0.9
        ax.plot(curve.loss, curve.score, color=color, lw=width, zorder=3,
                label="fit" if len(curves) == 1 else "fit, run by run")  # fmt: skip
    if (onset := fit.onset(level)) is not None:
        eta, ci = onset
        said = f"{100 * level:g}% interval of η"
        ax.axvspan(ci.low, ci.high, color=ETA, alpha=0.10, lw=0, label=said)
        ax.axvline(eta, color=ETA, lw=1, ls=":")
        ax.annotate(f"η = {eta:.3f}", (eta, 0.98), xycoords=("data", "axes fraction"),
                    xytext=(-4, 0), textcoords="offset points", ha="right", va="top", fontsize=8,
                    color=ETA)  # fmt: skip
    if curves:
        legend(ax)
    return ax


def draw_curves(ax: Axes, curves: Sequence[Curve], color: str, *, dashed: bool) -> None:
    """Draw curves without bands."""
    width = 1.2 if len(curves) == 1 else 0.9
    for curve in curves:
        ax.plot(curve.loss, curve.score, color=color, lw=width, ls="--" if dashed else "-",
                label=curve.label)  # fmt: skip
