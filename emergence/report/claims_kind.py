"""Claims 4 to 6 of Du et al. (2024), and forecasts: kinds of task, metrics, thresholds, sizes."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from emergence._text import several
from emergence.errors import DataError
from emergence.figures.style import human
from emergence.fits.shared_threshold import share_fits
from emergence.planning.backtest import Backtest, backtest
from emergence.planning.scaling_law import ScalingLaw
from emergence.planning.size import SizeThreshold, size_threshold
from emergence.records.points import Points
from emergence.report.analysis import family_law, thresholds_of_runs
from emergence.report.finding import Finding, Holds, Source, answers, panels, share_word
from emergence.verdicts.metric_audit import audit_metrics
from emergence.verdicts.metric_audit_result import MetricAudit
from emergence.verdicts.verdict import Verdict

_LABELS = ("smooth", "emergent", "undetermined", "flat")
_ALPHA = 0.05
_LEVEL, _HELD = 0.9, 0.8  # of forecasts: nominal, and the least that counts as held
_FEW = 20
_LAST = 5  # checkpoints of a run whose scores are taken to wander about one level
_MANY = 5  # tasks of one kind, and none of the other, that say there is but one
_PERPLEXITIES = ("perplexity_correct", "perplexity_wrong")


def kinds(source: Source) -> Finding:
    """Claim 4: some tasks improve from the start, others stay at chance until a threshold."""
    verdicts = source.verdicts
    count = {label: len(source.labelled(label)) for label in _LABELS}
    said = ", ".join(f"{n} {label}" for label, n in count.items())
    rows = [
        {
            "family": v.points.family,
            "task": v.points.task,
            "metric": v.points.metric,
            "verdict": v.label,
            "eta": f"{v.threshold.eta:.3f} {v.eta_interval:.3f}" if v.label == "emergent" else "",
            "p gradual": _p(v.evidence.p_gradual),
            "p sudden": _p(v.evidence.p_sudden),
            "signal to noise": "" if v.label == "flat" else signal_to_noise(v.points),
        }
        for v in verdicts
    ]
    decided = [count[label] for label in ("smooth", "emergent")]
    holds: Holds = "yes" if min(decided) else "cannot be told"
    if not min(decided) and sum(decided) >= _MANY and not count["undetermined"]:
        holds = "no"
    clause = f"of {several(len(verdicts), 'task')} {said}"
    shown = [*source.labelled("emergent")[:2], *source.labelled("smooth")[:2]]
    return Finding(
        holds, clause, pd.DataFrame(rows), lambda: panels([v.plot for v in shown], 4.2, 3.4), count
    )


def signal_to_noise(points: Points) -> str:
    r"""Spread of the runs' last scores over the noise of a run's last checkpoints.

    .. math:: (\max_r m_r - \min_r m_r) / \mathrm{mean}_r\, s_r

    with the mean and the standard deviation of the last five checkpoints of each run (Heineman et
    al. 2025, arXiv 2508.13144, who take thirty); noise alone gives about 2 for some thirty runs.
    Nothing where fewer than two runs have so many.
    """
    if points.run is None or points.tokens is None:
        return ""
    run = points.run.astype(str)
    last = [np.flatnonzero(run == name) for name in np.unique(run)]
    last = [mine[np.argsort(points.tokens[mine])][-_LAST:] for mine in last if mine.size >= _LAST]
    noise = float(np.mean([points.value[mine].std(ddof=1) for mine in last])) if last else 0.0
    if len(last) < 2 or not noise > 0:
        return ""
    return f"{float(np.ptp([points.value[mine].mean() for mine in last])) / noise:.1f}"


def _p(value: float) -> str:
    """p-value as the tables show it; nothing where the test was not made."""
    return "" if np.isnan(value) else f"{value:.3f}"


def metrics(source: Source) -> Finding:
    """Claim 5: the kink is in the ability, and stays under metrics that show it by degrees."""

    def audit(verdict: Verdict) -> MetricAudit:
        p = verdict.points
        return audit_metrics(
            source.records, p.task, family=p.family or None, n_boot=source.n_boot, rng=source.seed
        )

    audits, why = answers(audit, source.labelled("emergent"), "no task is emergent")
    falls = _perplexities(source)
    if not audits:
        return Finding("cannot be told", f"no emergent task has several metrics ({why}){falls}")
    labels = [a.label for a in audits]
    ability, made = labels.count("ability"), labels.count("metric")
    clause = (
        f"of {several(len(audits), 'emergent task')} the threshold is in the ability for {ability}"
        f", made by the metric for {made}, undecided for {len(audits) - ability - made}{falls}"
    )
    table = pd.concat([_audit_rows(a) for a in audits], ignore_index=True)
    return Finding(
        share_word(ability, made, labels.count("undetermined")),
        clause,
        table,
        lambda: panels([a.plot for a in audits[:2]], 6.4),
    )


def _audit_rows(audit: MetricAudit) -> pd.DataFrame:
    frame = audit.to_frame()
    emergent = frame["label"] == "emergent"
    eta = frame.apply(lambda r: f"{r['eta']:.3f} [{r['eta_low']:.3f}, {r['eta_high']:.3f}]", axis=1)
    there = frame.apply(
        lambda r: f"{r['already_there']:.0%} [{r['there_low']:.0%}, {r['there_high']:.0%}]", axis=1
    )
    return pd.DataFrame(
        {
            "task": audit.verdicts[0].points.task,
            "metric": frame["metric"],
            "chance": frame["chance"].map("{:.3g}".format),
            "verdict": frame["label"],
            "eta": eta.where(emergent, ""),
            "already there": there.where(frame["already_there"].notna(), ""),
            "threshold is in": audit.label,
        }
    )


def _perplexities(source: Source) -> str:
    """Do the perplexities of options fall on tasks at chance?  Nothing where none were recorded."""
    frame = source.records.to_frame()
    frame = frame[frame["metric"].isin(_PERPLEXITIES)]
    flat = sorted({v.points.task for v in source.labelled("flat")} & set(frame["task"]))
    if not flat:
        return ""
    fell = []
    for task in flat:
        ends = []
        for metric in _PERPLEXITIES:
            mine = frame[(frame["task"] == task) & (frame["metric"] == metric)]
            by_loss = mine.sort_values("loss")["value"].to_numpy()
            tenth = max(by_loss.size // 10, 1)
            ends.append(float(np.median(by_loss[:tenth]) / np.median(by_loss[-tenth:])))
        fell.append(ends)
    both = sum(correct < 1.0 and wrong < 1.0 for correct, wrong in fell)
    return (
        f"; on {both} of {several(len(flat), 'task')} at chance the perplexity falls for the "
        f"correct option (to {np.median([c for c, _ in fell]):.1%} of its start) and for wrong "
        f"ones (to {np.median([w for _, w in fell]):.1%})"
    )


def sizes(source: Source) -> Finding:
    """Claim 6: one threshold of the loss for all runs and tasks, and the model size it takes."""
    emergent = source.labelled("emergent")
    if not emergent:
        return Finding("cannot be told", "no task is emergent")
    rows, found = [], []
    laws: dict[str, ScalingLaw | str] = {}
    of_law = source.records if source.law_records is None else source.law_records
    runs = [thresholds_of_runs(v, source.n_boot, source.seed) for v in emergent]
    for verdict, by_run in zip(emergent, runs, strict=True):
        p, fit = verdict.points, verdict.threshold
        if p.family not in laws:
            laws[p.family] = family_law(of_law, p.family, rng=source.seed)
        row = {
            "family": p.family,
            "task": p.task,
            "eta": f"{fit.eta:.3f} {verdict.eta_interval:.3f}",
            "runs differ by": ""
            if by_run is None
            else f"sd {by_run.spread:.3f} (one for all: p = {by_run.p_common:.3f})",
        }
        if isinstance(law := laws[p.family], ScalingLaw):
            size = size_threshold(fit, law, rng=source.seed)
            found.append(size)
            row |= _size_row(size)
        rows.append(row)
    p_tasks, said = _one_eta(emergent, source)
    p_values = [r.p_common for r in runs if r is not None]
    differ = sum(p <= _ALPHA for p in p_values)
    reached = sum(not s.interval().open_high for s in found)
    clause = (
        f"{said}; one eta for all runs of a task is rejected for {differ} of "
        f"{several(len(p_values), 'task')} with several; the size that reaches eta is bounded for "
        f"{reached} of {several(len(rows), 'emergent task')}"
    )
    if without := sorted({law for law in laws.values() if isinstance(law, str)}):
        clause += f" (no law: {'; '.join(without)})"
    told = [*p_values, *([] if p_tasks is None else [p_tasks])]
    bad = sum(p <= _ALPHA for p in told)
    draw = (lambda: panels([found[0].plot], 6.4)) if found else None
    return Finding(share_word(len(told) - bad, bad), clause, pd.DataFrame(rows), draw)


def _one_eta(emergent: Sequence[Verdict], source: Source) -> tuple[float | None, str]:
    """Test of one eta for the emergent tasks of the family that has most of them."""
    families = [v.points.family for v in emergent]
    most = max(sorted(set(families)), key=families.count)
    mine = [v.threshold for v in emergent if v.points.family == most]
    # Where runs have thresholds of their own, a task that one of them alone begins has no mean.
    of_runs = [fit for fit in mine if fit.by_run is not None]
    mine = of_runs if len(of_runs) > 1 else mine
    if len(mine) < 2:
        return None, "there are not two emergent tasks of one family to compare"
    try:
        shared = share_fits(mine, n_boot=source.n_boot, rng=source.seed)
    except DataError as error:
        return None, f"one eta cannot be tested ({error})"
    where = f"in {most} " if most else ""
    return shared.p_common, f"{where}{shared.reason}"


def _size_row(size: SizeThreshold) -> dict[str, str]:
    ci, row = size.interval(), {}
    low = human(ci.low) if ci.low >= 1.0 else "<1"
    high = "+" if ci.open_high else f", {human(ci.high)}"
    at = "" if size.tokens is None else f" at {human(size.tokens)} tokens"
    row["N that reaches it"] = f"{human(size.params)} [{low}{high}]{at}"
    row["within the law"] = "no" if size.extrapolated else "yes"
    if size.cheapest is not None:
        flops = size.interval("cheapest_flops")
        top = "+" if flops.open_high else f", {flops.high:.1e}"
        row["cheapest training"] = (
            f"{human(size.cheapest['params'])} on {human(size.cheapest['tokens'])} tokens, "
            f"{size.cheapest['flops']:.1e} [{flops.low:.1e}{top}] FLOP"
        )
    return row


def forecasts(source: Source, largest: int) -> Finding:
    """Could it have been seen coming?  The largest models, forecast from the others."""
    tried, why = answers(
        lambda v: backtest(v.points, largest=largest), source.verdicts, "there is no task"
    )
    cases = [case for found in tried for case in found.cases]
    if not cases:
        return Finding("cannot be told", f"nothing can be hidden and forecast ({why})")
    found = Backtest(tuple(cases), _LEVEL)
    table = found.table
    shown = table.reset_index()
    for column in table.columns.drop("tasks"):
        shown[column] = table[column].map("{:.4f}".format).to_numpy()
    if found.best_other is None:
        return Finding("cannot be told", found.reason)
    ours, other = table.to_dict("index")["emergence"], found.best_other[1]
    good = [ours["error"] <= other["error"], ours["coverage"] >= _HELD]
    holds = share_word(sum(good), len(good) - sum(good))
    # With a score or two for each task a share of them says little.
    if sum(c.hidden.size for c in cases if c.forecast.known) < _FEW:
        holds = "cannot be told"
    return Finding(holds, found.reason, shown, lambda: panels([found.plot], 6.8))
