"""The figure of a verdict: the fit that its label stands for, or both sides."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from emergence.figures.fit import Fitted, draw_curves, plot_fit
from emergence.figures.scores import plot_points
from emergence.figures.style import COLORS, legend, title
from emergence.interval import Curve
from emergence.records.points import Points


def plot_verdict(
    points: Points,
    label: str,
    shown: Fitted | Mapping[str, Sequence[Curve]],
    level: float,
    ax: Axes | None = None,
) -> Axes:
    """Draw the fit that the label stands for; without one the sides that are left, without bands.

    These are ``smooth`` and ``threshold`` curves.
    """
    if isinstance(shown, Mapping):
        ax = plot_points(points, ax)
        for name, curves in shown.items():
            color = COLORS["emergent" if name == "threshold" else name]
            draw_curves(ax, curves, color, dashed=len(shown) > 1)
        legend(ax)
    else:
        ax = plot_fit(shown, ax, level=level)
    title(ax, f"{points.label}: {label}", color=COLORS[label])
    return ax
