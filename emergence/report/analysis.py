"""The main road in one call: verdicts, laws and sizes of a table of records."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from joblib import delayed
from threadpoolctl import threadpool_limits

from emergence._parallel import parallel
from emergence._random import Seed
from emergence._typing import Losses, Noise, Outliers, Runs
from emergence.errors import DataError
from emergence.fits.diagnostics import diagnose
from emergence.fits.runs.thresholds import run_thresholds
from emergence.fits.runs.thresholds_result import RunThresholds
from emergence.planning.law_problem import HARDLY
from emergence.planning.scaling_law import ScalingLaw, fit_scaling_law
from emergence.planning.size import SizeThreshold, size_threshold
from emergence.records.points import Points
from emergence.records.records import Records
from emergence.verdicts.axis import AXES, Alignment, align_sizes
from emergence.verdicts.tasks import Verdicts, classify_tasks
from emergence.verdicts.verdict import Verdict

# Passes items on one by one, for a progress bar: (items, what they are) -> items.
Wrap = Callable[[Sequence[Any], str], Iterable[Any]]


def plain(items: Sequence[Any], _: str) -> Iterable[Any]:
    """No progress bar."""
    return items


# Losses of more token counts than this are a table over (N, D).
_FIXED_TOKENS = 1.05
_LAW_BOOT = 299  # draws of a law: a fit of its own each


@dataclass(frozen=True, eq=False)
class Analysis:
    """Everything that a report shows.

    ``laws`` has one scaling law, or the reason why there is none, for each family;
    ``sizes`` one size threshold for each emergent verdict, by its position; ``by_run`` the
    thresholds of its single runs, where several say where theirs is; ``cautions`` what its
    diagnostics warn of, ``fits`` its threshold as text; ``alignments``, for each verdict whose
    sizes can be compared, how well loss, tokens and compute line them up.
    """

    records: Records
    verdicts: Verdicts
    laws: dict[str, ScalingLaw | str]
    sizes: dict[int, SizeThreshold]
    by_run: dict[int, RunThresholds]
    cautions: dict[int, tuple[str, ...]]
    fits: dict[int, str]
    alignments: dict[int, Alignment]

    def to_frame(self) -> pd.DataFrame:
        """Table of verdicts with sizes, axes and their errors beside them."""
        frame = self.verdicts.to_frame()
        columns = ("params", "low", "high", "prob_out_of_reach", "tokens")
        for name in columns:
            frame[f"N_{name}"] = np.nan
        for i, size in self.sizes.items():
            row = size.to_frame().iloc[0]
            for name in columns:
                frame.loc[i, f"N_{name}"] = row[name]
        frame["axis"] = ""
        for i, alignment in self.alignments.items():
            frame.loc[i, "axis"] = alignment.best if alignment.clear else "undecided"
            for axis in AXES:
                frame.loc[i, f"error_{axis}"] = alignment.errors[axis]
        return frame.rename(columns={"N_params": "N"})

    def other_metrics(self, i: int) -> str:
        """What the other metrics of a task say, in one sentence; empty where there are none."""
        mine = self.verdicts[i].points
        parts = []
        for v in self.verdicts:
            p = v.points
            if (p.family, p.task) == (mine.family, mine.task) and p.metric != mine.metric:
                eta = f", eta = {v.threshold.eta:.3f}" if v.label == "emergent" else ""
                parts.append(f"by {p.metric} {v.label}{eta}")
        if not parts:
            return ""
        return f"by {mine.metric} {self.verdicts[i].label}; {'; '.join(parts)}"

    def summary(self, *, brief: bool = False) -> str:
        """Verdicts, and the size for each emergent task, as text; ``brief``: no more than these."""
        lines = [self.verdicts.summary()]
        if self.sizes:
            lines += ["", "Model size that reaches eta (95% interval; - : not bounded)"]
        for i, size in self.sizes.items():
            points, ci = self.verdicts[i].points, size.interval()
            high = "-" if ci.open_high else f"{ci.high:.3g}"
            at = "" if size.tokens is None else f" at {size.tokens:.3g} tokens"
            beyond = "; outside the sizes of the law" if size.extrapolated else ""
            lines.append(
                f"  {points.family} {points.task}: {size.params:.3g} [{ci.low:.3g}, {high}]{at}, "
                f"out of reach with probability {size.prob_out_of_reach:.2f}{beyond}"
            )
        if brief:
            return "\n".join(lines)
        if self.by_run or any(self.cautions.values()):
            lines += ["", "Does the loss alone decide, and does one run?"]
        for i, runs in self.by_run.items():
            points = self.verdicts[i].points
            lines.append(f"  {points.family} {points.task}: {runs.reason}")
        for i, found in self.cautions.items():
            points = self.verdicts[i].points
            lines += [f"  {points.family} {points.task}: warning: {w}" for w in found]
        asked = {
            (v.points.family, v.points.task): self.other_metrics(i)
            for i, v in enumerate(self.verdicts)
            if v.label == "emergent"
        }
        if any(asked.values()):
            lines += ["", "Does the metric make it?"]
        lines += [f"  {task}: {text}" for (_, task), text in asked.items() if text]
        if self.alignments:
            lines += ["", "Which axis lines the sizes up?"]
        for i, alignment in self.alignments.items():
            lines.append(f"  {self.verdicts[i].points.label}: {alignment.reason}")
        for family, law in self.laws.items():
            if isinstance(law, str):
                lines.append(f"  {family or 'all records'}: no scaling law: {law}")
        return "\n".join(lines)


def family_law(
    records: Records, family: str, *, n_boot: int = _LAW_BOOT, rng: Seed
) -> ScalingLaw | str:
    """Scaling law of the final checkpoints of one family, or why there is none."""
    # Where the runs differ in tokens the law is L(N, D), else L(N).
    frame = records.final().to_frame()
    if "family" in frame:
        frame = frame[frame["family"] == family]
    runs = frame.drop_duplicates("run")
    if runs.empty:
        return f"there are no records of the family {family!r} to fit it to"
    tokens = runs["tokens"].to_numpy()
    same = tokens.max() <= _FIXED_TOKENS * tokens.min()
    try:
        law = fit_scaling_law(
            runs["params"],
            runs["loss"],
            tokens=None if same else tokens,
            run=runs["run"],
            n_boot=min(n_boot, _LAW_BOOT),
            rng=rng,
        )
    except DataError as error:
        return f"{error} (the last checkpoint of each run counts)"
    return law if law.falls else f"{HARDLY} ({law.n_runs} runs, the last checkpoint of each)"


def analyse(
    records: Records,
    *,
    law_records: Records | None = None,
    alpha: float = 0.05,
    n_boot: int = 999,
    rng: Seed = 0,
    n_jobs: int | None = None,
    loss_sd: float = 0.0,
    outliers: Outliers = "drop",
    losses: Losses = "auto",
    noise: Noise = "auto",
    runs: Runs = "auto",
    wrap: Wrap = plain,
) -> Analysis:
    """Classify every task, fit the law of every family with an emergent task, find sizes.

    ``law_records`` are what the laws are fitted to, where that is not ``records``: thresholds are
    best seen in long runs, a law of the size in many sizes, each decayed to its own end.
    ``n_jobs`` tasks are classified at once, ``loss_sd``, ``outliers``, ``losses``, ``noise`` and
    ``runs`` enter, as in :func:`classify_tasks`.
    ``wrap(items, what)`` passes the items of each stage on, for a progress bar.
    """
    verdicts = classify_tasks(
        records,
        alpha=alpha,
        n_boot=n_boot,
        rng=rng,
        n_jobs=n_jobs,
        loss_sd=loss_sd,
        outliers=outliers,
        losses=losses,
        noise=noise,
        runs=runs,
        progress=lambda groups: wrap(groups, "tasks"),
    )
    emergent = [i for i, v in enumerate(verdicts) if v.label == "emergent"]
    of_law = records if law_records is None else law_records
    laws = {
        family: family_law(of_law, family, n_boot=n_boot, rng=rng)
        for family in wrap(sorted({verdicts[i].points.family for i in emergent}), "scaling laws")
    }
    # What follows each verdict needs all of them, for a label depends on their number.
    work = delayed(_followed)
    asked = [(verdicts[i], laws[verdicts[i].points.family]) for i in emergent]
    told = parallel(n_jobs, lazy=True)(work(v, law, n_boot, rng) for v, law in asked)
    found = dict(zip(wrap(emergent, "sizes and runs"), told, strict=True))
    alignments = {
        i: alignment
        for i, v in enumerate(verdicts)
        if v.label != "flat" and (alignment := _alignment(v.points)) is not None
    }
    return Analysis(
        records=records,
        verdicts=verdicts,
        laws=laws,
        sizes={i: one.size for i, one in found.items() if one.size is not None},
        by_run={i: one.runs for i, one in found.items() if one.runs is not None},
        cautions={i: one.cautions for i, one in found.items()},
        fits={i: one.fit for i, one in found.items()},
        alignments=alignments,
    )


class _Followed(NamedTuple):
    """What follows one emergent verdict."""

    size: SizeThreshold | None
    runs: RunThresholds | None
    cautions: tuple[str, ...]
    fit: str


def _followed(verdict: Verdict, law: ScalingLaw | str, n_boot: int, rng: Seed) -> _Followed:
    with threadpool_limits(1):  # as many threads as tasks at once are enough
        fit = verdict.threshold
        size = size_threshold(fit, law, rng=rng) if isinstance(law, ScalingLaw) else None
        return _Followed(
            size=size,
            runs=thresholds_of_runs(verdict, n_boot, rng),
            cautions=diagnose(fit).warnings,
            fit=fit.summary(1.0 - verdict.alpha),
        )


def _alignment(points: Points) -> Alignment | None:
    """How well each axis lines the sizes up; None where they cannot be compared."""
    try:
        return align_sizes(points)
    except DataError:
        return None


def thresholds_of_runs(verdict: Verdict, n_boot: int, rng: Seed) -> RunThresholds | None:
    """Thresholds of the runs; None where fewer than two runs have checkpoints that tell."""
    points = verdict.points
    if verdict.threshold.by_run is not None:
        return verdict.threshold.by_run
    if not 1 < points.n_runs < points.size:
        return None
    try:
        return run_thresholds(points, n_boot=n_boot, rng=rng)
    except DataError:
        return None
