"""Figures: each takes ``ax=`` and returns the Axes it drew on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.ticker import FuncFormatter, NullFormatter

from emergence.between_runs_result import RunThresholds
from emergence.curves import FLOPS_PER_TOKEN
from emergence.points import Points
from emergence.report.style import (
    COLORS,
    ETA,
    GREY,
    INK,
    axes,
    draw_points,
    human,
    log_axis,
    size_legend,
    tidy,
)
from emergence.results import Status
from emergence.scaling import ScalingLaw
from emergence.side import RunCurves
from emergence.size import SizeThreshold
from emergence.smooth_result import SmoothFit
from emergence.threshold_result import ThresholdFit
from emergence.verdict import Verdict

_FAR = 1e3  # times beyond the sizes of a law


def plot_points(points: Points, ax: Axes | None = None) -> Axes:
    """Draw scores against loss, falling to the right, with the chance line."""
    ax = tidy(axes(ax))
    draw_points(ax, points.loss, points)
    ax.axhline(points.chance, color=GREY, lw=1, ls="--")
    # Beside the axes, where no point can lie.
    ax.annotate("chance", (1.0, points.chance), xytext=(3, 0), textcoords="offset points",
                xycoords=("axes fraction", "data"), ha="left", va="center", fontsize=7,
                color="#6b7280")  # fmt: skip
    ax.invert_xaxis()
    ax.set(xlabel="pre-training loss (nats per token)", ylabel=points.metric or "score")
    ax.set_title(points.label, fontsize=10)
    return ax


def plot_fit(fit: ThresholdFit | SmoothFit, ax: Axes | None = None, *, level: float = 0.95) -> Axes:
    """Draw points, fitted curve with its band, and for a threshold eta with its interval.

    Where runs have thresholds of their own, each has its curve.
    """
    own = fit.by_run if isinstance(fit, ThresholdFit) else None
    points = fit.points if own is None else own.points
    ax = plot_points(points, ax)
    if isinstance(fit, ThresholdFit) and fit.status is Status.NO_ONSET:
        return ax
    losses = np.linspace(points.loss.min(), points.loss.max(), 300)
    if isinstance(fit, ThresholdFit):
        color = COLORS["emergent"]
        # Both sides of eta, or a jump would be drawn as a slope between grid points.
        losses = np.sort(np.append(losses, fit.eta + np.array([-1e-9, 1e-9])))
    else:
        color = COLORS["smooth"]
    if own is not None:
        run = np.asarray(points.run).astype(str)
        for name, shift in own.shifts.items():
            mine = points.loss[run == name] - shift  # each curve as far as its own run
            reach = np.linspace(mine.min(), mine.max(), 300)
            ax.plot(reach + shift, fit.predict(reach), color=color, lw=0.9, zorder=3)
    elif isinstance(fit, ThresholdFit) and fit.shape == "isotonic":
        ax.plot(losses, fit.predict(losses), color=color, lw=1.6, zorder=3)
    else:
        center, low, high = fit.predict(losses, level)
        ax.fill_between(losses, low, high, color=color, alpha=0.18, lw=0, zorder=1.5)
        ax.plot(losses, center, color=color, lw=1.6, zorder=3)
    if isinstance(fit, ThresholdFit):
        ci = fit.interval("eta", level)
        ax.axvspan(ci.low, ci.high, color=ETA, alpha=0.10, lw=0)
        ax.axvline(fit.eta, color=ETA, lw=1, ls=":")
        ax.annotate(
            rf"$\eta$ = {fit.eta:.3f}",
            (fit.eta, 0.98),
            xycoords=("data", "axes fraction"),
            xytext=(-4, 0),
            textcoords="offset points",
            ha="right",
            va="top",
            fontsize=8,
            color=ETA,
        )
    size_legend(ax, points)
    return ax


def plot_verdict(verdict: Verdict, ax: Axes | None = None) -> Axes:
    """Draw the fit that the label stands for; without one, both sides without bands."""
    points = verdict.points
    if verdict.label == "emergent":
        ax = plot_fit(verdict.threshold, ax, level=1 - verdict.alpha)
    elif verdict.run_curves is not None and verdict.label != "flat":
        ax = plot_points(points, ax)
        draw_run_curves(verdict.run_curves, ax, both=verdict.label == "undetermined")
        size_legend(ax, points)
    elif verdict.label == "smooth":
        ax = plot_fit(verdict.smooth, ax, level=1 - verdict.alpha)
    else:
        ax = plot_points(points, ax)
        if verdict.label == "undetermined":
            losses = np.linspace(points.loss.min(), points.loss.max(), 300)
            for name, fit in (("smooth", verdict.smooth), ("emergent", verdict.threshold)):
                label = "threshold" if name == "emergent" else name
                ax.plot(
                    losses, fit.predict(losses), color=COLORS[name], lw=1.2, ls="--", label=label
                )
        size_legend(ax, points)
    ax.set_title(f"{points.label}: {verdict.label}", fontsize=10, color=COLORS[verdict.label])
    return ax


def draw_run_curves(curves: RunCurves, ax: Axes, *, both: bool) -> None:
    """Draw the best smooth curve of each run, and with ``both`` its best threshold curve."""
    sides = [("smooth", curves.smooth)] + [("threshold", curves.threshold)] * both
    for name, side in sides:
        color = COLORS["emergent" if name == "threshold" else name]
        for i, (losses, scores) in enumerate(curves.draw(side, 300)):
            label = name if both and i == 0 else None  # one line of the legend for all runs
            ax.plot(losses, scores, color=color, lw=0.9, ls="--" if both else "-", label=label)


def plot_compute(points: Points, ax: Axes | None = None) -> Axes:
    """Draw scores against training compute C = 6 N D (Kaplan et al. 2020)."""
    ax = tidy(axes(ax))
    if points.params is None or points.tokens is None:
        ax.text(0.5, 0.5, "no params or tokens", transform=ax.transAxes, ha="center")
        return ax
    draw_points(ax, FLOPS_PER_TOKEN * points.params * points.tokens, points)
    ax.axhline(points.chance, color=GREY, lw=1, ls="--")
    log_axis(ax, "{:.0e}".format)
    ax.set(xlabel="training compute 6 N D (FLOP)", ylabel=points.metric or "score")
    return ax


def plot_law(law: ScalingLaw, size: SizeThreshold | None = None, ax: Axes | None = None) -> Axes:
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


def plot_eta_distribution(fit: ThresholdFit, ax: Axes | None = None) -> Axes:
    """Draw the bootstrap distribution of eta, its shape chosen anew in every replicate."""
    ax = tidy(axes(ax))
    draws = fit.eta_draws()
    ci = fit.interval("eta")
    ax.hist(draws, bins=min(60, max(10, draws.size // 25)), color=ETA, alpha=0.35)
    ax.axvline(fit.eta, color=ETA, lw=1.4)
    for end, is_open in ((ci.low, ci.open_low), (ci.high, ci.open_high)):
        ax.axvline(end, color=ETA, lw=1, ls=":" if is_open else "--")
    ax.invert_xaxis()
    ax.set(xlabel=r"threshold loss $\eta$ (nats per token)", ylabel="replicates")
    ax.set_title(f"bootstrap of eta; dashed: {ci.level:.0%} interval", fontsize=9)
    return ax


def plot_forest(verdicts: Sequence[Verdict], ax: Axes | None = None) -> Axes:
    """Draw eta with its interval for every emergent task, largest on top.

    Thresholds on losses of different families are no more comparable than the losses: give the
    verdicts of one family.
    """
    found = sorted((v for v in verdicts if v.label == "emergent"), key=lambda v: v.threshold.eta)
    ax = tidy(axes(ax, (6.0, 1.2 + 0.3 * max(len(found), 1))))
    for y, v in enumerate(found):
        ci = v.interval
        ax.plot([ci.low, ci.high], [y, y], color=ETA, lw=2, solid_capstyle="round")
        ax.plot(v.threshold.eta, y, "o", color=ETA, ms=5)
        for end, is_open, mark in ((ci.low, ci.open_low, ">"), (ci.high, ci.open_high, "<")):
            if is_open:  # the axis runs from high to low loss
                ax.plot(end, y, mark, color=ETA, ms=6)
    ax.set_yticks(range(len(found)), [v.points.label for v in found], fontsize=8)
    if not found:
        ax.text(0.5, 0.5, "no task was called emergent", transform=ax.transAxes, ha="center")
    ax.set_ylim(-0.6, max(len(found), 1) - 0.4)
    ax.set_title("where the emergent tasks begin", fontsize=9)
    ax.invert_xaxis()
    ax.set_xlabel(r"threshold loss $\eta$ (nats per token)")
    return ax


def plot_run_thresholds(result: RunThresholds, ax: Axes | None = None) -> Axes:
    """Draw eta of each run alone (open) and shrunk with its 95% interval, and their mean."""
    rows = result.to_frame().sort_values("eta")
    ax = tidy(axes(ax, (6.0, 1.4 + 0.3 * len(rows))))
    ci = result.interval("eta")
    ax.axvspan(ci.low, ci.high, color=ETA, alpha=0.10, lw=0)
    ax.axvline(result.eta, color=ETA, lw=1, ls=":")
    for y, row in enumerate(rows.to_dict("records")):
        ax.plot([row["low"], row["high"]], [y, y], color=ETA, lw=2, solid_capstyle="round")
        ax.plot(row["eta"], y, "o", mfc="none", color=GREY, ms=6)
        ax.plot(row["shrunk"], y, "o", color=ETA, ms=5)
    ax.set_yticks(range(len(rows)), rows["run"].tolist(), fontsize=8)
    ax.set_ylim(-0.6, len(rows) - 0.4)
    ax.set_title(f"{result.points.label}: one eta for all runs, p = {result.p_common:.2g}",
                 fontsize=9)  # fmt: skip
    ax.invert_xaxis()
    ax.set_xlabel(r"threshold loss $\eta$ (nats per token)")
    return ax
