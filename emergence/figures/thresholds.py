"""Figures of thresholds: of tasks, of runs, and of replicates."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from emergence._typing import FloatArray
from emergence.figures.style import ETA, GREY, axes, tidy
from emergence.interval import Interval

_LABEL = r"threshold loss $\eta$ (nats per token)"


def plot_forest(
    rows: Sequence[tuple[str, float, Interval]],
    ax: Axes | None = None,
    *,
    shared: tuple[float, Interval] | None = None,
) -> Axes:
    """Draw eta with its interval for every name, largest on top, and one that they share.

    Thresholds on losses of different families are no more comparable than the losses: give those
    of one family.
    """
    found = sorted(rows, key=lambda row: row[1])
    ax = tidy(axes(ax, (6.0, 1.2 + 0.3 * max(len(found), 1))))
    if shared is not None:
        _common(ax, *shared)
    for y, (_, eta, ci) in enumerate(found):
        ax.plot([ci.low, ci.high], [y, y], color=ETA, lw=2, solid_capstyle="round")
        ax.plot(eta, y, "o", color=ETA, ms=5)
        for end, is_open, mark in ((ci.low, ci.open_low, ">"), (ci.high, ci.open_high, "<")):
            if is_open:  # the axis runs from high to low loss
                ax.plot(end, y, mark, color=ETA, ms=6)
    ax.set_yticks(range(len(found)), [name for name, _, _ in found], fontsize=8)
    if not found:
        ax.text(0.5, 0.5, "no task was called emergent", transform=ax.transAxes, ha="center")
    ax.set_ylim(-0.6, max(len(found), 1) - 0.4)
    ax.set_title("where the emergent tasks begin", fontsize=9)
    ax.invert_xaxis()
    ax.set_xlabel(_LABEL)
    return ax


def plot_runs(
    table: pd.DataFrame, eta: float, ci: Interval, title: str, ax: Axes | None = None
) -> Axes:
    """Draw eta of each run alone (open) and shrunk with its interval, and their mean.

    ``table`` has the columns run, eta, shrunk, low and high.
    """
    rows = table.sort_values("eta")
    ax = tidy(axes(ax, (6.0, 1.4 + 0.3 * len(rows))))
    _common(ax, eta, ci)
    for y, row in enumerate(rows.to_dict("records")):
        ax.plot([row["low"], row["high"]], [y, y], color=ETA, lw=2, solid_capstyle="round")
        ax.plot(row["eta"], y, "o", mfc="none", color=GREY, ms=6)
        ax.plot(row["shrunk"], y, "o", color=ETA, ms=5)
    ax.set_yticks(range(len(rows)), rows["run"].tolist(), fontsize=8)
    ax.set_ylim(-0.6, len(rows) - 0.4)
    ax.set_title(title, fontsize=9)
    ax.invert_xaxis()
    ax.set_xlabel(_LABEL)
    return ax


def _common(ax: Axes, eta: float, ci: Interval) -> None:
    ax.axvspan(ci.low, ci.high, color=ETA, alpha=0.10, lw=0)
    ax.axvline(eta, color=ETA, lw=1, ls=":")


def plot_eta_distribution(
    draws: FloatArray, eta: float, ci: Interval, ax: Axes | None = None
) -> Axes:
    """Draw the bootstrap distribution of eta, its shape chosen anew in every replicate."""
    ax = tidy(axes(ax))
    ax.hist(draws, bins=min(60, max(10, draws.size // 25)), color=ETA, alpha=0.35)
    ax.axvline(eta, color=ETA, lw=1.4)
    for end, is_open in ((ci.low, ci.open_low), (ci.high, ci.open_high)):
        ax.axvline(end, color=ETA, lw=1, ls=":" if is_open else "--")
    ax.invert_xaxis()
    ax.set(xlabel=_LABEL, ylabel="replicates")
    ax.set_title(f"bootstrap of eta; dashed: {ci.level:.0%} interval", fontsize=9)
    return ax
