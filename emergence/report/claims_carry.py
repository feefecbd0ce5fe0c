"""Claim 7: does a threshold carry over, and which loss is the axis?"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from emergence._text import several
from emergence.report.finding import Finding, Source, answers, panels, share_word
from emergence.verdicts.carry_over import carry_over
from emergence.verdicts.carry_over_result import CarryOver

_SHOWN = 3  # tasks of a figure


def carries(source: Source) -> Finding:
    """Claim 7: an ability begins at one loss whatever the tokenizer, structure and corpus."""

    def ask(task: tuple[str, str]) -> CarryOver:
        name, metric = task
        return carry_over(source.records, name, source.losses, metric=metric, base=source.base)

    tasks = sorted({(g.task, g.metric) for g in source.groups})
    found, why = answers(ask, tasks, "there is no task")
    if not found:
        return Finding("cannot be told", f"no task can be asked ({why})")
    best = [one.finding(one.best) for one in found]
    agree, differ = best.count("agree"), best.count("differ")
    unknown = len(found) - agree - differ
    losses = sorted({a.axis for one in found for a in one.axes})
    said = [_of_loss(loss, found) for loss in losses]
    clause = (
        f"of {several(len(tasks), 'task')} {len(found)} begin in several groups of runs; on the "
        f"loss on which the groups differ least the threshold carries over in {agree}, does not "
        f"in {differ}, cannot be told to in {unknown}; " + "; ".join(said)
    )
    if len(found) < len(tasks):
        clause += f"; the others cannot be asked ({why})"
    table = pd.DataFrame([row for one in found for row in _rows(one)])
    shown = sorted(found, key=lambda one: -len(one.begins))[:_SHOWN]
    holds = share_word(agree, differ, unknown + len(tasks) - len(found))
    return Finding(holds, clause, table, lambda: panels([one.plot for one in shown], 4.4, 3.0))


def _of_loss(loss: str, found: Sequence[CarryOver]) -> str:
    """What one loss does for all tasks."""
    axes = [a for one in found for a in one.axes if a.axis == loss]
    rejected = sum(a.p_common <= a.alpha for a in axes)
    least = sum(one.best.axis == loss for one in found)
    spread = float(np.mean([a.spread for a in axes]))
    return (
        f"on {loss} one threshold is rejected in {rejected}, the groups add {spread:.1%} on "
        f"average, and differ least in {least}"
    )


def _rows(one: CarryOver) -> list[dict[str, object]]:
    """One row per loss."""
    whole = len(one.begins) + len(one.aside)
    return [
        {
            "task": one.task,
            "groups": len(a.groups),
            "runs with a threshold": f"{len(one.begins)} of {whole}",
            "loss": a.axis,
            "eta of the base": f"{one.begins[a.axis][one.begins[one.by] == one.base].mean():.3f} "
            f"({one.base})",
            "spread of groups": f"{a.spread:.1%} {a.spread_interval():.1%}",
            "of seeds": f"{a.within:.1%}",
            "one for all, p": f"{a.p_common:.3f}",
            "within 5%, p": f"{a.p_equivalent:.3f}",
            "finding": one.finding(a),
        }
        for a in one.axes
    ]
