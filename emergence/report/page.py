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
from emergence.report.interactive import drawn_curves, figure_data, miniature
from emergence.report.pictures import Saved, family_slug, save_figures, task_stem
from emergence.verdicts.trial.evidence import TESTS
from emergence.verdicts.verdict import Verdict

_OF_FAMILY = (
    ("feet", "rho and onset of every task that rises, with their intervals"),
    ("forest", "eta with interval for every emergent task"),
    ("law", "loss against model size"),
)
_TYPES = {"svg": "image/svg+xml", "pdf": "application/pdf"}
_HEAVY = 1.8e6  # characters of pictures in one page, which is sent around
_VERSIONS = ("numpy", "scipy", "pandas", "statsmodels", "lmfit", "matplotlib", "pydantic")
_SAID = {
    "p_flat": "no dependence on the loss", "p_gradual": "rho is 1/4 or more",
    "p_sudden": "rho is 1/4 or less",
    "p_short": "the same, or 3/4 for a threshold of which little plateau was seen",
    "p_steep": "the foot is a third of the rise or less",
    "p_nearly": "the foot is .3 of the rise or less",
}  # fmt: skip


def _row(analysis: Analysis, i: int, saved: Saved) -> dict[str, Any]:
    """Cells and text of one task; the keys are what the table sorts by."""
    v = analysis.verdicts[i]
    stem, p, drawn = task_stem(i, v), v.points, drawn_curves(v)
    row: dict[str, Any] = {
        "task": p.task, "metric": p.metric, "family": p.family, "label": v.label,
        "reason": v.reason, "n": p.size, "picture": saved.pictures.get(stem),
        "eta_picture": saved.pictures.get(f"{stem}-eta"), "warnings": v.warnings,
        "miniature": miniature(v, drawn), "data": _visible(figure_data(v, drawn)),
        "text": _evidence(v),
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
        "warnings": (*fit.warnings, *analysis.cautions[i]),
    }  # fmt: skip
    row["text"] += "\n\n" + analysis.fits[i]
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


def _evidence(verdict: Verdict) -> str:
    """Every number that the verdict rests on, as text."""
    e = verdict.evidence
    lines = [
        f"curve     {e.curve}, {several(e.curves, 'curve')} fitted",
        f"plateau   {e.plateau:.3g} nats seen before the rise",
        f"foot      {e.foot:.3g} nats from 5% to 25% of the gain",
        f"rise      {e.rise:.3g} in {verdict.points.metric or 'score'}",
        f"rho       {e.rho:.3g} {verdict.rho_interval:.3g}",
        f"onset     {e.onset:.4g} {verdict.onset_interval:.4g} nats, where 5% of the gain is made",
    ]
    tests = {name: getattr(e, name) for name in TESTS}
    lines += [f"{n:<9} {p:.3g}: {_SAID[n]}" for n, p in tests.items() if np.isfinite(p)]
    return "\n".join(line for line in lines if " nan" not in line)


def _key(number: float) -> float | str:
    """Number to sort by; nothing for none, a very large one for infinity."""
    return "" if np.isnan(number) else float(np.clip(number, -1e300, 1e300))


def _laws(analysis: Analysis, saved: Saved) -> list[dict[str, Any]]:
    return [
        {
            "family": family or "all records",
            "pictures": [
                (said, saved.pictures.get(f"{kind}-{family_slug(analysis, family)}"))
                for kind, said in _OF_FAMILY
            ],
            "text": law.summary() if isinstance(law, ScalingLaw) else f"no law: {law}",
        }
        for family, law in analysis.laws.items()
    ]


def _as_uri(analysis: Analysis) -> str:
    """Table of verdicts to download from the page itself."""
    text = inert(analysis.to_frame()).to_csv(index=False, lineterminator="\n")
    return "data:text/csv;base64," + base64.b64encode(text.encode()).decode("ascii")


def _packed(saved: Saved) -> tuple[str, ...]:
    """Kinds of files that the page carries itself; others lie in the folder beside it."""
    pictures, kinds = saved.pictures.values(), list[str]()
    size = sum(len(p.uri) for p in pictures)
    for kind in _TYPES:
        size += sum(len(p.files[kind]) for p in pictures)
        if size < _HEAVY:
            kinds.append(kind)
    return tuple(kinds)


def _settings(source: str, settings: dict[str, object]) -> str:
    lines = [f"records    {source}"]
    lines += [f"{k:<10} {v}" for k, v in settings.items()]
    lines += [f"{'emergence':<10} {__version__}", f"{'python':<10} {platform.python_version()}"]
    return "\n".join(lines + [f"{name:<10} {version(name)}" for name in _VERSIONS])


def _visible(value: Any) -> Any:
    """Texts without characters that a page may not hold; line breaks stay."""
    if isinstance(value, dict):
        return {key: _visible(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_visible(one) for one in value]
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
    columns = ["task", "curve", "verdict", "metric", *(["family"] if families else []), "rho",
               "eta", "interval", "size", "axis", "points"]  # fmt: skip
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
        downloads=_TYPES,
        packed=_packed(saved),
    )


def write_report(
    analysis: Analysis,
    folder: Path,
    *,
    source: str,
    settings: dict[str, object],
    wrap: Wrap = plain,
    n_jobs: int | None = None,
) -> tuple[Path, tuple[str, ...]]:
    """Write ``verdicts.csv``, figures and ``report.html``.

    Returns the path of the page, and what could not be drawn; ``n_jobs`` tasks are drawn at once.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # The table first: it is what hours went into.
    write_table(analysis.to_frame(), folder / "verdicts.csv")
    saved = save_figures(analysis, folder / "figures", wrap, n_jobs)
    page = folder / "report.html"
    text = render_page(analysis, saved, source=source, settings=settings)
    write_whole(page, text.encode())
    return page, saved.failed
