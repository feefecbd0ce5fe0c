"""The figure of collapse: one task against loss, compute, params and tokens."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from emergence.curves import FLOPS_PER_TOKEN
from emergence.equal_loss_result import Collapse
from emergence.report.style import GREY, draw_points, human, log_axis, size_legend, tidy

_LABELS = {
    "loss": "pre-training loss (nats per token)",
    "compute": "training compute 6 N D (FLOP)",
    "params": "model size N (parameters)",
    "tokens": "training tokens D",
}


def plot_axes(result: Collapse, axes: Any = None) -> list[Axes]:
    """Draw the scores against each predictor, its error for unseen runs in the title.

    Parameters
    ----------
    result : Collapse
        As of :func:`collapse`.
    axes : sequence of four Axes, optional
        For loss, compute, params and tokens; default: a new figure.

    Returns
    -------
    list of Axes
    """
    if axes is None:
        axes = plt.subplots(1, 4, figsize=(15, 3.6), layout="constrained", sharey=True)[1]
    drawn = list(np.ravel(axes))
    points = result.points
    assert points.params is not None
    assert points.tokens is not None
    places = {
        "loss": points.loss,
        "compute": FLOPS_PER_TOKEN * points.params * points.tokens,
        "params": points.params,
        "tokens": points.tokens,
    }
    for ax, (name, x) in zip(drawn, places.items(), strict=True):
        draw_points(tidy(ax), x, points)
        ax.axhline(points.chance, color=GREY, lw=1, ls="--")
        ax.set_xlabel(_LABELS[name])
        ax.set_title(
            f"{name}: error {result.errors[name]:.4f}, $R^2$ = {result.explained[name]:.3f}",
            fontsize=9,
        )
        if name == "loss":
            ax.invert_xaxis()
            ax.set_ylabel(points.label)
            size_legend(ax, points)
        else:
            log_axis(ax, "{:.0e}".format if name == "compute" else human)
    return drawn
