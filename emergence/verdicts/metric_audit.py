r"""audit_metrics: is the emergence in the ability, or in the metric?

Schaeffer et al. (2023, arXiv 2304.15004) hold that a score which asks for several things at once
stays at zero while the probability of each already rises: with n tokens to get right,

.. math:: \text{exact match} \approx p^n .

So the same checkpoints are asked by a strict metric (exact match, accuracy) and by graded ones
(the probability of the correct option, the Brier score).  A threshold that the graded metrics
show too is one of the ability; one that they do not show is made by the metric.  Each metric has
its own line of chance, 1/k or 1 - 1/k, and what lies below it is no ability.
"""

from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from emergence._random import Seed, Stream, as_seed, child
from emergence._typing import IntArray, Noise, Runs
from emergence.errors import DataError
from emergence.fits.shared_threshold import SharedThreshold, share_fits
from emergence.interval import symmetric
from emergence.metrics import known_metric, strict_metric
from emergence.records.columns import as_records
from emergence.records.points import Points
from emergence.records.records import Records
from emergence.verdicts.classify import classify
from emergence.verdicts.metric_audit_result import Hidden, MetricAudit
from emergence.verdicts.monotone import monotone_curve, reached
from emergence.verdicts.verdict import Verdict

_LEAST_RUNS = 8  # to draw half of them
_SHOWN = 0.1  # share of its own best at which a metric shows the ability
# What tells checkpoints apart: runs may have the same tokens, and a loss may repeat.
_KEY = ("run", "tokens", "loss")


def audit_metrics(
    records: Records,
    task: str | None = None,
    *,
    family: str | None = None,
    strict: str | None = None,
    graded: Sequence[str] | None = None,
    noise: Noise = "auto",
    runs: Runs = "auto",
    alpha: float = 0.05,
    n_boot: int = 999,
    rng: Seed = 0,
) -> MetricAudit:
    """Ask whether a threshold is one of the ability or one of the metric.

    Parameters
    ----------
    records : Records
        Of one task by several metrics, on the same checkpoints.
    task, family : str, optional
        Needed where there are several.
    strict : str, optional
        Metric that may hide the ability; default ``exact_match``, else ``acc``.
    graded : sequence of str, optional
        Metrics that show it by degrees; default those of ``choice_prob`` and ``brier`` there.
    noise, runs, alpha, n_boot, rng
        As of :func:`classify`.

    Raises
    ------
    DataError
        For metrics that are not there, or that were scored on other checkpoints.

    References
    ----------
    Schaeffer, Miranda & Koyejo 2023, arXiv 2304.15004; Du et al. 2024, claims 4 and 5.

    Examples
    --------
    >>> import pandas as pd
    >>> from emergence import Records, audit_metrics, simulate
    >>> per_token = simulate("logistic", chance=0.1, n=80, rng=1).to_frame()
    >>> graded = per_token.assign(metric="choice_prob")
    >>> strict = per_token.assign(metric="exact_match", value=graded["value"] ** 5, chance=0.0)
    >>> audit_metrics(Records(pd.concat([graded, strict])), n_boot=199).label
    'metric'
    """
    points = _same_checkpoints(_select(as_records(records), task, family, strict, graded))
    verdicts = tuple(
        classify(p, noise=noise, runs=runs, alpha=alpha, n_boot=n_boot, rng=rng) for p in points
    )
    seed = as_seed(rng)
    return MetricAudit(
        verdicts=verdicts,
        hidden=tuple(_hidden(points[0], p, n_boot, seed) for p in points[1:]),
        shared=_shared(verdicts, n_boot, seed),
        alpha=alpha,
    )


def _select(
    records: Records,
    task: str | None,
    family: str | None,
    strict: str | None,
    graded: Sequence[str] | None,
) -> list[Points]:
    """Strict metric first, then the graded ones."""
    groups = [
        g
        for g in records.groups()
        if (task is None or g.task == task) and (family is None or g.family == family)
    ]
    asked = sorted({(g.family, g.task) for g in groups})
    if len(asked) != 1:
        there = ", ".join(t if not f else f"{t} of {f}" for f, t in asked) or "none"
        raise DataError(f"give one task (and family); there is {there}")
    found = {g.metric: g for g in groups}
    first = strict or strict_metric(found)
    others = [m for m in found if (known := known_metric(m)) is not None and not known.counted]
    names = [first or "exact_match", *(graded if graded is not None else others)]
    missing = [m for m in names if m not in found]
    if missing or len(names) < 2:
        raise DataError(
            f"{asked[0][1]}: an audit needs a strict and a graded metric; there is "
            f"{', '.join(found)}" + (f", not {', '.join(missing)}" if missing else "")
        )
    return [found[m] for m in names]


def _same_checkpoints(points: list[Points]) -> list[Points]:
    """All metrics in one order of checkpoints, which must be the same."""
    out = []
    for p in points:
        columns = [c for name in reversed(_KEY) if (c := getattr(p, name)) is not None]
        out.append(p.where(np.lexsort(columns)))
    first = out[0]
    for p in out[1:]:
        if p.size != first.size or not np.allclose(p.loss, first.loss, rtol=1e-9):
            raise DataError(
                f"{p.label} and {first.metric} were scored on different checkpoints ({p.size} and "
                f"{first.size}); an audit compares the same ones"
            )
    return out


def _shared(
    verdicts: Sequence[Verdict], n_boot: int, seed: np.random.SeedSequence
) -> SharedThreshold | None:
    """One eta for the metrics that show a threshold, where at least two do."""
    fits = [v.threshold for v in verdicts if v.label == "emergent"]
    if len(fits) < 2:
        return None
    with suppress(DataError):
        return share_fits(fits, n_boot=n_boot, rng=seed)
    return None


def _hidden(strict: Points, graded: Points, n_boot: int, seed: np.random.SeedSequence) -> Hidden:
    """How far a graded metric has come where the strict one shows a tenth of its ability."""
    # Both by monotone curves, for which the ordinary bootstrap is too narrow; the interval is that
    # of samples of half the runs (or checkpoints, where runs are fewer than eight), as wide as they
    # come (Bickel, Gotze & van Zwet 1997, Stat. Sinica 7, 1).
    g = child(seed, Stream.METRIC_AUDIT)
    clusters = np.arange(strict.size)
    if strict.run is not None and strict.n_runs >= _LEAST_RUNS:
        clusters = np.unique(strict.run.astype(str), return_inverse=True)[1]
    n = int(clusters.max()) + 1
    rows = [np.flatnonzero(clusters == c) for c in range(n)]
    estimate = _come_so_far(strict, graded, np.arange(strict.size))
    draws = np.array(
        [
            _come_so_far(
                strict, graded, np.concatenate([rows[c] for c in g.integers(0, n, n // 2)])
            )
            for _ in range(n_boot)
        ]
    )
    low, high = symmetric(estimate, draws, 0.95)
    return Hidden(graded.metric, estimate, max(low, 0.0), min(high, 1.0))


def _come_so_far(strict: Points, graded: Points, rows: IntArray) -> float:
    """Share of the graded ability at the loss where the strict one is a tenth of its best."""
    places, levels = monotone_curve(-strict.loss[rows], strict.ability[rows])
    shown = reached(places, levels, _SHOWN * levels[-1]) if levels[-1] > 0 else places[-1]
    its_places, its_levels = monotone_curve(-graded.loss[rows], graded.ability[rows])
    if its_levels[-1] <= 0:
        return 0.0
    level = float(np.interp(shown, its_places, its_levels))
    return float(np.clip(level / its_levels[-1], 0.0, 1.0))
