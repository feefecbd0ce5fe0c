r"""Rivals: the forms in use for forecasting a score.

============  ========================================  =========================================
name          form                                      source
============  ========================================  =========================================
sigmoid       :math:`b + a / (1 + e^{(L - m)/w})`       Bhagia et al. 2024, arXiv 2412.04403
two steps     the same at L(N, D) of the runs           the same
exponential   :math:`1 - e + k e^{-g L}`, g, k > 0      Gadre et al. 2024, arXiv 2403.08540
line          a straight line past the onset            Chen et al. 2024, arXiv 2410.08527
a e^(cx) + b  both signs of a and c                     Lourie et al. 2025, arXiv 2507.00885
log accuracy  :math:`e^{-A C^{-\alpha}}`                 Krajewski et al. 2025, arXiv 2512.08894
broken law    :math:`1 - a - b C^{-c} (1 +              Caballero et al. 2023, arXiv 2210.14891
              (C/d)^{1/f})^{-g f}`
============  ========================================  =========================================

The last two are of the training compute C = 6 N D and know nothing of the loss.  All are least
squares with equal weights, of abilities: scores shifted and scaled, and those of metrics that fall
turned the right way up.  Their intervals are those of non-linear regression, for a new score; two
steps add the residual error of the law, not that of its parameters.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.optimize import least_squares
from scipy.special import stdtrit

from emergence._typing import FloatArray
from emergence.curves.smooth.exponential import exponential
from emergence.curves.smooth.linear import linear
from emergence.curves.smooth.logistic import logistic
from emergence.planning.law_problem import Law, natural
from emergence.planning.scaling_law import scaling_law_tokens
from emergence.records.points import Points

# Past the onset are the scores this far above chance, as a share of the way to the best.
_ONSET = 0.05
_BLIND = 1e-12
_STARTS = 2
_Curve = Callable[[FloatArray, FloatArray], FloatArray]


class _Seen(NamedTuple):
    """Abilities, and where they were seen: losses, or compute as a share of the most."""

    x: FloatArray
    ability: FloatArray
    most_compute: float | None = None


@dataclass(frozen=True, eq=False)
class Rival:
    """A fitted form: its curve, parameters, their covariance, and what errors are left.

    The curve is one of the loss, or of the training compute as a share of ``most_compute``.
    """

    name: str
    curve: _Curve
    params: FloatArray
    covariance: FloatArray
    sd: float
    dof: int
    x_error: float = 0.0
    most_compute: float | None = None

    def predict(self, x: FloatArray, level: float) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Ability, and the interval for a new one, at losses or computes (m,)."""
        at = x if self.most_compute is None else x / self.most_compute
        value = self.curve(at, self.params)
        slopes = _slopes(lambda p: self.curve(at, p), self.params)
        step = 1e-4
        by_x = (self.curve(at * (1 + step), self.params) - value) / step
        variance = np.einsum("in,ij,jn->n", slopes, self.covariance, slopes) + self.sd**2
        variance += (by_x * self.x_error) ** 2
        half = float(stdtrit(self.dof, 0.5 * (1.0 + level))) * np.sqrt(variance)
        return value, value - half, value + half


def _slopes(curve: Callable[[FloatArray], FloatArray], params: FloatArray) -> FloatArray:
    """Derivatives by the parameters, (parameters, places)."""
    rows = []
    for j, value in enumerate(params):
        step = np.zeros(params.size)
        step[j] = 1e-5 * max(abs(float(value)), 1e-3)
        rows.append((curve(params + step) - curve(params - step)) / (2 * step[j]))
    return np.array(rows)


def _sigmoid(loss: FloatArray, p: FloatArray) -> FloatArray:
    return logistic(loss, middle=p[0], width=p[1], ceiling=p[2], floor=p[3])


def _line(loss: FloatArray, p: FloatArray) -> FloatArray:
    return linear(loss, intercept=p[0], slope=p[1])


def _log_accuracy(compute: FloatArray, p: FloatArray) -> FloatArray:
    return np.exp(-p[0] * compute ** -p[1])


def _broken(compute: FloatArray, p: FloatArray) -> FloatArray:
    rest, factor, before, place, more, width = p
    bend = np.logaddexp(0.0, (np.log(compute) - place) / width) * width  # log (1 + (C/d)^(1/f))^f
    return 1.0 - rest - factor * compute**-before * np.exp(-more * bend)


def fit_sigmoid(points: Points) -> Rival:
    """Fit floor, ceiling, middle and width."""
    low, high = float(points.loss.min()), float(points.loss.max())
    starts = []
    for middle in np.linspace(low - 0.3 * (high - low), high, 8):
        for width in np.geomspace(0.03, 0.5, 6) * (high - low):
            unit = _sigmoid(points.loss, np.array([middle, width, 1.0, 0.0]))
            rise, floor = _linear(unit, points.ability)
            starts.append(np.array([middle, width, floor + rise, floor]))
    bounds = ([0.0, 1e-3, -1.0, -1.0], [10 * high, 10 * high, 1.0, 1.0])
    return _best("sigmoid", _sigmoid, _Seen(points.loss, points.ability), starts, bounds)


def fit_exponential(points: Points, *, signed: bool = False) -> Rival:
    """Fit a convex exponential; ``signed`` lets it level off instead."""
    low, span = float(points.loss.min()), float(np.ptp(points.loss))

    def curve(loss: FloatArray, p: FloatArray) -> FloatArray:
        return exponential(loss, amplitude=p[0], rate=p[1], floor=p[2], origin=low)

    rates = np.geomspace(0.1, 40.0, 20) / span
    starts = []
    for rate in (*rates, *-rates) if signed else rates:
        unit = curve(points.loss, np.array([1.0, rate, 0.0]))
        amplitude, floor = _linear(unit, points.ability)
        starts.append(np.array([amplitude, rate, floor]))
    least = [-np.inf, -50 / span, -np.inf] if signed else [0.0, 1e-3 / span, -np.inf]
    name = "a e^(cx) + b" if signed else "exponential"
    seen, most = _Seen(points.loss, points.ability), [np.inf, 50 / span, np.inf]
    return _best(name, curve, seen, starts, (least, most))


def _linear(basis: FloatArray, ability: FloatArray) -> tuple[float, float]:
    """Factor and constant of a basis that fit the abilities best."""
    factor, constant = np.polyfit(basis, ability, 1)
    return float(factor), float(constant)


def fit_line(points: Points) -> Rival | None:
    """Fit a straight line to the abilities past the onset; None where fewer than four are."""
    past = points.where(points.ability > _ONSET)
    if past.size < 4 or np.unique(past.loss).size < 3:
        return None
    slope, intercept = np.polyfit(past.loss, past.ability, 1)
    start = np.array([intercept, -slope])
    seen = _Seen(past.loss, past.ability)
    return _best("line", _line, seen, [start], ([-np.inf] * 2, [np.inf] * 2))


def fit_log_accuracy(points: Points) -> Rival | None:
    """Fit a power law of compute to the logarithm of the ability; None where nothing rises."""
    if (seen := _by_compute(points, 4)) is None:
        return None
    starts = [
        np.array([scale, rate])
        for rate in np.geomspace(0.03, 2.0, 10)
        for scale in np.geomspace(0.01, 10.0, 10)
    ]
    return _best("log accuracy", _log_accuracy, seen, starts, ([0.0, 0.0], [np.inf, 10.0]))


def fit_broken_law(points: Points) -> Rival | None:
    """Fit a power law of compute with one smooth break; None where nothing rises."""
    if (seen := _by_compute(points, 7)) is None:  # more places than parameters
        return None
    x, starts = seen.x, []
    for place in np.quantile(np.log(x), [0.2, 0.4, 0.6, 0.8]):
        for width in (0.1, 0.5):
            for before, more in ((0.0, 0.3), (0.0, 1.0), (0.1, 0.5), (0.3, -0.2)):
                unit = _broken(x, np.array([0.0, 1.0, before, place, more, width]))
                factor, constant = _linear(1.0 - unit, 1.0 - seen.ability)
                starts.append(np.array([constant, factor, before, place, more, width]))
    low = [-1.0, 0.0, -1.0, float(np.log(x.min())), -3.0, 0.02]
    high = [1.0, 10.0, 3.0, 0.0, 3.0, 3.0]
    return _best("broken law", _broken, seen, starts, (low, high))


def _by_compute(points: Points, least: int) -> _Seen | None:
    """Abilities at computes as a share of the most.

    None without so many different computes, or where too few scores have left chance.
    """
    compute = points.compute
    if compute is None or np.unique(compute).size < least or (points.ability > _ONSET).sum() < 4:
        return None
    return _Seen(compute / compute.max(), points.ability, float(compute.max()))


def _best(
    name: str,
    curve: _Curve,
    seen: _Seen,
    starts: list[FloatArray],
    bounds: tuple[list[float], list[float]],
) -> Rival:
    """Best of the optima that the best starts lead to, with the covariance of its parameters."""
    low, high = np.array(bounds[0]), np.array(bounds[1])

    def residual(p: FloatArray) -> FloatArray:
        return curve(seen.x, p) - seen.ability

    inside = [np.clip(s, low + 1e-9, high - 1e-9) for s in starts]
    inside.sort(key=lambda s: float(np.square(residual(s)).sum()))
    fits = [least_squares(residual, s, bounds=bounds, x_scale="jac") for s in inside[:_STARTS]]
    best = min(fits, key=lambda fit: float(fit.cost))
    dof = max(seen.x.size - best.x.size, 1)
    sd = float(np.sqrt(2.0 * best.cost / dof))
    jacobian = np.asarray(best.jac)
    inverse = np.linalg.pinv(jacobian.T @ jacobian, rcond=_BLIND, hermitian=True)
    return Rival(
        name,
        curve,
        best.x,
        covariance=inverse * sd**2,
        sd=sd,
        dof=dof,
        most_compute=seen.most_compute,
    )


def loss_law(points: Points) -> Law | None:
    """L(N, D) of the last checkpoint of each run; None where there are too few to fit one."""
    if points.params is None or points.tokens is None or points.run is None:
        return None
    order = np.lexsort((points.tokens, points.run.astype(str)))
    run = points.run.astype(str)[order]
    last = order[np.append(run[1:] != run[:-1], True)]
    size, tokens = points.params[last], points.tokens[last]
    if last.size < 6 or np.unique(size).size < 3 or np.unique(tokens).size < 3:
        return None
    return Law(size, points.loss[last], tokens, "huber", 1e-3)


def rival_forecasts(
    train: Points, ahead: Points, level: float, *, two_steps: bool
) -> Iterator[tuple[str, tuple[FloatArray, FloatArray, FloatArray]]]:
    """Name, and ability with interval at the losses (or sizes and tokens) ahead."""
    sigmoid = fit_sigmoid(train)
    yield sigmoid.name, sigmoid.predict(ahead.loss, level)
    law = loss_law(train) if two_steps else None
    if law is not None and ahead.params is not None and ahead.tokens is not None:
        theta = law.solve()
        loss = scaling_law_tokens(ahead.params, ahead.tokens, *map(float, natural(theta)))
        error = float(np.sqrt(np.mean(law.residual(theta) ** 2)))
        yield "two steps", replace(sigmoid, x_error=error).predict(loss, level)
    for form in (fit_exponential(train), fit_line(train), fit_exponential(train, signed=True)):
        if form is not None:
            yield form.name, form.predict(ahead.loss, level)
    for direct in (fit_log_accuracy(train), fit_broken_law(train)):
        if direct is not None and ahead.compute is not None:
            yield direct.name, direct.predict(ahead.compute, level)
