"""The figure of a metric audit: one ability as several metrics see it."""

from __future__ import annotations

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from emergence.metric_audit_result import MetricAudit
from emergence.monotone import monotone_curve
from emergence.report.style import GREY, axes, tidy

_PALETTE = plt.get_cmap("Dark2")


def plot_audit(audit: MetricAudit, ax: Axes | None = None) -> Axes:
    """Draw the ability by every metric, chance at 0, with monotone curves and thresholds."""
    ax = tidy(axes(ax))
    for i, verdict in enumerate(audit.verdicts):
        points, color = verdict.points, _PALETTE(i)
        ax.plot(points.loss, points.ability, "o", ms=3, alpha=0.5, color=color, mew=0)
        places, levels = monotone_curve(-points.loss, points.ability)
        ax.plot(-places, levels, color=color, lw=1.4, label=f"{points.metric}: {verdict.label}")
        if verdict.label == "emergent":
            ax.axvline(verdict.threshold.eta, color=color, lw=1, ls=":")
    ax.axhline(0.0, color=GREY, lw=1, ls="--")
    ax.invert_xaxis()
    ax.set(xlabel="pre-training loss (nats per token)", ylabel="ability (chance 0, best 1)")
    task = audit.verdicts[0].points.task
    ax.set_title(f"{task}: {audit.label}" if task else audit.label, fontsize=10)
    ax.legend(frameon=False, fontsize=8, loc="upper left")
    return ax
