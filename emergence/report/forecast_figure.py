"""Figures of forecasts: one forecast with its band, and the errors of all forms in a backtest."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from emergence.backtest_result import Backtest
from emergence.forecast_result import Forecast
from emergence.report.style import COLORS, ETA, GREY, INK, axes, draw_points, size_legend, tidy

_FORMS = plt.get_cmap("Dark2")


def plot_forecast(forecast: Forecast, ax: Axes | None = None, level: float = 0.9) -> Axes:
    """Draw the records used, the forecast below them, and its interval."""
    ax = tidy(axes(ax))
    points = forecast.points
    draw_points(ax, points.loss, points)
    order = np.argsort(forecast.loss)
    loss, score = forecast.loss[order], forecast.score[order]
    low, high = (end[order] for end in forecast.interval(level))
    ax.fill_between(loss, low, high, color=COLORS["smooth"], alpha=0.15, lw=0, label=f"{level:.0%}")
    if loss.size == 1:  # no band without a second place
        reach = np.abs(np.array([low, high]) - score)
        ax.errorbar(loss, score, reach, fmt="o" if forecast.known else "none", ms=4, capsize=3,
                    color=COLORS["smooth"])  # fmt: skip
    elif forecast.known:
        ax.plot(loss, score, color=COLORS["smooth"], lw=1.4)
    ax.axvline(forecast.edge, color=ETA, lw=1, ls=":")
    ax.axhline(points.chance, color=GREY, lw=1, ls="--")
    ax.invert_xaxis()
    said = "forecast" if forecast.known else "cannot be known"
    ax.set(xlabel="pre-training loss (nats per token)", ylabel=points.label)
    ax.set_title(f"{said}, from losses above {forecast.edge:.4g}", fontsize=10)
    size_legend(ax, points)
    return ax


def plot_backtest(backtest: Backtest, ax: Axes | None = None) -> Axes:
    """Draw one task's hidden scores with every form, or the errors of every form on several."""
    if len(backtest.cases) > 1:
        return _plot_errors(backtest, ax)
    case = backtest.cases[0]
    ax = plot_forecast(case.forecast, ax, backtest.level)
    hidden = case.hidden
    ax.plot(hidden.loss, hidden.value, "x", ms=4, color=INK, label="hidden", zorder=4)
    order = np.argsort(hidden.loss)
    for i, said in enumerate(case.said[1:]):
        ax.plot(
            hidden.loss[order], said.score[order], lw=1, ls="--", color=_FORMS(i), label=said.form
        )
    ax.legend(frameon=False, fontsize=7, loc="upper left")
    return ax


def _plot_errors(backtest: Backtest, ax: Axes | None) -> Axes:
    """Draw the mean absolute error of every form, a dot for each task and a bar for their mean.

    As in the table, the tasks are those of which the forecast claims to know what comes.
    """
    ax = tidy(axes(ax))
    table, frame = backtest.table, backtest.to_frame()
    for i, form in enumerate(table.index):
        mine = frame[frame["known"] & (frame["form"] == form)]
        color = COLORS["smooth"] if i == 0 else INK
        ax.plot(mine["error"], np.full(len(mine), i), "o", ms=4, color=color, alpha=0.5, mew=0)
        mean = float(mine["error"].mean())
        ax.plot([mean, mean], [i - 0.3, i + 0.3], color=color, lw=2.5)
    labels = [f"{form} (held {held:.0%})" for form, held in table["coverage"].items()]
    ax.set_yticks(range(len(table)), labels)
    ax.invert_yaxis()
    ax.set_xlim(left=0)
    ax.set_xlabel("mean absolute error of the hidden scores")
    known = len(backtest.cases) - len(backtest.unknown)
    tasks = "task" if known == 1 else "tasks"
    ax.set_title(f"{known} {tasks}, nominal {backtest.level:.0%}", fontsize=10)
    return ax
