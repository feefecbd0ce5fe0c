"""The figure of a scaling law, and of the size that reaches a threshold."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.ticker import FuncFormatter, NullFormatter

from emergence._typing import FloatArray
from emergence.figures.style import COLORS, ETA, INK, axes, human, log_axis, tidy
from emergence.interval import Interval

_FAR = 1e3  # times beyond the sizes of a law


class Reached(NamedTuple):
    """Size that reaches a threshold, after so many tokens for a law with tokens."""

    eta: float
    params: float
    tokens: float | None
    interval: Interval


def plot_law(
    points: tuple[FloatArray, FloatArray, FloatArray | None],
    predict: Callable[..., FloatArray],
    size: Reached | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw loss against model size with a law; with ``size``, eta and the size reaching it.

    ``points`` are model sizes, losses and, for a law with tokens, tokens; ``predict`` gives the
    loss of sizes (and tokens).
    """
    ax, (drawn, losses, tokens) = tidy(axes(ax)), points
    span = [drawn.min(), drawn.max()]
    # A size that the law puts out of all reach of its own is told, not drawn.
    near = size is not None and span[0] / _FAR < size.params < span[1] * _FAR
    if size is not None and near:
        span = [min(span[0], size.params), max(span[1], size.params)]
    sizes = np.geomspace(span[0] / 1.5, span[1] * 1.5, 200)
    if tokens is None:
        ax.scatter(drawn, losses, s=16, color=INK, alpha=0.7, lw=0)
        ax.plot(sizes, predict(sizes), color=COLORS["smooth"], lw=1.6)
    else:
        low, high = float(tokens.min()), float(tokens.max())
        norm = LogNorm(low, high)
        dots = ax.scatter(drawn, losses, s=18, c=tokens, norm=norm, cmap="viridis", lw=0, zorder=2)
        bar = ax.figure.colorbar(dots, ax=ax, pad=0.01)
        bar.set_label("training tokens", fontsize=8)
        bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: human(v)))
        bar.ax.yaxis.set_minor_formatter(NullFormatter())
        for decade in 10.0 ** np.arange(np.ceil(np.log10(low)), np.floor(np.log10(high)) + 1):
            ax.plot(sizes, predict(sizes, decade), color=dots.cmap(norm(decade)), lw=0.8)
        at = size.tokens if size is not None and size.tokens else float(tokens.max())
        ax.plot(sizes, predict(sizes, at), color=COLORS["smooth"], lw=1.6, zorder=3,
                label=f"L(N, {human(at)} tokens)")  # fmt: skip
        ax.legend(frameon=False, fontsize=8)
    if size is not None:
        ci = size.interval
        ax.axhline(size.eta, color=ETA, lw=1, ls=":")
        ax.annotate(f"η = {size.eta:.3f}", (0.99, size.eta), fontsize=8, color=ETA,
                    xycoords=("axes fraction", "data"), va="bottom", ha="right")  # fmt: skip
        if near:
            ends = np.clip([ci.low, ci.high], sizes[0], sizes[-1])
            ax.axvspan(*ends, color=ETA, alpha=0.10, lw=0)
            ax.axvline(size.params, color=ETA, lw=1, ls=":")
            ax.set_title(f"N = {human(size.params)} reaches η", fontsize=10)
    log_axis(ax, human)
    ax.set(xlabel="model size N (parameters)", ylabel="loss (nats per token)")
    return ax
