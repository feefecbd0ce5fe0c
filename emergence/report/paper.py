"""The page that puts the claims of Du et al. (2024) to the test, on any records.

Every number on it comes from the records; the words around them do not change with the result.
"""

import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from emergence import __version__
from emergence._files import replacing, write_whole
from emergence.records.datasets import load_dataset, load_losses
from emergence.records.records import Records
from emergence.report.analysis import Wrap, plain, thresholds_of_runs
from emergence.report.claims_axis import checkpoints, final_models, read_figures
from emergence.report.claims_carry import carries
from emergence.report.claims_kind import forecasts, kinds, metrics, sizes
from emergence.report.finding import Finding, Holds, Source, panels, verdict_word
from emergence.verdicts.verdict import Verdict

_WORDS: dict[Holds, str] = {
    "yes": "it holds on",
    "in part": "it holds in part on",
    "no": "it does not hold on",
    "cannot be told": "it cannot be told from",
}
Ask = Callable[[Source], Finding]
_STORY = "paper/story.png"


@dataclass(frozen=True)
class Claim:
    """A claim, how it is tested, and which of the bundled data sets it is asked of."""

    stem: str
    title: str
    claim: str
    test: str
    command: str
    ask: Ask
    fresh: Sequence[str]
    public: Sequence[str]


_ASKS: dict[str, Ask] = {
    "checkpoints": checkpoints,
    "final": final_models,
    "figures": read_figures,
    "kinds": kinds,
    "metrics": metrics,
    "sizes": sizes,
    "carries": carries,
    "forecasts": partial(forecasts, largest=2),
}


def _claims() -> list[Claim]:
    text = (Path(__file__).parent / "claims.toml").read_text(encoding="utf-8")
    return [Claim(ask=_ASKS[c["stem"]], **c) for c in tomllib.loads(text)["claims"]]


CLAIMS = _claims()


# Long runs of few sizes have no law of their own; short ones of many sizes, each decayed, have.
_LAW_OF = {"paper3-cpu": "paper28-cpu"}
# Runs that are held against a base, and those with further losses of the same checkpoints.
_VARIED = ("vocabularies-cpu", "structures-cpu", "mamba-cpu", "corpora-cpu")
_WITH_LOSSES = ("vocabularies-cpu", "corpora-cpu")
_BASE_OF = dict.fromkeys(_VARIED, "285k") | {"paper3-cpu": "908k"}


def write_paper(
    folder: Path,
    records: dict[str, Records] | None = None,
    *,
    n_boot: int = 999,
    seed: int = 0,
    wrap: Wrap = plain,
) -> Path:
    """Write ``paper.md`` and, into ``folder/paper``, its figures; return the path of the page.

    Every claim is asked of each of the ``records`` by name, by default of the bundled data, ours
    and public ones. ``wrap`` passes the claims on, for a progress bar.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sources = {name: Source(name, table, n_boot, seed) for name, table in (records or {}).items()}

    def source(name: str) -> Source:
        if name not in sources:
            sources[name] = Source(
                name,
                load_dataset(name),
                n_boot,
                seed,
                law_records=load_dataset(_LAW_OF[name]) if name in _LAW_OF else None,
                losses=load_losses(name) if name in _WITH_LOSSES else None,
                base=_BASE_OF.get(name),
            )
        return sources[name]

    parts = []
    for claim in wrap(CLAIMS, "claims"):
        if records:
            blocks = [("These records", [source(name) for name in records])]
        else:
            blocks = [
                ("Fresh runs", [source(n) for n in claim.fresh]),
                ("Public figures", [source(n) for n in claim.public]),
            ]
        parts.append(_section(claim, blocks, folder))
    head = _head(list(sources.values()), bundled=not records, n_boot=n_boot, seed=seed)
    summary = _table(pd.DataFrame([{"claim": p.title, "verdict": p.verdict} for p in parts]))
    page = folder / "paper.md"
    story = _story(list(sources.values()), folder)
    text = "\n\n".join([head, summary, *story, *(p.text for p in parts)])
    write_whole(page, f"{text}\n".encode())
    return page


@dataclass(frozen=True)
class _Part:
    title: str
    verdict: str
    text: str


def _head(sources: Sequence[Source], *, bundled: bool, n_boot: int, seed: int) -> str:
    """Title, what the page is made of, and by which command."""
    command = "emergence paper" if bundled else "emergence paper FILE ..."
    lines = [
        "# The paper, put to the test",
        "Du, Zeng, Dong and Tang, *Understanding Emergent Abilities of Language Models from the "
        "Loss Perspective* (arXiv 2403.15796), look at performance as a function of pre-training "
        "loss. Here their claims are asked of records. Every number on this page, and every "
        f"verdict, was written by `{command}` (emergence {__version__}, {n_boot} replicates, seed "
        f"{seed}); the same command with your own CSV files asks them of yours.",
    ]
    rows = [
        {
            "records": f"`{s.name}`",
            "rows": len(s.records),
            "runs": s.records.to_frame()["run"].nunique(),
            "sizes": s.records.to_frame()["params"].nunique(),
            "tasks": len(s.records.tasks),
        }
        for s in sources
    ]
    return "\n\n".join([*lines, _table(pd.DataFrame(rows))])


def _two_kinds(source: Source) -> tuple[Source, Verdict, Verdict] | None:
    """An emergent task, that which most runs begin and that rises most, and a smooth one beside."""

    def telling(verdict: Verdict) -> tuple[int, float]:
        runs = verdict.threshold.by_run
        return (0 if runs is None else len(runs.runs)), verdict.evidence.rise

    for sudden in sorted(source.labelled("emergent"), key=telling, reverse=True):
        for gradual in source.labelled("smooth"):
            if gradual.points.family == sudden.points.family:
                return source, sudden, gradual
    return None


def _story(sources: Sequence[Source], folder: Path) -> list[str]:
    """One picture: an emergent and a smooth task of the same runs, and where each run begins."""
    pair = next(filter(None, map(_two_kinds, sources)), None)
    if pair is None:
        return []
    source, sudden, gradual = pair
    said = (
        f"`{source.name}`: {sudden.points.task} begins at a threshold, {gradual.points.task} "
        "improves all along, in the same runs"
    )
    plots: list[Callable[[Axes], object]] = [sudden.plot, gradual.plot]
    if (runs := thresholds_of_runs(sudden, source.n_boot, source.seed)) is not None:
        plots.append(runs.plot)
        said += f"; right, where the single runs of {sudden.points.task} begin"
    _save(panels(plots, 4.6), folder / _STORY)
    return [f"![The story in one picture]({_STORY})", f"*{said}.*"]


def _section(claim: Claim, blocks: Sequence[tuple[str, Sequence[Source]]], folder: Path) -> _Part:
    """One claim: what it says, how it is tested, what the records say."""
    found: list[tuple[str, Source, Finding]] = [
        (block, source, claim.ask(source)) for block, sources in blocks for source in sources
    ]
    word = verdict_word([f for _, _, f in found])
    verdict = f"**{word}.** {_sentence([(source.name, f.holds) for _, source, f in found])}"
    lines = [
        f"## {claim.title}",
        f"*Claim.* {claim.claim}",
        f"*Test.* {claim.test} On your own records: `{claim.command}`.",
    ]
    for block, source, finding in found:
        lines.append(f"### {block}: `{source.name}`")
        lines.append(f"{finding.clause[0].upper()}{finding.clause[1:]}.")
        if finding.draw is not None:
            name = f"{claim.stem}-{source.name}.png"
            _save(finding.draw(), folder / "paper" / name)
            lines.append(f"![{claim.title}, {source.name}](paper/{name})")
        if finding.table is not None:
            lines.append(_table(finding.table))
    if counts := [f.census for _, _, f in found if f.census]:
        lines.append(_census(counts))
    lines.append(f"*Verdict.* {verdict}")
    return _Part(claim.title, verdict, "\n\n".join(lines))


def _census(counts: Sequence[Mapping[str, int]]) -> str:
    """How many tasks of all records are of each kind."""
    total = {label: sum(c[label] for c in counts) for label in counts[0]}
    n = sum(total.values())
    said = ", ".join(f"{k} {label} ({k / n:.0%})" for label, k in total.items())
    return f"*Census.* Of {n} tasks, once for every set of records and family, {said}."


def _sentence(answers: Sequence[tuple[str, Holds]]) -> str:
    """What each set of records says, in one sentence."""
    said = []
    for holds, words in _WORDS.items():
        *others, last = ["", *(f"`{name}`" for name, answer in answers if answer == holds)]
        if last:
            named = f"{', '.join(others[1:])} and {last}" if others[1:] else last
            said.append(f"{words} {named}")
    text = "; ".join(said)
    return f"{text[0].upper()}{text[1:]}."


def _save(figure: Figure, path: Path) -> None:
    """Save a figure as a PNG that is the same whenever it is drawn."""
    path.parent.mkdir(parents=True, exist_ok=True)
    FigureCanvasAgg(figure)
    with replacing(path) as beside:
        figure.savefig(beside, dpi=100, metadata={"Software": None})


def _table(frame: pd.DataFrame) -> str:
    """Table in Markdown."""

    def row(cells: Iterable[object]) -> str:
        return "| " + " | ".join(str(c).replace("|", "\\|") for c in cells) + " |"

    return "\n".join(
        [row(frame.columns), row(["---"] * len(frame.columns)), *map(row, frame.to_numpy())]
    )
