"""Figures of planning: what a size reaches, and where the next checkpoint helps."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from emergence._typing import FloatArray
from emergence.figures.style import COLORS, ETA, GREY, axes, human, tidy, title
from emergence.records.points import Points


def plot_design(
    table: pd.DataFrame, target: float, needed: int | None, ax: Axes | None = None
) -> Axes:
    """Draw the goal against the size of the study, with Monte-Carlo limits.

    ``table`` has the size and the goal as its first columns, then low and high.
    """
    ax = tidy(axes(ax))
    vary, goal = (str(name) for name in table.columns[:2])
    value, low, high = (table[k].to_numpy() for k in (goal, "low", "high"))
    seen = np.isfinite(high)
    sizes, color = table[vary].to_numpy(), COLORS["smooth"]
    ax.fill_between(sizes[seen], low[seen], high[seen], color=color, alpha=0.15, lw=0)
    ax.plot(sizes, value, "o-", ms=4, lw=1.4, color=color)
    ax.axhline(target, color=GREY, lw=1, ls="--")
    if needed is not None:
        ax.axvline(needed, color=ETA, lw=1, ls=":")
    ax.set_xscale("log", base=2)
    ax.set_xticks(sizes, [human(float(s)) for s in sizes])
    said = "median width of eta (nats)" if goal == "width" else "share called emergent"
    ax.set(xlabel=vary, ylabel=said)
    ax.set_ylim(bottom=0)
    ax.set_title("more than tried" if needed is None else f"{needed} {vary}", fontsize=10)
    return ax


def plot_placement(
    points: Points, loss: FloatArray, eta_sd: FloatArray, now: float, ax: Axes | None = None
) -> Axes:
    """Draw the spread of eta to expect, and the scores so far along the bottom."""
    ax, best = tidy(axes(ax)), float(loss[eta_sd.argmin()])
    ax.plot(loss, eta_sd, lw=1.4, color=COLORS["smooth"])
    ax.axhline(now, color=GREY, lw=1, ls="--", label="now")
    ax.axvline(best, color=ETA, lw=1, ls=":", label=f"best: {best:.4g}")
    ax.plot(points.shown_loss, np.zeros(points.size), "|", ms=6, color=GREY)
    ax.invert_xaxis()
    ax.set_ylim(bottom=0)
    ax.set(xlabel="loss of the next checkpoint (nats per token)", ylabel="spread of eta (nats)")
    title(ax, points.label)
    ax.legend(frameon=False, fontsize=8)
    return ax
