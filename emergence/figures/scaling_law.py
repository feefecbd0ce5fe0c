"""The figure of a scaling law, and of the size that reaches a threshold."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.ticker import FuncFormatter, NullFormatter
from numpy.typing import ArrayLike

from emergence._typing import FloatArray
from emergence.figures.style import COLORS, ETA, INK, axes, human, log_axis, tidy
from emergence.interval import Interval

_FAR = 1e3  # times beyond the sizes of a law


class Law(Protocol):
    """What a law offers to be drawn."""

    @property
    def sizes(self) -> FloatArray:
        """Model sizes that it was fitted to."""

    @property
    def losses(self) -> FloatArray:
        """Their losses."""

    @property
    def tokens(self) -> FloatArray | None:
        """Their tokens, for a law with tokens."""

    def predict(self, params: ArrayLike, tokens: ArrayLike | None = None) -> FloatArray:
        """Loss of models of these sizes."""


class Reached(Protocol):
    """What a size that reaches a threshold offers to be drawn."""

    @property
    def eta(self) -> float:
        """Threshold loss."""

    @property
    def params(self) -> float:
        """Size that reaches it."""

    @property
    def tokens(self) -> float | None:
        """Tokens that the size is for."""

    def interval(self, name: str = "params", level: float = 0.95) -> Interval:
        """Interval of the size."""


def plot_law(law: Law, size: Reached | None = None, ax: Axes | None = None) -> Axes:
    """Draw loss against model size with the law; with ``size``, eta and the size reaching it."""
    ax = tidy(axes(ax))
    span = [law.sizes.min(), law.sizes.max()]
    # A size that the law puts out of all reach of its own is told, not drawn.
    near = size is not None and span[0] / _FAR < size.params < span[1] * _FAR
    if size is not None and near:
        span = [min(span[0], size.params), max(span[1], size.params)]
    sizes = np.geomspace(span[0] / 1.5, span[1] * 1.5, 200)
    if law.tokens is None:
        ax.scatter(law.sizes, law.losses, s=16, color=INK, alpha=0.7, lw=0)
        ax.plot(sizes, law.predict(sizes), color=COLORS["smooth"], lw=1.6)
    else:
        low, high = float(law.tokens.min()), float(law.tokens.max())
        norm = LogNorm(low, high)
        dots = ax.scatter(
            law.sizes, law.losses, s=18, c=law.tokens, norm=norm, cmap="viridis", lw=0, zorder=2
        )
        bar = ax.figure.colorbar(dots, ax=ax, pad=0.01)
        bar.set_label("training tokens", fontsize=8)
        bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda v, _: human(v)))
        bar.ax.yaxis.set_minor_formatter(NullFormatter())
        for decade in 10.0 ** np.arange(np.ceil(np.log10(low)), np.floor(np.log10(high)) + 1):
            ax.plot(sizes, law.predict(sizes, decade), color=dots.cmap(norm(decade)), lw=0.8)
        at = size.tokens if size is not None and size.tokens else float(law.tokens.max())
        ax.plot(sizes, law.predict(sizes, at), color=COLORS["smooth"], lw=1.6, zorder=3,
                label=f"L(N, {human(at)} tokens)")  # fmt: skip
        ax.legend(frameon=False, fontsize=8)
    if size is not None:
        ci = size.interval()
        ax.axhline(size.eta, color=ETA, lw=1, ls=":")
        ax.annotate(rf"$\eta$ = {size.eta:.3f}", (0.99, size.eta), fontsize=8, color=ETA,
                    xycoords=("axes fraction", "data"), va="bottom", ha="right")  # fmt: skip
        if near:
            ends = np.clip([ci.low, ci.high], sizes[0], sizes[-1])
            ax.axvspan(*ends, color=ETA, alpha=0.10, lw=0)
            ax.axvline(size.params, color=ETA, lw=1, ls=":")
            ax.set_title(f"N = {human(size.params)} reaches $\\eta$", fontsize=10)
    log_axis(ax, human)
    ax.set(xlabel="model size N (parameters)", ylabel="loss (nats per token)")
    return ax
