"""Pictures: every figure of a report, saved and handed on to be embedded."""

import base64
import io
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from emergence._files import write_whole
from emergence.figures.scores import plot_compute
from emergence.figures.style import ETA, as_text
from emergence.figures.thresholds import FootRow, plot_eta_distribution, plot_feet, plot_forest
from emergence.planning.scaling_law import ScalingLaw
from emergence.report.analysis import Analysis, Wrap, plain
from emergence.verdicts.verdict import Verdict

# Fixed salt and date: the same records give the same files.
_SVG = {"svg.hashsalt": "emergence", "svg.fonttype": "none"}
_SUFFIXES = (".png", ".svg")
_LIST = ".figures"  # in their folder: the stems of the report that wrote them last
_STEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")  # as slugs are, which lead to no other folder
_LABEL = 0.05  # height of a label of the law, as a share of the axis


@dataclass(frozen=True)
class Saved:
    """Figures of one report: file stem to PNG as a data URI; what could not be drawn, and why."""

    images: dict[str, str]
    failed: tuple[str, ...] = ()


def save_figures(analysis: Analysis, folder: Path, wrap: Wrap = plain) -> Saved:
    """Draw every figure as PNG and SVG in ``folder``; return the PNGs to embed.

    One that cannot be drawn or written is named, and the others are drawn all the same; those of
    an earlier report that are none of these are removed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    earlier = _listed(folder)
    images: dict[str, str] = {}
    failed: list[str] = []
    for stem, draw in wrap(list(_figures(analysis).items()), "figures"):
        try:
            images[stem] = _save(draw(), folder / stem)
        except Exception as error:  # of one figure, whatever it is, is no reason to lose the rest
            failed.append(f"the figure {stem} could not be drawn: {error}")
    for name in earlier - {f"{stem}{suffix}" for stem in images for suffix in _SUFFIXES}:
        (folder / name).unlink(missing_ok=True)
    write_whole(folder / _LIST, "\n".join(sorted(images)).encode())
    return Saved(images, tuple(failed))


def _listed(folder: Path) -> set[str]:
    """Files of figures that an earlier report says are its own."""
    if not (folder / _LIST).exists():
        return set()
    stems = (folder / _LIST).read_text(encoding="utf-8").splitlines()
    return {f"{stem}{suffix}" for stem in stems if _STEM.fullmatch(stem) for suffix in _SUFFIXES}


def _figures(analysis: Analysis) -> dict[str, Callable[[], Figure]]:
    """Every figure by its stem, drawn when called."""
    out: dict[str, Callable[[], Figure]] = {}
    for family, law in analysis.laws.items():
        mark = family_slug(analysis, family)
        out[f"forest-{mark}"] = partial(_forest, analysis, family)
        out[f"feet-{mark}"] = partial(_feet, analysis, family)
        if isinstance(law, ScalingLaw):
            out[f"law-{mark}"] = partial(_law, analysis, family, law)
    for i, verdict in enumerate(analysis.verdicts):
        stem = task_stem(i, verdict)
        out[stem] = partial(_task, verdict)
        if verdict.label == "emergent":
            out[f"{stem}-eta"] = partial(_eta, verdict)
    return out


def family_slug(analysis: Analysis, family: str) -> str:
    """Part of the file names of a family; a number keeps equal slugs apart."""
    names = list(analysis.laws)
    same = [name for name in names if slug(name).lower() == slug(family).lower()]
    return slug(family) + (f"-{same.index(family) + 1}" if len(same) > 1 else "")


def slug(text: str) -> str:
    """Text as a safe part of a file name."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")[:60] or "all"


def task_stem(i: int, verdict: Verdict) -> str:
    """File stem of a task's figure; the number keeps equal slugs apart."""
    p = verdict.points
    return f"{i + 1:03d}-{slug(f'{p.task}-{p.metric}')}"


def _save(figure: Figure, stem: Path) -> str:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # of names; SVG shows them
        return _drawn(figure, stem)


def _drawn(figure: Figure, stem: Path) -> str:
    FigureCanvasAgg(figure)
    if figure.get_layout_engine() is not None:
        figure.draw_without_rendering()  # lays out once; each format would do it anew
        figure.set_layout_engine("none")
    png, svg = io.BytesIO(), io.BytesIO()
    with mpl.rc_context(_SVG):  # type: ignore[arg-type]
        figure.savefig(png, format="png", dpi=110)
        figure.savefig(svg, format="svg", metadata={"Date": None})
    write_whole(stem.with_name(stem.name + ".png"), png.getvalue())
    write_whole(stem.with_name(stem.name + ".svg"), svg.getvalue())
    return "data:image/png;base64," + base64.b64encode(_few_colours(png.getvalue())).decode("ascii")


def _few_colours(png: bytes) -> bytes:
    """Picture in a palette: a third of the size, and no eye tells them apart."""
    out = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(96).save(out, "png", optimize=True)
    return out.getvalue()


def _task(verdict: Verdict) -> Figure:
    figure = Figure(figsize=(9.6, 3.6))  # fixed margins: half the time of a layout engine
    figure.subplots_adjust(left=0.08, right=0.985, bottom=0.14, top=0.91, wspace=0.24)
    left, right = figure.subplots(1, 2)
    verdict.plot(left)
    plot_compute(verdict.points, right)
    right.set_title("the same scores against compute", fontsize=10)
    return figure


def _eta(verdict: Verdict) -> Figure:
    fit = verdict.threshold
    if (own := fit.by_run) is not None:
        height = max(2.4, 1.0 + 0.2 * len(own.to_frame()))  # a line for the name of each run
        share = 2.4 if own.never else 0.0  # that leaves chance at all
        figure = Figure(figsize=(5.2, height + share), layout="constrained")
        if not own.never:
            own.plot(figure.subplots())
            return figure
        both = figure.subplots(2, 1, height_ratios=(height, share))
        own.plot(both[0])
        own.plot_left(both[1])
        return figure
    figure = Figure(figsize=(5.2, 2.4))
    figure.subplots_adjust(left=0.12, right=0.98, bottom=0.22, top=0.9)
    plot_eta_distribution(fit.eta_draws(), fit.eta, fit.interval("eta"), figure.subplots())
    return figure


def _forest(analysis: Analysis, family: str) -> Figure:
    found = analysis.verdicts.forest(family)
    figure = Figure(figsize=(8.4, 1.2 + 0.3 * len(found)), layout="constrained")
    plot_forest(found, figure.subplots())
    return figure


def _feet(analysis: Analysis, family: str) -> Figure:
    found = [FootRow(*row) for row in analysis.verdicts.feet(family)]
    figure = Figure(figsize=(8.4, 1.4 + 0.3 * max(len(found), 1)), layout="constrained")
    plot_feet(found, figure.subplots(1, 2, sharey=True))
    return figure


def _law(analysis: Analysis, family: str, law: ScalingLaw) -> Figure:
    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    points = {i: analysis.verdicts[i].points for i in analysis.sizes}
    mine = [i for i in analysis.sizes if points[i].family == family]
    ax = (analysis.sizes[mine[0]] if len(mine) == 1 else law).plot(figure.subplots())
    if len(mine) > 1:
        etas = sorted((analysis.sizes[i].eta, points[i].task) for i in mine)
        _name_etas(ax, etas)
        ax.set_title("dotted: eta of the emergent tasks", fontsize=9, color=ETA)
    return figure


def _name_etas(ax: Axes, etas: list[tuple[float, str]]) -> None:
    """Draw a line for each eta, ascending; lines that lie close share a label above them all."""
    for eta, _ in etas:
        ax.axhline(eta, color=ETA, lw=0.8, ls=":")
    low, high = ax.get_ylim()
    groups: list[list[tuple[float, str]]] = []
    for line in etas:
        if not groups or line[0] - groups[-1][-1][0] > _LABEL * (high - low):
            groups.append([])
        groups[-1].append(line)
    for group in groups:
        tasks = dict.fromkeys(task for _, task in group)
        ax.annotate(as_text(", ".join(tasks), 120), (0.01, group[-1][0]), fontsize=6, color=ETA,
                    xycoords=("axes fraction", "data"), va="bottom")  # fmt: skip
