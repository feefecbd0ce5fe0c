r"""collapse: does the score depend on the loss alone, or does size still matter at equal loss?

.. math:: y_{rt} = g(L_{rt}) + \beta \log_{10} z_{rt} + o_r + a_{rt}

with g a cubic spline, z the params (or tokens), offsets :math:`o_r` of runs and first-order
autoregressive errors :math:`a_{rt}` by REML (:mod:`emergence.noise.runs`).  :math:`\beta`, in
points of score for every factor of ten, is tested against 0, and against a margin by two one-sided
tests (Schuirmann 1987, J. Pharmacokinet. Biopharm. 15, 657), so that "no effect" is a finding.
Where checkpoints share runs, Student's t has the degrees of freedom of the runs, for a size is
drawn once for each run.

Beside it, curves of loss, compute, params, tokens, and loss with each, are asked about runs that
they have not seen (:mod:`emergence.verdicts.monotone`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import BSpline
from scipy.special import fdtrc, stdtrit

from emergence._typing import AnyArray, FloatArray, Noise, Runs
from emergence.engine.problem import Problem, make_problem, with_run_noise
from emergence.errors import DataError
from emergence.noise.runs import fit_run_noise
from emergence.records.as_points import as_points
from emergence.records.points import Points
from emergence.verdicts.collapse_result import Collapse, Effect, LocalEffect, Offset
from emergence.verdicts.monotone import left_out_errors, within_others

_DEGREE = 3
_PER_BASIS = 8  # points for each basis function of the spline
_MOST_BASES = 12
_ROUNDS = 4
_PARTS = 4  # of the loss axis, for the local effects
_LEAST_DOF = 2


def collapse(
    points: Points | Sequence[Points],
    *,
    by: str = "params",
    margin: float = 0.01,
    alpha: float = 0.05,
    noise: Noise = "auto",
    runs: Runs = "auto",
) -> Collapse:
    """Ask whether the loss alone explains a task's scores.

    Parameters
    ----------
    points : Points, or a sequence of Points of several families
        Scores of one task and metric.  Of several families, whose losses must be meant to be
        comparable, the question is whether they fall on one curve.
    by : {"params", "tokens"}
        What may matter at equal loss.
    margin : float
        Largest effect, in points of score for every factor of ten, that counts as none.
    alpha : float
        Level of the tests.
    noise, runs
        As of :func:`fit_threshold`.

    Raises
    ------
    DataError
        Where there are too few runs or sizes to compare, or params or tokens are missing.

    Notes
    -----
    Du et al. (2024), claims 1 and 2.  A gap between families is tested by an F test of their
    offsets along the common curve.

    Examples
    --------
    >>> import numpy as np
    >>> from emergence.records.points import Points
    >>> rng = np.random.default_rng(0)
    >>> size, run = np.repeat([1e7, 3e7, 1e8, 3e8, 1e9], 20), np.repeat(list("abcde"), 20)
    >>> tokens = np.tile(np.geomspace(1e9, 1e11, 20), 5)
    >>> loss = 1.7 + 20 * size**-0.2 + 900 * tokens**-0.33
    >>> score = 0.3 * (3.2 - loss) + 0.01 * rng.standard_normal(100)
    >>> points = Points(loss, score, run=run, params=size, tokens=tokens)
    >>> collapse(points).label
    'loss alone'
    """
    if by not in ("params", "tokens"):
        raise DataError(f"by is {by!r}; it must be params or tokens")
    if not (margin > 0 and 0 < alpha < 0.5):
        raise DataError(f"margin = {margin}, alpha = {alpha}: need margin > 0, 0 < alpha < 0.5")
    families: dict[str, str] = {}
    if not isinstance(points, Points):
        points, families = _joined(points)
    pts = as_points(points)
    if pts.params is None or pts.tokens is None:
        raise DataError(f"{pts.label}: params and tokens are needed")
    model = _fit(pts, by, noise, runs, families)
    scale = pts.best - pts.chance
    return Collapse(
        points=pts,
        by=by,
        margin=margin,
        alpha=alpha,
        effect=_effect(model, scale, margin),
        local=_local(model, scale, alpha),
        offsets=_offsets(model, scale),
        p_families=_between_families(model),
        **_predictors(pts),
    )


def _joined(several: Sequence[Points]) -> tuple[Points, dict[str, str]]:
    """Points of several families in one, and which family each run is of."""
    if len(several) < 2 or len({(p.task, p.metric, p.chance, p.best) for p in several}) != 1:
        raise DataError("give Points of one task and metric, from two families or more")
    if any(p.params is None or p.tokens is None or p.run is None for p in several):
        raise DataError("Points of several families need params, tokens and run")
    names = [p.family or f"family {i}" for i, p in enumerate(several)]

    def all_of(column: str) -> AnyArray:
        return np.concatenate([getattr(p, column) for p in several])

    runs = [
        [f"{name}/{r}" for r in np.asarray(p.run)] for name, p in zip(names, several, strict=True)
    ]
    run = np.concatenate(runs)
    counts = None if any(p.n_items is None for p in several) else all_of("n_items")
    whole = Points(
        loss=all_of("loss"), value=all_of("value"), chance=several[0].chance,
        best=several[0].best, n_items=counts, run=run, tokens=all_of("tokens"),
        params=all_of("params"), counted=all(p.counted for p in several),
        task=several[0].task, metric=several[0].metric, family=" and ".join(names),
    )  # fmt: skip
    return whole, {r: name for name, mine in zip(names, runs, strict=True) for r in mine}


@dataclass(frozen=True, eq=False)
class _Model:
    """Whitened regression on the common curve, with what may matter beside it."""

    problem: Problem
    basis: FloatArray
    extra: FloatArray
    decades: FloatArray
    families: tuple[str, ...]
    dof: int

    def solve(self, extra: FloatArray) -> tuple[FloatArray, FloatArray, float]:
        """Coefficients of the extra rows, their covariance, and the residual squares."""
        design = self.problem.white(np.concatenate([self.basis, extra]))
        inverse = np.linalg.pinv(design @ design.T, hermitian=True)
        beta = inverse @ design @ self.problem.wy
        rest = self.problem.wy - beta @ design
        rss = float(rest @ rest)
        k = self.basis.shape[0]
        used = np.linalg.matrix_rank(design)
        covariance = inverse[k:, k:] * rss / max(self.problem.n - used, 1)
        return beta[k:], covariance, rss


def _fit(points: Points, by: str, noise: Noise, runs: Runs, families: dict[str, str]) -> _Model:
    """Spline, covariance of runs given the spline, and the degrees of freedom."""
    problem = make_problem(points, noise, runs)
    basis, decades = _spline(problem.x), np.log10(getattr(problem.points, by))
    names = tuple(sorted(set(families.values())))
    if names:
        of = np.array([families[r] for r in np.asarray(problem.points.run)])
        extra = np.array([of == name for name in names[1:]], dtype=float)
    elif np.ptp(decades) < 1e-6:
        raise DataError(f"{points.label}: all points have the same {by}")
    else:
        extra = (decades - decades.mean())[None]
    drawn = problem.points.n_runs if problem.run is not None else problem.n - basis.shape[0]
    # The curve, and size beside the families or alone.
    used = 1 + extra.shape[0] + bool(names)
    dof = drawn - used
    if dof < _LEAST_DOF:
        raise DataError(
            f"{points.label}: {points.n_runs} runs; at least {_LEAST_DOF + used} "
            "are needed to compare sizes"
        )
    if problem.run is not None:
        problem = _with_run_noise(problem, np.concatenate([basis, extra]))
    return _Model(problem, basis, extra, decades=decades, families=names, dof=dof)


def _with_run_noise(problem: Problem, design: FloatArray) -> Problem:
    """Problem whitened by the covariance of its runs around a linear model."""
    assert problem.run is not None
    for _ in range(_ROUNDS):
        beta = np.linalg.lstsq(problem.white(design).T, problem.wy, rcond=None)[0]
        found = fit_run_noise(
            (problem.y - beta @ design) * problem.root_w,
            problem.run,
            problem.rank,
            design * problem.root_w,
            problem.root_w,
            ar1=problem.run_model.name != "offset",
        )
        if found == problem.run_model.noise:
            break
        problem = with_run_noise(problem, found)
    return problem


def _spline(x: FloatArray) -> FloatArray:
    """Cubic B-splines with knots at quantiles, shape (bases, n); they sum to one."""
    distinct = np.unique(x)
    bases = int(np.clip(x.size // _PER_BASIS, _DEGREE + 1, _MOST_BASES))
    bases = min(bases, distinct.size)
    degree = min(_DEGREE, bases - 1)
    inner = np.quantile(distinct, np.linspace(0, 1, bases - degree + 1)[1:-1])
    knots = np.concatenate([[0.0] * (degree + 1), inner, [1.0] * (degree + 1)])
    rows: FloatArray = BSpline.design_matrix(x, knots, degree).toarray().T
    return rows


def _effect(model: _Model, scale: float, margin: float) -> Effect:
    """Effect of a factor of ten at equal loss; within families where there are several."""
    size = (model.decades - model.decades.mean())[None]
    extra = np.concatenate([size, model.extra]) if model.families else size
    beta, covariance, _ = model.solve(extra)
    estimate, stderr = float(beta[0]) * scale, float(np.sqrt(covariance[0, 0])) * abs(scale)
    return Effect(estimate, stderr, model.dof, margin)


def _local(model: _Model, scale: float, alpha: float) -> tuple[LocalEffect, ...]:
    """Effects in quarters of the loss axis, their intervals jointly of level 1 - alpha."""
    x = model.problem.x
    edges = np.quantile(x, np.linspace(0, 1, _PARTS + 1))
    part = np.clip(np.searchsorted(edges, x, side="right") - 1, 0, _PARTS - 1)
    rows = []
    for k in range(_PARTS):
        here = part == k
        # Without several sizes at these losses there is nothing to compare.
        if here.any() and np.ptp(model.decades[here]) > 1e-6:
            rows.append((k, np.where(here, model.decades - model.decades[here].mean(), 0.0)))
    if not rows:
        return ()
    extra = np.array([row for _, row in rows])
    if model.families:
        extra = np.concatenate([extra, model.extra])
    beta, covariance, _ = model.solve(extra)
    reach = float(stdtrit(model.dof, 1.0 - 0.5 * alpha / len(rows)))
    out = []
    for i, (k, _) in enumerate(rows):
        estimate = float(beta[i]) * scale
        half = reach * float(np.sqrt(covariance[i, i])) * abs(scale)
        low, high = (model.problem.to_loss(float(edges[k + j])) for j in (0, 1))
        out.append(LocalEffect(low, high, estimate, estimate - half, estimate + half))
    return tuple(out)


def _offsets(model: _Model, scale: float) -> tuple[Offset, ...]:
    """Mean offset of each size (or family) along the common curve, summing to zero."""
    if model.families:
        names: tuple[str, ...] = model.families
        members = np.concatenate([1.0 - model.extra.sum(axis=0, keepdims=True), model.extra])
    else:
        sizes, code = np.unique(model.decades, return_inverse=True)
        names = tuple(f"{10.0**size:.6g}" for size in sizes)
        members = np.array([code == s for s in range(sizes.size)], dtype=float)
    # Contrasts that sum to zero, each member against the mean of all.
    contrast = members[:-1] - members[-1]
    beta, covariance, _ = model.solve(contrast)
    whole = np.concatenate([np.eye(len(names) - 1), -np.ones((1, len(names) - 1))])
    spread = np.sqrt(np.maximum(np.diag(whole @ covariance @ whole.T), 0.0))
    return tuple(
        Offset(name, float(b) * scale, float(s) * abs(scale))
        for name, b, s in zip(names, whole @ beta, spread, strict=True)
    )


def _between_families(model: _Model) -> float | None:
    """F test of one curve for all families; None for one."""
    if not model.families:
        return None
    beta, covariance, _ = model.solve(model.extra)
    k = beta.size
    statistic = float(beta @ np.linalg.solve(covariance, beta)) / k
    return float(fdtrc(k, model.dof + 1, statistic))  # size has no part in this one


def _predictors(points: Points) -> dict[str, dict[str, float]]:
    """Error and share of variance explained of curves asked about runs they have not seen."""
    assert points.params is not None
    assert points.tokens is not None
    run = np.arange(points.size) if points.run is None else np.asarray(points.run).astype(str)
    loss, decades = -points.loss, np.log10(points.params)
    tokens = np.log10(points.tokens)
    compute = decades + tokens
    ask = within_others(loss, run)
    if not ask.any():
        raise DataError(f"{points.label}: no run lies within the losses of the others")
    beside = {"params": decades, "tokens": tokens, "compute": compute}
    curves: dict[str, tuple[FloatArray, FloatArray | None]] = {"loss": (loss, None)}
    curves |= {name: (x, None) for name, x in beside.items()}
    curves |= {f"loss + {name}": (loss, z) for name, z in beside.items()}
    scale = abs(points.best - points.chance)
    ability = points.ability
    spread = float(np.var(ability[ask]))
    errors, explained = {}, {}
    for name, (x, z) in curves.items():
        square = float(np.mean(left_out_errors(x, ability, run, ask, z) ** 2))
        errors[name] = scale * float(np.sqrt(square))
        explained[name] = 1.0 - square / spread if spread > 0 else float("nan")
    return {"errors": errors, "explained": explained}
