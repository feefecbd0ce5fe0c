"""Figures of forecasts: one forecast with its band, and the errors of all forms in a backtest."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from emergence._typing import FloatArray
from emergence.figures.style import COLORS, ETA, GREY, INK, as_text, axes, draw_points, legend, tidy
from emergence.records.points import Points

_FORMS = plt.get_cmap("Dark2")


def plot_forecast(
    points: Points, table: pd.DataFrame, edge: float, level: float, ax: Axes | None = None
) -> Axes:
    """Draw the records used, the forecast below them, and its interval.

    ``table`` has the columns loss, score, low, high and known.
    """
    ax = tidy(axes(ax))
    draw_points(ax, points.shown_loss, points)
    rows, known = table.sort_values("loss"), bool(table["known"].all())
    loss, score, low, high = (rows[c].to_numpy() for c in ("loss", "score", "low", "high"))
    ax.fill_between(loss, low, high, color=COLORS["smooth"], alpha=0.15, lw=0, label=f"{level:.0%}")
    if loss.size == 1:  # no band without a second place
        reach = np.abs(np.array([low, high]) - score)
        ax.errorbar(loss, score, reach, fmt="o" if known else "none", ms=4, capsize=3,
                    color=COLORS["smooth"])  # fmt: skip
    elif known:
        ax.plot(loss, score, color=COLORS["smooth"], lw=1.4)
    ax.axvline(edge, color=ETA, lw=1, ls=":")
    ax.axhline(points.chance, color=GREY, lw=1, ls="--")
    ax.invert_xaxis()
    said = "forecast" if known else "cannot be known"
    ax.set(xlabel="pre-training loss (nats per token)", ylabel=as_text(points.label))
    ax.set_title(f"{said}, from losses above {edge:.4g}", fontsize=10)
    legend(ax)
    return ax


def draw_forms(ax: Axes, hidden: Points, forms: Sequence[tuple[str, FloatArray]]) -> None:
    """Add the hidden scores to a forecast, and what other forms said of them."""
    ax.plot(hidden.loss, hidden.value, "x", ms=4, color=INK, label="hidden", zorder=4)
    order = np.argsort(hidden.loss)
    for i, (form, score) in enumerate(forms):
        ax.plot(hidden.loss[order], score[order], lw=1, ls="--", color=_FORMS(i), label=form)
    ax.legend(frameon=False, fontsize=7, loc="upper left")


def plot_errors(
    table: pd.DataFrame, rows: pd.DataFrame, level: float, ax: Axes | None = None
) -> Axes:
    """Draw the mean absolute error of every form, a dot for each task and a bar for their mean.

    ``table`` has one row for each form, ours first; ``rows`` one for each task and form.  As in the
    table, the tasks are those of which the forecast claims to know what comes.
    """
    ax, known = tidy(axes(ax)), rows[rows["known"]]
    for i, form in enumerate(table.index):
        mine = known[known["form"] == form]
        color = COLORS["smooth"] if i == 0 else INK
        ax.plot(mine["error"], np.full(len(mine), i), "o", ms=4, color=color, alpha=0.5, mew=0)
        mean = float(mine["error"].mean())
        ax.plot([mean, mean], [i - 0.3, i + 0.3], color=color, lw=2.5)
    labels = [f"{form} (held {held:.0%})" for form, held in table["coverage"].items()]
    ax.set_yticks(range(len(table)), labels)
    ax.invert_yaxis()
    ax.set_xlim(left=0)
    ax.set_xlabel("mean absolute error of the hidden scores")
    n = int((known["form"] == table.index[0]).sum()) if len(table) else 0
    ax.set_title(f"{n} {'task' if n == 1 else 'tasks'}, nominal {level:.0%}", fontsize=10)
    return ax
