"""Figures of planning: what a size reaches, and where the next checkpoint helps."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from emergence.design_result import Design
from emergence.placement import Placement
from emergence.report.style import COLORS, ETA, GREY, axes, human, tidy


def plot_design(design: Design, ax: Axes | None = None) -> Axes:
    """Draw the goal against the size of the study, with Monte-Carlo limits."""
    ax = tidy(axes(ax))
    table = design.to_frame()
    value, low, high = (table[k].to_numpy() for k in (design.goal, "low", "high"))
    seen = np.isfinite(high)
    sizes, color = table[design.vary].to_numpy(), COLORS["smooth"]
    ax.fill_between(sizes[seen], low[seen], high[seen], color=color, alpha=0.15, lw=0)
    ax.plot(sizes, value, "o-", ms=4, lw=1.4, color=color)
    ax.axhline(design.target, color=GREY, lw=1, ls="--")
    if design.needed is not None:
        ax.axvline(design.needed, color=ETA, lw=1, ls=":")
    ax.set_xscale("log", base=2)
    ax.set_xticks(sizes, [human(float(s)) for s in sizes])
    goal = "median width of eta (nats)" if design.goal == "width" else "share called emergent"
    ax.set(xlabel=design.vary, ylabel=goal)
    ax.set_ylim(bottom=0)
    needed = "more than tried" if design.needed is None else f"{design.needed} {design.vary}"
    ax.set_title(needed, fontsize=10)
    return ax


def plot_placement(placement: Placement, ax: Axes | None = None) -> Axes:
    """Draw the spread of eta to expect, and the scores so far along the bottom."""
    ax = tidy(axes(ax))
    ax.plot(placement.loss, placement.eta_sd, lw=1.4, color=COLORS["smooth"])
    ax.axhline(placement.now, color=GREY, lw=1, ls="--", label="now")
    ax.axvline(placement.best, color=ETA, lw=1, ls=":", label=f"best: {placement.best:.4g}")
    ax.plot(placement.points.loss, np.zeros(placement.points.size), "|", ms=6, color=GREY)
    ax.invert_xaxis()
    ax.set_ylim(bottom=0)
    ax.set(xlabel="loss of the next checkpoint (nats per token)", ylabel="spread of eta (nats)")
    ax.set_title(placement.points.label, fontsize=10)
    ax.legend(frameon=False, fontsize=8)
    return ax
