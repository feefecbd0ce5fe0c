"""Pictures: every figure of a report, saved and handed on to be embedded."""

import base64
import gzip
import io
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
from joblib import delayed
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from emergence._files import write_whole
from emergence._parallel import parallel
from emergence.figures.scores import plot_compute
from emergence.figures.style import ETA, as_text
from emergence.figures.thresholds import FootRow, plot_eta_distribution, plot_feet, plot_forest
from emergence.interval import Interval
from emergence.planning.scaling_law import ScalingLaw
from emergence.planning.size import SizeThreshold
from emergence.report.analysis import Analysis, Wrap, plain
from emergence.verdicts.verdict import Verdict

# Fixed salt and date: the same records give the same files.
_RC = {"svg.hashsalt": "emergence", "svg.fonttype": "none", "pdf.fonttype": 42}
_FORMATS: dict[str, dict[str, Any]] = {
    "png": {"dpi": 100},
    "svg": {"metadata": {"Date": None}},
    "pdf": {"metadata": {"CreationDate": None}},
}
_SUFFIXES = tuple(f".{kind}" for kind in _FORMATS)
_LIST = ".figures"  # in their folder: the stems of the report that wrote them last
_STEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")  # as slugs are, which lead to no other folder
_LABEL = 0.05  # height of a label of the law, as a share of the axis


@dataclass(frozen=True)
class Picture:
    """One figure: its picture as a data URI, and its files by suffix, packed, to take along."""

    stem: str
    uri: str
    files: dict[str, str]


@dataclass(frozen=True)
class Saved:
    """Figures of one report by their file stem; what could not be drawn, and why."""

    pictures: dict[str, Picture]
    failed: tuple[str, ...] = ()


def save_figures(
    analysis: Analysis, folder: Path, wrap: Wrap = plain, n_jobs: int | None = None
) -> Saved:
    """Draw every figure as PNG, SVG and PDF in ``folder``; return them to embed.

    One that cannot be drawn or written is named, and the others are drawn all the same; those of
    an earlier report that are none of these are removed.  ``n_jobs`` tasks are drawn at once.
    """
    folder.mkdir(parents=True, exist_ok=True)
    earlier = _listed(folder)
    work, figures = delayed(_attempt), _of_families(analysis) | _of_tasks(analysis)
    drawn = parallel(n_jobs, lazy=True)(work(draw, folder / stem) for stem, draw in figures.items())
    found = [one for _, one in zip(wrap(list(figures), "figures"), drawn, strict=True)]
    pictures = {one.stem: one for one in found if isinstance(one, Picture)}
    for name in earlier - {f"{stem}{suffix}" for stem in pictures for suffix in _SUFFIXES}:
        (folder / name).unlink(missing_ok=True)
    write_whole(folder / _LIST, "\n".join(sorted(pictures)).encode())
    return Saved(pictures, tuple(one for one in found if isinstance(one, str)))


def _attempt(draw: Callable[[], Figure], stem: Path) -> Picture | str:
    """Save one figure, or say why not: of one, whatever it is, is no reason to lose the rest."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing")  # of names; SVG shows them
            return _saved(draw(), stem)
    except Exception as error:
        return f"the figure {stem.name} could not be drawn: {error}"


def _listed(folder: Path) -> set[str]:
    """Files of figures that an earlier report says are its own."""
    if not (folder / _LIST).exists():
        return set()
    stems = (folder / _LIST).read_text(encoding="utf-8").splitlines()
    return {f"{stem}{suffix}" for stem in stems if _STEM.fullmatch(stem) for suffix in _SUFFIXES}


def _of_families(analysis: Analysis) -> dict[str, Callable[[], Figure]]:
    """Figures of each family by their stem, drawn when called."""
    out: dict[str, Callable[[], Figure]] = {}
    for family, law in analysis.laws.items():
        mark = family_slug(analysis, family)
        out[f"forest-{mark}"] = partial(_forest, analysis.verdicts.forest(family))
        feet = [FootRow(*row) for row in analysis.verdicts.feet(family)]
        out[f"feet-{mark}"] = partial(_feet, feet)
        if isinstance(law, ScalingLaw):
            points = {i: analysis.verdicts[i].points for i in analysis.sizes}
            sizes = [
                (points[i].task, size)
                for i, size in analysis.sizes.items()
                if points[i].family == family
            ]
            out[f"law-{mark}"] = partial(_law, law, sizes)
    return out


def _of_tasks(analysis: Analysis) -> dict[str, Callable[[], Figure]]:
    """Figures of each task by their stem, drawn when called."""
    out: dict[str, Callable[[], Figure]] = {}
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


def _saved(figure: Figure, stem: Path) -> Picture:
    FigureCanvasAgg(figure)
    if figure.get_layout_engine() is not None:
        figure.draw_without_rendering()  # lays out once; each format would do it anew
        figure.set_layout_engine("none")
    found: dict[str, bytes] = {}
    with mpl.rc_context(_RC):  # type: ignore[arg-type]
        for kind, options in _FORMATS.items():
            out = io.BytesIO()
            figure.savefig(out, format=kind, **options)
            found[kind] = out.getvalue()
            write_whole(stem.with_name(f"{stem.name}.{kind}"), found[kind])
    packed = {kind: _text(gzip.compress(found[kind], mtime=0)) for kind in ("svg", "pdf")}
    uri = "data:image/webp;base64," + _text(_for_page(found["png"]))
    return Picture(stem.name, uri, packed)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _for_page(png: bytes) -> bytes:
    """Picture in a palette, as WebP: a fifth of the bytes, and no eye tells them apart."""
    out = io.BytesIO()
    few = Image.open(io.BytesIO(png)).convert("RGB").quantize(32).convert("RGB")
    few.save(out, "webp", lossless=True, method=4)
    return out.getvalue()


def _task(verdict: Verdict) -> Figure:
    figure = Figure(figsize=(9.6, 3.6))  # fixed margins: half the time of a layout engine
    figure.subplots_adjust(left=0.08, right=0.985, bottom=0.14, top=0.88, wspace=0.24)
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


def _forest(found: Sequence[tuple[str, float, Interval]]) -> Figure:
    figure = Figure(figsize=(8.4, 1.2 + 0.3 * len(found)), layout="constrained")
    plot_forest(found, figure.subplots())
    return figure


def _feet(found: Sequence[FootRow]) -> Figure:
    figure = Figure(figsize=(8.4, 1.4 + 0.3 * max(len(found), 1)), layout="constrained")
    plot_feet(found, figure.subplots(1, 2, sharey=True))
    return figure


def _law(law: ScalingLaw, sizes: Sequence[tuple[str, SizeThreshold]]) -> Figure:
    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    ax = (sizes[0][1] if len(sizes) == 1 else law).plot(figure.subplots())
    if len(sizes) > 1:
        _name_etas(ax, sorted((size.eta, task) for task, size in sizes))
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
