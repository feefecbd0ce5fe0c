"""Figures of scores alone: against loss, and against compute."""

from matplotlib.axes import Axes

from emergence.figures.style import (
    GREY,
    as_text,
    axes,
    draw_points,
    log_axis,
    scientific,
    tidy,
    title,
)
from emergence.records.points import Points


def plot_points(points: Points, ax: Axes | None = None) -> Axes:
    """Draw scores against loss, falling to the right, with the chance line."""
    ax = tidy(axes(ax))
    draw_points(ax, points.shown_loss, points)
    ax.axhline(points.chance, color=GREY, lw=1, ls="--")
    # Beside the axes, where no point can lie.
    ax.annotate("chance", (1.0, points.chance), xytext=(3, 0), textcoords="offset points",
                xycoords=("axes fraction", "data"), ha="left", va="center", fontsize=7,
                color="#6b7280")  # fmt: skip
    ax.invert_xaxis()
    ax.set(xlabel="pre-training loss (nats per token)", ylabel=as_text(points.metric) or "score")
    title(ax, points.label)
    return ax


def plot_compute(points: Points, ax: Axes | None = None) -> Axes:
    """Draw scores against training compute C = 6 N D (Kaplan et al. 2020)."""
    ax = tidy(axes(ax))
    compute = points.compute
    if compute is None:
        ax.text(0.5, 0.5, "no params or tokens", transform=ax.transAxes, ha="center")
        return ax
    draw_points(ax, compute, points)
    ax.axhline(points.chance, color=GREY, lw=1, ls="--")
    log_axis(ax, scientific)
    ax.set(xlabel="training compute 6 N D (FLOP)", ylabel=as_text(points.metric) or "score")
    return ax
