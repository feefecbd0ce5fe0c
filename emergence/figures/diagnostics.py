"""The figure of what a threshold rests on: residuals, the larger the more leverage."""

import pandas as pd
from matplotlib.axes import Axes

from emergence.figures.style import COLORS, ETA, GREY, axes, tidy

_AREA = 200.0  # of a checkpoint whose fit is its own observation, square points


def plot_leverage(table: pd.DataFrame, eta: float, ax: Axes | None = None) -> Axes:
    """Draw residuals against loss, their area by leverage; ``table`` has these three columns."""
    ax = tidy(axes(ax))
    area = 4.0 + _AREA * table["leverage"]
    ax.scatter(table["loss"], table["residual"], s=area, color=COLORS["smooth"], alpha=0.5, lw=0)
    ax.axhline(0.0, color=GREY, lw=1, ls="--")
    ax.axvline(eta, color=ETA, lw=1, ls=":")
    ax.invert_xaxis()
    ax.set(xlabel="pre-training loss (nats per token)", ylabel="residual (score)")
    ax.set_title("residuals; area: leverage", fontsize=10)
    return ax
