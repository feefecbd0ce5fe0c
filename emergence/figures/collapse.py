"""The figure of collapse: one task against loss, compute, params and tokens."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from emergence.figures.style import (
    GREY,
    as_text,
    draw_points,
    human,
    legend,
    log_axis,
    scientific,
    tidy,
)
from emergence.records.points import Points

_LABELS = {
    "loss": "pre-training loss (nats per token)",
    "compute": "training compute 6 N D (FLOP)",
    "params": "model size N (parameters)",
    "tokens": "training tokens D",
}


def plot_against(points: Points, name: str, ax: Axes, error: float, explained: float) -> Axes:
    """Draw the scores against one predictor, its error for unseen runs in the title."""
    x = points.shown_loss if name == "loss" else getattr(points, name)
    draw_points(tidy(ax), x, points)
    ax.axhline(points.chance, color=GREY, lw=1, ls="--")
    ax.set_xlabel(_LABELS[name])
    ax.set_title(f"{name}: error {error:.4f}, R² = {explained:.3f}", fontsize=9)
    if name == "loss":
        ax.invert_xaxis()
        ax.set_ylabel(as_text(points.label))
        legend(ax)
    else:
        log_axis(ax, scientific if name == "compute" else human)
    return ax


def plot_axes(
    points: Points,
    errors: Mapping[str, float],
    explained: Mapping[str, float],
    axes: Sequence[Axes] | None = None,
) -> list[Axes]:
    """Draw the scores against loss, compute, params and tokens, on four Axes.

    ``errors`` and ``explained`` are those of curves of each predictor for unseen runs.
    """
    if axes is None:
        axes = plt.subplots(1, 4, figsize=(15, 3.6), layout="constrained", sharey=True)[1]
    drawn: list[Axes] = list(np.ravel(np.asarray(axes, dtype=object)))
    return [
        plot_against(points, name, ax, errors[name], explained[name])
        for ax, name in zip(drawn, _LABELS, strict=True)
    ]
