"""Claim 7: does a threshold carry over, and which loss is the axis?"""

from collections.abc import Mapping, Sequence
from functools import partial

import pandas as pd
from matplotlib.axes import Axes

from emergence.interval import Interval
from emergence.records.records import Records
from emergence.report.finding import Finding, Source, answers, counted, panels, share_word
from emergence.verdicts.carry_over import carry_over
from emergence.verdicts.carry_over_result import CarryOver

# What the bundled variants differ in, by how their names begin; the base belongs to each.
KINDS = {
    "tokenizer": ("vocab",),
    "structure": ("rotary", "ungrouped", "mamba"),
    "corpus": ("english", "prose"),
}
_SHOWN = 2  # of a figure: tasks of each kind


def carries(source: Source, kinds: Mapping[str, Sequence[str]]) -> Finding:
    """Claim 7: an ability begins at one loss whatever the tokenizer, structure and corpus."""
    base = source.base
    found: list[tuple[str, CarryOver]] = []
    whys = ["no task begins in two groups of runs"]
    for kind, records in _of_kinds(source.records, kinds, base).items():
        tasks = sorted({(g.task, g.metric) for g in source.groups})

        def ask(task: tuple[str, str], records: Records = records) -> CarryOver:
            name, metric = task
            return carry_over(records, name, source.losses, metric=metric, base=base)

        told, why = answers(ask, tasks, "")
        found += [(kind, one) for one in told]
        whys = [why, *whys] if why else whys
    if not found:
        return Finding("cannot be told", f"no task can be asked ({whys[0]})")
    best = [one.best.finding for _, one in found]
    agree, differ = best.count("agree"), best.count("differ")
    names = [a.axis for a in found[0][1].axes]
    least = {n: sum(one.best.axis == n for _, one in found) for n in sorted(names)}
    rejected = {
        n: sum(a.p_common <= 0.05 for _, one in found for a in one.axes if a.axis == n)
        for n in sorted(names)
    }
    clause = (
        f"of {counted(len(found), 'question')} (a task and what runs differ in) the threshold "
        f"carries over on the best loss in {agree}, does not in {differ}, "
        f"{len(found) - agree - differ} cannot be told; one threshold is rejected "
        + ", ".join(f"on {n} in {k}" for n, k in rejected.items())
        + "; groups differ least "
        + ", ".join(f"on {n} in {k}" for n, k in least.items())
    )
    table = pd.DataFrame([row for kind, one in found for row in _rows(kind, one)])
    plots = [partial(_draw, kind, one) for kind in kinds for one in _most(found, kind)]
    return Finding(
        share_word(agree, differ, len(found) - agree - differ),
        clause,
        table,
        lambda: panels(plots[:4], 4.4, 3.0),
    )


def _of_kinds(
    records: Records, kinds: Mapping[str, Sequence[str]], base: str | None
) -> dict[str, Records]:
    """Records of the groups of each kind with the base; all as one where none is of a kind."""
    frame = records.to_frame()
    model = frame["model"].astype(str)
    out = {}
    for kind, begins in kinds.items():
        if (mine := model.str.startswith(tuple(begins))).any():
            out[kind] = Records(frame[mine | (model == base)])
    return out or {"model": records}


def _most(found: Sequence[tuple[str, CarryOver]], kind: str) -> list[CarryOver]:
    """Tasks that begin in most runs."""
    mine = [one for k, one in found if k == kind]
    return sorted(mine, key=lambda one: -len(one.begins))[:_SHOWN]


def _draw(kind: str, one: CarryOver, ax: Axes) -> None:
    one.plot(ax)
    ax.set_title(f"{kind}: {ax.get_title()}", fontsize=8)


def _rows(kind: str, one: CarryOver) -> list[dict[str, object]]:
    """One row per loss."""
    whole = len(one.begins) + len(one.aside)
    return [
        {
            "differ in": kind,
            "task": one.task,
            "groups": len(a.groups),
            "runs that begin": f"{len(one.begins)} of {whole}",
            "loss": a.axis,
            "eta of the base": f"{one.begins[a.axis][one.begins[one.by] == one.base].mean():.3f}",
            "spread of groups": f"{a.spread:.1%} {_percent(a.spread_interval())}",
            "of seeds": f"{a.within:.1%}",
            "one for all, p": f"{a.p_common:.3f}",
            "within 5%, p": f"{a.p_equivalent:.3f}",
            "finding": a.finding,
        }
        for a in one.axes
    ]


def _percent(ci: Interval) -> str:
    return f"[{ci.low:.1%}, {ci.high:.1%}]"
