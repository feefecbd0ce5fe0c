"""The page that puts the claims of Du et al. (2024) to the test, on any records.

Every number on it comes from the records; the words around them do not change with the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from emergence import __version__
from emergence.records.datasets import load_dataset
from emergence.records.records import Records
from emergence.report.analysis import Wrap, plain
from emergence.report.claims_axis import checkpoints, final_models, read_figures
from emergence.report.claims_kind import forecasts, kinds, metrics, sizes
from emergence.report.finding import Finding, Holds, Source, verdict_word

_WORDS: dict[Holds, str] = {
    "yes": "it holds on",
    "in part": "it holds in part on",
    "no": "it does not hold on",
    "cannot be told": "it cannot be told from",
}
Ask = Callable[[Source], Finding]


@dataclass(frozen=True)
class Claim:
    """A claim, how it is tested, and which of the bundled data sets it is asked of."""

    stem: str
    title: str
    claim: str
    test: str
    command: str
    ask: Ask
    fresh: tuple[str, ...]
    public: tuple[str, ...]


CLAIMS = (
    Claim(
        stem="checkpoints",
        title="1. Performance is a function of the loss alone",
        claim="Checkpoints of models of several sizes, on their way through long runs, fall on one curve "
        "of score against loss for each task; against compute they do not.",
        test="`collapse`: the effect of a factor of ten in size at equal loss, tested against zero and "
        "against a margin of 0.01 (equivalence), and curves of each predictor asked about runs "
        "that they have not seen.",
        command="emergence collapse records.csv --task TASK",
        ask=checkpoints,
        fresh=("paper3-cpu",),
        public=("olmo_ladder",),
    ),
    Claim(
        stem="final",
        title="2. So it is for models trained to budgets of their own",
        claim="Models of many sizes, each trained to its own number of tokens with the learning rate "
        "decayed to the end, fall on the same kind of curve at their final checkpoints.",
        test="`collapse` of the final checkpoints alone, family by family; and of all families of a "
        "task together, where there are several.",
        command="emergence collapse finals.csv --task TASK [--pool]",
        ask=final_models,
        fresh=("paper28-cpu",),
        public=("public_reports",),
    ),
    Claim(
        stem="figures",
        title="3. It holds for figures read off a report",
        claim="A report that only draws its results, loss against tokens and score against tokens, shows "
        "the same.",
        test="`join_curves`: the curves of the emergent tasks are drawn against tokens, read off with a "
        "known error, and joined again, one curve for all runs; eta may move by no more than the "
        "error of reading explains (1.96 of its standard deviations).",
        command="emergence import loss.csv score.csv --params N --task TASK -o records.csv",
        ask=read_figures,
        fresh=("paper3-cpu",),
        public=("public_reports",),
    ),
    Claim(
        stem="kinds",
        title="4. Tasks come in two kinds",
        claim="Some tasks improve from the start; others stay at chance until the loss falls below a "
        "threshold.",
        test="`classify_tasks`: smooth and thresholded families compete, each side is tested under the "
        "other by a parametric bootstrap, and the false discovery rate is held at 5%.",
        command="emergence classify records.csv",
        ask=kinds,
        fresh=("paper3-cpu", "paper28-cpu"),
        public=("public_reports",),
    ),
    Claim(
        stem="metrics",
        title="5. The metric does not make it",
        claim="The kink stays under metrics that show an ability by degrees, CorrectChoiceProb and the "
        "Brier score; the perplexity of the correct option is no measure of ability.",
        test="`audit_metrics`: the same checkpoints by a strict and by graded metrics, each classified; "
        "and how much of the graded ability is already there where the strict metric shows a "
        "tenth of it.",
        command="emergence audit records.csv --task TASK",
        ask=metrics,
        fresh=("paper3-cpu", "paper28-cpu"),
        public=("public_reports",),
    ),
    Claim(
        stem="sizes",
        title="6. One threshold of the loss, and with it one of the size",
        claim="An ability is absent above one loss eta and present below, whatever the model; by L(N) = "
        "L_inf + (N0/N)^alpha this is a threshold of the model size.",
        test="`run_thresholds`: one eta for all runs of a task; `shared_threshold`: one eta for the "
        "emergent tasks (it holds where neither is rejected at 5%); `fit_scaling_law` and "
        "`size_threshold`: the size that reaches it, and the cheapest training (the law of "
        "`paper3-cpu` is that of the seven sizes of `paper28-cpu`).",
        command="emergence size records.csv --task TASK",
        ask=sizes,
        fresh=("paper3-cpu", "paper28-cpu"),
        public=("public_reports",),
    ),
    Claim(
        stem="forecasts",
        title="And could it have been seen coming?",
        claim="What the smaller models show foretells the larger ones.",
        test="`backtest`: the largest models are hidden (of the public ladder 7B and 13B, of our runs "
        "the two largest sizes) and forecast from the others, beside the forms in use. It holds "
        "where no other form has a smaller error and the 90% interval holds at least 80%, over the "
        "tasks of which the forecast does not say that what comes cannot be known.",
        command="emergence backtest records.csv --largest 2",
        ask=partial(forecasts, largest=2),
        fresh=("paper28-cpu",),
        public=("olmo_ladder",),
    ),
)


# Long runs of few sizes have no law of their own; short ones of many sizes, each decayed, have.
_LAW_OF = {"paper3-cpu": "paper28-cpu"}


def write_paper(
    folder: Path,
    records: dict[str, Records] | None = None,
    *,
    n_boot: int = 999,
    seed: int = 0,
    wrap: Wrap = plain,
) -> Path:
    """Write ``paper.md`` and its figures.

    Parameters
    ----------
    folder : Path
        Figures go to ``folder/paper``.
    records : dict of str to Records, optional
        By name; every claim is asked of each.  Default: the bundled data, ours and public ones.
    n_boot, seed : int
        Replicates and seed of every test.
    wrap : callable
        Passes the claims on, for a progress bar.

    Returns
    -------
    Path
        The page.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sources = {name: Source(name, table, n_boot, seed) for name, table in (records or {}).items()}

    def source(name: str) -> Source:
        if name not in sources:
            law = load_dataset(_LAW_OF[name]) if name in _LAW_OF else None
            sources[name] = Source(name, load_dataset(name), n_boot, seed, law)
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
    text = "\n\n".join([head, summary, *(p.text for p in parts)])
    page.write_text(text + "\n", encoding="utf-8")
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
    lines.append(f"*Verdict.* {verdict}")
    return _Part(claim.title, verdict, "\n\n".join(lines))


def _sentence(answers: Sequence[tuple[str, Holds]]) -> str:
    """What each set of records says, in one sentence."""
    said = []
    for holds, words in _WORDS.items():
        names = [f"`{name}`" for name, answer in answers if answer == holds]
        if names:
            said.append(f"{words} {' and '.join(names)}")
    text = "; ".join(said)
    return f"{text[0].upper()}{text[1:]}."


def _save(figure: Figure, path: Path) -> None:
    """Save a figure as a PNG that is the same whenever it is drawn."""
    path.parent.mkdir(parents=True, exist_ok=True)
    FigureCanvasAgg(figure)
    figure.savefig(path, dpi=100, metadata={"Software": None})


def _table(frame: pd.DataFrame) -> str:
    """Table in Markdown."""

    def row(cells: Iterable[object]) -> str:
        return "| " + " | ".join(str(c).replace("|", "\\|") for c in cells) + " |"

    return "\n".join(
        [row(frame.columns), row(["---"] * len(frame.columns)), *map(row, frame.to_numpy())]
    )
