"""The page: one self-contained HTML file with verdicts, figures, warnings and settings."""

import base64
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from emergence import __version__
from emergence._files import write_table, write_whole
from emergence._text import inert, readable, several
from emergence.figures.style import human
from emergence.planning.scaling_law import ScalingLaw
from emergence.report.analysis import Analysis, Wrap, plain
from emergence.report.pictures import Saved, family_slug, save_figures, task_stem

_VERSIONS = ("numpy", "scipy", "pandas", "statsmodels", "lmfit", "matplotlib", "pydantic")


def _row(analysis: Analysis, i: int, saved: Saved) -> dict[str, Any]:
    """Cells and text of one task; the keys are what the table sorts by."""
    v = analysis.verdicts[i]
    stem, p = task_stem(i, v), v.points
    row: dict[str, Any] = {
        "task": p.task, "metric": p.metric, "family": p.family, "label": v.label,
        "reason": v.reason, "n": p.size, "image": saved.images.get(stem),
        "eta_image": saved.images.get(f"{stem}-eta"), "warnings": (), "text": "",
        "eta": "", "interval": "", "size": "", "eta_key": "", "low_key": "", "size_key": "",
        "rho": "" if np.isnan(v.rho_interval.low) else f"{v.evidence.rho:.2g} {v.rho_interval:.2g}",
        "rho_key": _key(v.evidence.rho),
        "size_title": "", "axis": "", "axis_title": "", "alignment": "",
        "metrics": analysis.other_metrics(i) if v.label == "emergent" else "",
    }  # fmt: skip
    if (found := analysis.alignments.get(i)) is not None:
        row |= {
            "axis": found.best if found.clear else "undecided", "alignment": found.reason,
            "axis_title": ", ".join(f"{a} {e:.3f}" for a, e in found.errors.items()),
        }  # fmt: skip
    if v.label != "emergent":
        return row
    ci, fit = v.eta_interval, v.threshold
    row |= {
        "eta": f"{fit.eta:.3f}", "eta_key": fit.eta, "low_key": ci.low,
        "interval": f"{ci.low:.3f} to {ci.high:.3f}" + "+" * (ci.open_high or ci.open_low),
        "warnings": (*fit.warnings, *analysis.cautions[i]), "text": fit.summary(1 - v.alpha),
    }  # fmt: skip
    if (runs := analysis.by_run.get(i)) is not None:
        row["text"] += "\n\n" + runs.summary()
    if (size := analysis.sizes.get(i)) is not None:
        span = size.interval("params", 1 - v.alpha)
        high = "unbounded" if span.open_high else human(span.high)
        row["size"] = f"{human(size.params)} ({human(span.low)} to {high})"
        row["size_title"] = f"at {human(size.tokens)} tokens" if size.tokens else ""
        row["size_key"] = size.params if np.isfinite(size.params) else 1e30
        row["text"] += "\n\n" + size.summary(1 - v.alpha)
    return row


def _key(number: float) -> float | str:
    """Number to sort by; nothing for none, a very large one for infinity."""
    return "" if np.isnan(number) else float(np.clip(number, -1e300, 1e300))


def _laws(analysis: Analysis, saved: Saved) -> list[dict[str, Any]]:
    return [
        {
            "family": family or "all records",
            "feet": saved.images.get(f"feet-{family_slug(analysis, family)}"),
            "forest": saved.images.get(f"forest-{family_slug(analysis, family)}"),
            "image": saved.images.get(f"law-{family_slug(analysis, family)}"),
            "text": law.summary() if isinstance(law, ScalingLaw) else f"no law: {law}",
        }
        for family, law in analysis.laws.items()
    ]


def _as_uri(analysis: Analysis) -> str:
    """Table of verdicts to download from the page itself."""
    text = inert(analysis.to_frame()).to_csv(index=False, lineterminator="\n")
    return "data:text/csv;base64," + base64.b64encode(text.encode()).decode("ascii")


def _settings(source: str, settings: dict[str, object]) -> str:
    lines = [f"records    {source}"]
    lines += [f"{k:<10} {v}" for k, v in settings.items()]
    lines += [f"{'emergence':<10} {__version__}", f"{'python':<10} {platform.python_version()}"]
    return "\n".join(lines + [f"{name:<10} {version(name)}" for name in _VERSIONS])


def _visible(value: Any) -> Any:
    """Texts without characters that a page may not hold; line breaks stay."""
    if type(value) is not str:
        return value
    return "\n".join(readable(line) for line in value.split("\n"))


def render_page(
    analysis: Analysis, saved: Saved, *, source: str, settings: dict[str, object]
) -> str:
    """HTML of the report; every text is escaped, nothing is loaded from a network."""
    rows = [_row(analysis, i, saved) for i in range(len(analysis.verdicts))]
    order = ("emergent", "smooth", "undetermined", "flat")
    rows.sort(key=lambda r: order.index(r["label"]))  # stable: families stay together
    families = len({r["family"] for r in rows}) > 1
    tasks, labels = {r["task"] for r in rows}, [r["label"] for r in rows]
    counts = ", ".join(
        f"{labels.count(n)} {n}"
        for n in ("emergent", "smooth", "flat", "undetermined")
        if n in labels
    )
    cautions = [*analysis.verdicts.not_fitted, *map(str, analysis.records.warnings), *saved.failed]
    columns = ["task", "verdict", "metric", *(["family"] if families else []), "rho", "eta",
               "interval", "size", "axis", "points"]  # fmt: skip
    environment = Environment(
        loader=PackageLoader("emergence.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_visible,
    )
    return environment.get_template("page.html.j2").render(
        title=f"Emergence report: {source}",
        counts=(
            f"{several(len(rows), 'score')} of {several(len(tasks), 'task')}: {counts}. "
            f"{len(analysis.records)} records."
        ),
        columns=columns,
        rows=rows,
        families=families,
        level=f"{1 - analysis.verdicts[0].alpha:.0%}",
        warnings=cautions,
        laws=_laws(analysis, saved),
        settings=_settings(source, settings),
        table=_as_uri(analysis),
    )


def write_report(
    analysis: Analysis,
    folder: Path,
    *,
    source: str,
    settings: dict[str, object],
    wrap: Wrap = plain,
) -> tuple[Path, tuple[str, ...]]:
    """Write ``verdicts.csv``, figures and ``report.html``.

    Returns the path of the page, and what could not be drawn.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # The table first: it is what hours went into.
    write_table(analysis.to_frame(), folder / "verdicts.csv")
    saved = save_figures(analysis, folder / "figures", wrap)
    page = folder / "report.html"
    text = render_page(analysis, saved, source=source, settings=settings)
    write_whole(page, text.encode())
    return page, saved.failed
