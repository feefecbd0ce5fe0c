"""The figure of a translation: one loss against another, and a threshold on both."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from emergence.figures.style import ETA, GREY, as_text, axes, tidy
from emergence.interval import Interval

_AROUND = 0.6  # nats on either side of eta that are shown, where there is more


class Shown(NamedTuple):
    """Names of two losses, and a threshold on both."""

    source: str
    target: str
    source_eta: float
    eta: float
    interval: Interval


def plot_translation(table: pd.DataFrame, shown: Shown, ax: Axes | None = None) -> Axes:
    """Draw losses run by run; dotted: eta on the one, and on the other with its interval."""
    ax, ci = tidy(axes(ax)), shown.interval
    near = table[np.abs(table[shown.source] - shown.source_eta) < _AROUND]
    for _, rows in near.groupby("run"):
        line = rows.sort_values(shown.source)
        ax.plot(line[shown.source], line[shown.target], "o-", color=GREY, ms=2.5, lw=0.6)
    ax.axvline(shown.source_eta, color=ETA, lw=1, ls=":")
    ax.axhline(shown.eta, color=ETA, lw=1, ls=":")
    ax.axhspan(ci.low, ci.high, color=ETA, alpha=0.12, lw=0)
    ax.set(xlabel=as_text(shown.source), ylabel=as_text(shown.target))
    ax.invert_xaxis()
    ax.invert_yaxis()
    ax.set_title(f"{shown.source_eta:.4g} is {shown.eta:.4g} {ci:.4g}", fontsize=10)
    return ax
