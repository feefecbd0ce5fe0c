"""What a page draws by itself: the numbers of each task's figure, and its miniature."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from markupsafe import Markup, escape
from matplotlib.colors import to_hex
from matplotlib.path import Path

from emergence._text import readable
from emergence._typing import AnyArray, FloatArray
from emergence.figures.style import COLORS, human, size_color
from emergence.interval import Curve
from emergence.records.points import Points
from emergence.verdicts.verdict import Verdict

_MOST = 1500  # points of one task that a page holds; more are thinned, evenly along the loss
_PLOT = 700, 300  # of a plot, in pixels
_RUNS = 24  # curves of single runs that are drawn
_DIGITS = 5
_WIDE, _HIGH, _DOTS = 96, 26, 60  # of a miniature, in pixels


Drawn = list[tuple[str, Curve]]  # curves, each with the label whose colour it has


def figure_data(verdict: Verdict, drawn: Drawn) -> dict[str, Any]:
    """Points, curves and threshold of one verdict, in types that survive JSON.

    ``x`` holds the losses, and the compute and tokens where they are known; ``size`` and ``run``
    are places in ``sizes`` (name and colour) and ``runs``.  Lists of numbers are texts, with blanks
    between: as JSON they would take half as much again.
    """
    points = verdict.points
    keep = _thinned(points)
    axes = {"loss": points.shown_loss, "compute": points.compute, "tokens": points.tokens}
    sizes, size = _numbered(points.params, keep)
    runs, run = _numbered(points.run, keep)
    colors = [] if points.params is None else [to_hex(size_color(points, s)) for s in sizes]
    data: dict[str, Any] = {
        "x": {name: _packed(x[keep]) for name, x in axes.items() if x is not None},
        "y": _packed(points.value[keep]),
        "size": _packed(size),
        "sizes": [[human(float(s)), c] for s, c in zip(sizes, colors, strict=True)],
        "run": _packed(run),
        "runs": [readable(str(name)) for name in runs],
        "metric": readable(points.metric) or "score",
        "chance": points.chance,
        "of": points.size,
        "curves": [
            {"color": COLORS[name], "x": _packed(c.loss), "y": _packed(c.score)}
            for name, curve in drawn
            for c in [_simplified(curve)]
        ],
    }
    if verdict.label == "emergent":
        ci = verdict.eta_interval
        data["eta"] = [verdict.threshold.eta, ci.low, ci.high]
    return data


def miniature(verdict: Verdict, drawn: Drawn) -> Markup:
    """Scores and curve against the loss, as a picture in a cell of the table."""
    points = verdict.points
    curves = [curve for _, curve in drawn]
    heights = np.concatenate([points.value, *(c.score for c in curves)])
    low, high = float(heights.min()), float(heights.max())
    most, least = float(points.shown_loss.max()), float(points.shown_loss.min())

    def place(x: FloatArray, y: FloatArray) -> list[tuple[str, str]]:
        across = 2 + (_WIDE - 4) * (most - x) / max(most - least, 1e-12)
        down = 2 + (_HIGH - 4) * (high - y) / max(high - low, 1e-12)
        return [(f"{a:.3g}", f"{b:.3g}") for a, b in zip(across, down, strict=True)]

    keep = _thinned(points, _DOTS)
    dots = "".join(f"M{a} {b}h0" for a, b in place(points.shown_loss[keep], points.value[keep]))
    lines = "".join(
        f'<polyline points="{" ".join(f"{a},{b}" for a, b in place(c.loss, c.score))}"/>'
        for c in (_simplified(curve, _WIDE, _HIGH) for curve in curves)
    )
    said = escape(f"{readable(points.label)} against loss: {verdict.label}")
    return Markup(
        f'<svg class="mini {verdict.label}" viewBox="0 0 {_WIDE} {_HIGH}" role="img" '
        f'aria-label="{said}"><path d="{dots}"/>{lines}</svg>'
    )


def drawn_curves(verdict: Verdict) -> Drawn:
    """Curves that the figure of the verdict shows."""
    sides: dict[str, list[Curve]]
    if (fit := verdict.shown) is not None:
        sides = {verdict.label: fit.curves(None)}
    else:
        sides = {"emergent" if n == "threshold" else n: c for n, c in verdict.sides().items()}
    return [(name, curve) for name, curves in sides.items() for curve in curves[:_RUNS]]


def _simplified(curve: Curve, wide: float = _PLOT[0], high: float = _PLOT[1]) -> Curve:
    """Curve with the corners that a picture of this size can show, and no point between them."""
    corners = np.column_stack([curve.loss, curve.score]).astype(float)
    least, span = corners.min(axis=0), np.ptp(corners, axis=0)
    scale = np.where(span > 0, span, 1.0) / (wide, high)
    path = Path((corners - least) / scale).cleaned(simplify=True)
    kept = np.asarray(path.vertices)[path.codes != Path.STOP] * scale + least
    return curve._replace(loss=kept[:, 0], score=kept[:, 1])


def _thinned(points: Points, most: int = _MOST) -> AnyArray:
    """Places of the points to show, by descending loss."""
    order = np.argsort(-points.loss, kind="stable")
    if points.size <= most:
        return order
    return order[np.linspace(0, points.size - 1, most).round().astype(int)]


def _numbered(values: AnyArray | None, keep: AnyArray) -> tuple[list[Any], list[int]]:
    """Different values, and the place of each kept one among them."""
    if values is None:
        return [], []
    names, places = np.unique(values, return_inverse=True)
    return names.tolist(), places[keep].tolist()


def _packed(values: Iterable[float]) -> str:
    return " ".join(f"{v:.{_DIGITS}g}" for v in values)
