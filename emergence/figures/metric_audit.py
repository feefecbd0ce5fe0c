"""The figure of a metric audit: one ability as several metrics see it."""

from collections.abc import Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from emergence._typing import FloatArray
from emergence.figures.style import GREY, as_text, axes, tidy, title
from emergence.records.points import Points

_PALETTE = plt.get_cmap("Dark2")


class Seen(NamedTuple):
    """One metric: its scores, its monotone curve (losses, abilities), label, and eta if any."""

    points: Points
    loss: FloatArray
    level: FloatArray
    label: str
    eta: float | None


def plot_audit(metrics: Sequence[Seen], text: str, ax: Axes | None = None) -> Axes:
    """Draw the ability by every metric, chance at 0, with monotone curves and thresholds."""
    ax = tidy(axes(ax))
    for i, (points, loss, level, label, eta) in enumerate(metrics):
        color = _PALETTE(i)
        ax.plot(points.shown_loss, points.ability, "o", ms=3, alpha=0.5, color=color, mew=0)
        ax.plot(loss, level, color=color, lw=1.4, label=f"{as_text(points.metric)}: {label}")
        if eta is not None:
            ax.axvline(eta, color=color, lw=1, ls=":")
    ax.axhline(0.0, color=GREY, lw=1, ls="--")
    ax.invert_xaxis()
    ax.set(xlabel="pre-training loss (nats per token)", ylabel="ability (chance 0, best 1)")
    title(ax, text)
    ax.legend(frameon=False, fontsize=8, loc="upper left")
    return ax
