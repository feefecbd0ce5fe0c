"""Colours and small helpers that every figure shares."""

from collections.abc import Callable
from textwrap import wrap
from typing import Any, Literal

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, to_rgba
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from emergence._text import readable
from emergence._typing import BoolArray
from emergence.records.points import Points

COLORS = {"emergent": "#c2410c", "smooth": "#1d4ed8", "flat": "#6b7280", "undetermined": "#7c3aed"}
ETA, GREY, INK = "#c2410c", "#9ca3af", "#1f2937"
SERIES = ("#1d4ed8", "#c2410c", "#047857", "#7c3aed")  # of things without a label
_SIZES = plt.get_cmap("viridis")
_GLYPH = 0.56  # width of a character as a share of its size
_LINES = 3  # of a title
_SIZE, _KEYS = " parameters", 12  # of a legend: what a size is called, and how many at most
# No formula: its parser and its own fonts in a PDF take half the time of a figure.
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_BARS = 200  # points that are still told apart with an error bar each
_TOP = 0.86  # of that map: what lies above is too light on white


def as_text(text: str, most: int = 60) -> str:
    """Text of the user as a figure shows it: no formula, no control characters, not too long."""
    text = readable(text)
    text = text if len(text) <= most else text[: most - 1] + "\N{HORIZONTAL ELLIPSIS}"
    return text.replace("$", r"\$")


def title(
    ax: Axes,
    text: str,
    size: float = 10,
    *,
    color: str = "black",
    loc: Literal["center", "right"] = "center",
) -> None:
    """Title that may hold names of the user, on as many lines as the width of the axes takes."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    width = 72 * figure.get_size_inches()[0] * ax.get_position().width
    lines = wrap(readable(text), max(20, int(width / (_GLYPH * size))), max_lines=_LINES)
    escaped = "\n".join(lines).replace("$", r"\$")
    ax.set_title(escaped, fontsize=size, color=color, loc=loc)


def axes(ax: Axes | None, size: tuple[float, float] = (5.2, 3.6)) -> Axes:
    """Return the axes given, or those of a new figure."""
    if ax is not None:
        return ax
    return plt.subplots(figsize=size, layout="constrained")[1]


def tidy(ax: Axes) -> Axes:
    """Quiet frame and grid."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color="#e5e7eb", linewidth=0.6)
    ax.set_axisbelow(True)
    return ax


def size_norm(points: Points) -> LogNorm | None:
    """Colour scale over the model sizes; None where they are unknown."""
    if points.params is None:
        return None
    low, high = float(points.params.min()), float(points.params.max())
    return LogNorm(low, high if high > low else low * 1.01)


def size_color(points: Points, size: float) -> tuple[float, float, float, float]:
    """Colour of the points of one model size."""
    norm = size_norm(points)
    return _SIZES(_TOP * float(norm(size))) if norm is not None else to_rgba(INK)


def human(number: float) -> str:
    """Number of parameters or tokens as people say it: 6.89e9 is 6.9B."""
    if not np.isfinite(number):
        return "none"
    for scale, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if number >= scale * 0.9995:
            return f"{number / scale:.3g}{unit}"
    return f"{number:.3g}"


def scientific(number: float) -> str:
    """Number of operations as a figure writes it: 2e20 is 2 times ten to the 20."""
    digits, _, power = f"{number:.0e}".partition("e")
    times = "" if digits == "1" else f"{digits}·"
    return f"{times}10{str(int(power)).translate(_RAISED)}"


def log_axis(ax: Axes, label: Callable[[float], str]) -> None:
    """Make x logarithmic with at most five labels, and some where it spans less than a decade."""
    ax.set_xscale("log")
    low, high = ax.get_xlim()
    subs = (1.0, 2.0, 5.0) if high < 100.0 * low else (1.0,)
    ax.xaxis.set_major_locator(LogLocator(subs=subs, numticks=5))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: label(v)))
    ax.xaxis.set_minor_formatter(NullFormatter())


def draw_points(ax: Axes, x: Any, points: Points) -> None:
    """Scores coloured by model size, checkpoints of one run joined; bars: 95% by their items."""
    if points.n_items is not None and points.counted and points.size <= _BARS:
        share = np.clip(points.value, 0.0, 1.0)
        error = 1.96 * np.sqrt(share * (1.0 - share) / points.n_items)
        ax.errorbar(x, points.value, error, fmt="none", ecolor=GREY, elinewidth=0.6, alpha=0.6)
    if points.run is not None and points.n_runs < points.size:
        clock = points.tokens if points.tokens is not None else -points.loss
        for run in np.unique(points.run):
            mine = np.flatnonzero(points.run == run)
            mine = mine[np.argsort(clock[mine])]
            if mine.size > 1:
                ax.plot(x[mine], points.value[mine], color=GREY, lw=0.5, alpha=0.6, zorder=1)
    if points.params is None:
        ax.scatter(x, points.value, s=14, color=INK, alpha=0.7, linewidths=0, zorder=2)
        return
    for size in np.unique(points.params):
        same: BoolArray = points.params == size
        ax.scatter(
            x[same],
            points.value[same],
            s=14,
            color=size_color(points, float(size)),
            alpha=0.8,
            linewidths=0,
            zorder=2,
            label=human(float(size)) + _SIZE,
        )


def legend(ax: Axes) -> None:
    """Legend of what is drawn: curves and bands, and the sizes where few enough to read."""
    handles, labels = ax.get_legend_handles_labels()
    sizes = [label for label in labels if label.endswith(_SIZE)]
    crowded = sizes if len(sizes) > _KEYS else []
    shown = {t: h for h, t in zip(handles, labels, strict=True) if t not in crowded}
    if shown:
        ax.legend(list(shown.values()), list(shown), fontsize=7, frameon=False, loc="best")
