"""Figures of thresholds: of tasks, of runs, and of replicates."""

from collections.abc import Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from emergence._typing import FloatArray
from emergence.figures.style import COLORS, ETA, GREY, as_text, axes, tidy, title
from emergence.interval import Interval

_RHO = (0.003, 16.0)  # drawn
_LABEL = "threshold loss η (nats per token)"


class FootRow(NamedTuple):
    """How one task begins: its label, rho and onset (nats) with their intervals."""

    name: str
    verdict: str
    rho: float
    rho_interval: Interval
    onset: float
    interval: Interval


def plot_forest(
    rows: Sequence[tuple[str, float, Interval]],
    ax: Axes | None = None,
    *,
    shared: tuple[float, Interval] | None = None,
) -> Axes:
    """Draw eta with its interval for every name, largest on top, and one that they share.

    Thresholds on losses of different families are no more comparable than the losses: give those
    of one family.
    """
    found = sorted(rows, key=lambda row: row[1])
    ax = tidy(axes(ax, (6.0, 1.2 + 0.3 * max(len(found), 1))))
    if shared is not None:
        _common(ax, *shared)
    for y, (_, eta, ci) in enumerate(found):
        ax.plot([ci.low, ci.high], [y, y], color=ETA, lw=2, solid_capstyle="round")
        ax.plot(eta, y, "o", color=ETA, ms=5)
        for end, is_open, mark in ((ci.low, ci.open_low, ">"), (ci.high, ci.open_high, "<")):
            if is_open:  # the axis runs from high to low loss
                ax.plot(end, y, mark, color=ETA, ms=6)
    ax.set_yticks(range(len(found)), [as_text(name) for name, _, _ in found], fontsize=8)
    if not found:
        ax.text(0.5, 0.5, "no task was called emergent", transform=ax.transAxes, ha="center")
    ax.set_ylim(-0.6, max(len(found), 1) - 0.4)
    ax.set_title("where the emergent tasks begin", fontsize=9)
    ax.invert_xaxis()
    ax.set_xlabel(_LABEL)
    return ax


def plot_feet(rows: Sequence[FootRow], pair: tuple[Axes, Axes] | None = None) -> tuple[Axes, Axes]:
    """Draw rho and, beside it, the onset of every task with its interval, most sudden on top.

    Colours are those of the labels; the dotted line stands at a rho of 1/4, the longest foot that
    is called sudden.  Onsets are comparable within one family of losses only.
    """
    found = sorted(rows, key=lambda row: -row.rho)
    if pair is None:
        size = (8.4, 1.4 + 0.3 * max(len(found), 1))
        pair = plt.subplots(1, 2, sharey=True, figsize=size, layout="constrained")[1]
    left, right = pair
    for ax in pair:
        tidy(ax).set_ylim(-0.6, max(len(found), 1) - 0.4)
    for y, row in enumerate(found):
        for ax, value, ci in ((left, row.rho, row.rho_interval), (right, row.onset, row.interval)):
            least, most = _RHO if ax is left else (-np.inf, np.inf)
            low, high, at = np.clip([ci.low, ci.high, value], least, most)
            color = COLORS[row.verdict]
            ax.plot([low, high], [y, y], color=color, lw=2, solid_capstyle="round")
            ax.plot(at, y, "o", color=color, ms=5)
            for end, is_open, mark in ((low, ci.open_low, 0), (high, ci.open_high, 1)):
                if is_open or end != (ci.low, ci.high)[mark]:
                    ax.plot(end, y, "<>"[mark] if ax is left else "><"[mark], color=color, ms=6)
    left.set_yticks(range(len(found)), [as_text(row.name) for row in found], fontsize=8)
    if not found:
        left.text(0.5, 0.5, "no task rises", transform=left.transAxes, ha="center")
    for label in dict.fromkeys(row.verdict for row in reversed(found)):
        right.plot([], [], "o", color=COLORS[label], ms=5, label=label)
    if found:
        right.legend(fontsize=8, frameon=False, loc="best")
    left.axvline(0.25, color=GREY, lw=1, ls=":")
    left.set(xscale="log", xlim=(_RHO[0] / 1.2, 1.2 * _RHO[1]))
    left.set_xticks([0.01, 0.1, 0.25, 1, 4], ["0.01", "0.1", "1/4", "1", "4"])
    left.set_xlabel("\N{GREEK SMALL LETTER RHO}: foot as a share\nof the plateau")
    right.invert_xaxis()
    right.set_xlabel("onset: loss at\n5% of the gain")
    return left, right


def plot_runs(
    table: pd.DataFrame, eta: float, ci: Interval, text: str, ax: Axes | None = None
) -> Axes:
    """Draw eta of each run alone (open) and shrunk with its interval, and their mean.

    ``table`` has the columns run, eta, shrunk, low and high.
    """
    rows = table.sort_values("eta")
    ax = tidy(axes(ax, (6.0, 1.4 + 0.3 * len(rows))))
    _common(ax, eta, ci)
    for y, row in enumerate(rows.to_dict("records")):
        ax.plot([row["low"], row["high"]], [y, y], color=ETA, lw=2, solid_capstyle="round")
        ax.plot(row["eta"], y, "o", mfc="none", color=GREY, ms=6)
        ax.plot(row["shrunk"], y, "o", color=ETA, ms=5)
    ax.set_yticks(range(len(rows)), [as_text(str(run)) for run in rows["run"]], fontsize=8)
    ax.set_ylim(-0.6, len(rows) - 0.4)
    title(ax, text, 9, loc="right")  # above the names, too
    ax.invert_xaxis()
    ax.set_xlabel(_LABEL)
    return ax


def plot_left(
    table: pd.DataFrame,
    never: Sequence[float],
    span: tuple[float, float],
    text: str,
    ax: Axes | None = None,
) -> Axes:
    """Draw the share of runs that have left chance as the loss falls over ``span``.

    ``table`` has the columns loss, share, low and high; ticks mark where runs end that never left.
    """
    ax = tidy(axes(ax))
    losses = np.concatenate([[span[0]], table["loss"], [span[1]]])
    lines = {}
    for name in ("share", "low", "high"):
        lines[name] = np.concatenate([[0.0], table[name], table[name].tail(1)])
    ax.fill_between(losses, lines["low"], lines["high"], step="post", color=ETA, alpha=0.15, lw=0)
    ax.step(losses, lines["share"], where="post", color=ETA, lw=1.6)
    if len(never):
        ax.plot(never, np.interp(never, losses[::-1], lines["share"][::-1]), "|", color=GREY, ms=9,
                mew=1.5, label=f"{len(never)} end at chance")  # fmt: skip
        ax.legend(fontsize=8, frameon=False, loc="upper left")
    ax.invert_xaxis()
    ax.set(xlabel="pre-training loss (nats per token)", ylabel="share of runs that left chance")
    ax.set_ylim(-0.03, 1.03)
    title(ax, text, 9)
    return ax


def _common(ax: Axes, eta: float, ci: Interval) -> None:
    ax.axvspan(ci.low, ci.high, color=ETA, alpha=0.10, lw=0)
    ax.axvline(eta, color=ETA, lw=1, ls=":")


def plot_eta_distribution(
    draws: FloatArray, eta: float, ci: Interval, ax: Axes | None = None
) -> Axes:
    """Draw the bootstrap distribution of eta, its shape chosen anew in every replicate."""
    ax = tidy(axes(ax))
    ax.hist(draws, bins=min(60, max(10, draws.size // 25)), color=ETA, alpha=0.35)
    ax.axvline(eta, color=ETA, lw=1.4)
    for end, is_open in ((ci.low, ci.open_low), (ci.high, ci.open_high)):
        ax.axvline(end, color=ETA, lw=1, ls=":" if is_open else "--")
    ax.invert_xaxis()
    ax.set(xlabel=_LABEL, ylabel="replicates")
    ax.set_title(f"bootstrap of eta; dashed: {ci.level:.0%} interval", fontsize=9)
    return ax


def plot_groups(
    rows: Sequence[tuple[str, float, Interval]], heading: str, margin: float, ax: Axes | None = None
) -> Axes:
    """Draw how far the threshold of each group lies from that of the base, as a share of it.

    Grey: the margin within which a difference does not matter.
    """
    ax = tidy(axes(ax, (5.0, 1.2 + 0.3 * len(rows))))
    ax.axvspan(-margin, margin, color=COLORS["flat"], alpha=0.12, lw=0)
    ax.axvline(0.0, color=GREY, lw=0.8)
    for y, (_, difference, ci) in enumerate(reversed(rows)):
        ax.plot([ci.low, ci.high], [y, y], color=ETA, lw=2, solid_capstyle="round")
        ax.plot(difference, y, "o", color=ETA, ms=5)
    names = [as_text(name) for name, *_ in reversed(rows)]
    ax.set_yticks(range(len(rows)), names, fontsize=8)
    ax.xaxis.set_major_formatter(PercentFormatter(1.0))
    ax.set_xlabel("threshold against that of the base")
    ax.set_title(as_text(heading), fontsize=9)
    return ax
