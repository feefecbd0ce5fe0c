"""Truths: curves drawn at random, with what is true of them.

Rules are not to be tuned to a list of scenarios, so truths are drawn from kinds: how the rise
begins and goes on, where, how wide, to which ceiling, from which floor, in how many stages, with
which noise, at which losses.  Most kinds are none of the shapes that are fitted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, ndtr

from emergence._typing import FloatArray
from emergence.curves.foot import SHARES

Rise = Callable[[FloatArray], FloatArray]
Draw = Callable[[np.random.Generator], Rise]

_FINE = 20_001
LOW, HIGH = 1.7, 3.2


def _fixed(rise: Rise) -> Draw:
    return lambda _: rise


def _power(rng: np.random.Generator) -> Rise:
    exponent = rng.uniform(0.4, 2.0)
    return lambda t: np.maximum(t, 0.0) ** exponent


def _jump(rng: np.random.Generator) -> Rise:
    ratio = rng.exponential(1.0)
    return lambda t: np.where(t > 0, 1.0 + ratio * t, 0.0)


def _exact_match(rng: np.random.Generator) -> Rise:
    tokens = rng.integers(2, 13)
    return lambda t: expit(t) ** tokens


# How a score rises with t, the depth below a loss m in units of a width; zero above m, so that m is
# a threshold ...
CORNERED: dict[str, Draw] = {
    "kink": _fixed(lambda t: np.maximum(t, 0.0)),
    "power": _power,
    "jump": _jump,
    "saturating": _fixed(lambda t: -np.expm1(-np.maximum(t, 0.0))),
    "S-shaped": _fixed(lambda t: -np.expm1(-(np.maximum(t, 0.0) ** 2))),
    "rational": _fixed(lambda t: np.maximum(t, 0.0) / (1.0 + np.maximum(t, 0.0))),
}
# ... or without a threshold.
SMOOTH_RISES: dict[str, Draw] = {
    "logistic": _fixed(expit),
    "probit": _fixed(lambda t: ndtr(t)),
    "gompertz": _fixed(lambda t: np.exp(-np.exp(np.clip(-t, -500, 500)))),
    "mirrored gompertz": _fixed(lambda t: -np.expm1(-np.exp(np.clip(t, -500, 50)))),
    "arctangent": _fixed(lambda t: 0.5 + np.arctan(t) / np.pi),
    "algebraic": _fixed(lambda t: 0.5 + 0.5 * t / np.sqrt(2.0 + t * t)),
    "exact match": _exact_match,
    "softplus": _fixed(lambda t: np.logaddexp(0.0, t)),
    "exponential": _fixed(lambda t: np.exp(np.clip(0.3 * t, -500, 50))),
    "line": _fixed(lambda t: t),
}

# How often each way of measuring is drawn.
NOISES = {"even": 0.4, "uneven": 0.15, "tails": 0.1, "counts": 0.25, "spread counts": 0.1}


@dataclass(frozen=True, eq=False)
class Truth:
    """A curve and the way in which its scores are measured.

    Attributes
    ----------
    gain : callable
        Losses (nats per token) to the gain over chance.
    eta : float
        Threshold, nats per token; NaN for a curve without one.
    text : str
        What was drawn.
    options : dict
        Other arguments of :func:`simulate`: noise, and where the losses lie.
    """

    gain: Rise
    eta: float
    text: str
    options: dict[str, Any]

    def foot(self, low: float = LOW, high: float = HIGH) -> tuple[float, float]:
        """Onset x_.05 and rho (see :mod:`emergence.curves.foot`) over losses from low to high.

        NaN and infinite where the curve gains nothing there.
        """
        loss = np.linspace(low, high, _FINE)
        gain = self.gain(loss)
        if not gain[0] > gain[-1]:
            return float("nan"), float("inf")
        share = (gain - gain[-1]) / (gain[0] - gain[-1])
        onset, quarter = (loss[np.flatnonzero(share >= q)[-1]] for q in SHARES[:2])
        room = min(high - onset, 2.0 * (onset - low))
        return float(onset), float((onset - quarter) / room) if room > 0 else float("inf")


def draw_truth(rng: np.random.Generator, *, in_runs: bool = False) -> Truth:
    """Draw curve, noise and losses; ``in_runs`` also what runs share and differ by."""
    names = list(CORNERED) + list(SMOOTH_RISES)
    name = str(rng.choice(names))
    text, span = [name], HIGH - LOW
    middle = LOW + span * rng.uniform(0.1, 0.95)
    width = span * float(np.exp(rng.uniform(np.log(0.02), np.log(0.4))))
    rise: Rise = (CORNERED | SMOOTH_RISES)[name](rng)
    parts: list[Rise] = [lambda loss: rise((middle - loss) / width)]
    eta = middle if name in CORNERED else float("nan")
    if rng.uniform() < 0.15:
        second = str(rng.choice(list(SMOOTH_RISES)[:5]))
        again, weight = SMOOTH_RISES[second](rng), rng.uniform(0.3, 3.0)
        later, wide = middle - span * rng.uniform(0.15, 0.5), span * rng.uniform(0.02, 0.1)
        size = abs(float(parts[0](np.array([LOW]))[0] - parts[0](np.array([HIGH]))[0]))
        parts.append(lambda loss: weight * size * again((later - loss) / wide))
        text.append(f"then {second}")
        eta = float("nan")  # a second stage, and its tail, begin nowhere
    total = float(rng.uniform(0.1, 0.6))
    clip = float(rng.uniform(0.4, 0.9)) if rng.uniform() < 0.25 else np.inf
    drift = float(rng.uniform(0.02, 0.15)) if rng.uniform() < 0.1 else 0.0
    dip = float(rng.uniform(0.02, 0.06)) if rng.uniform() < 0.07 else 0.0
    text += (
        ["with a ceiling"] * (clip < 1) + ["on a drift"] * (drift > 0) + ["after a dip"] * (dip > 0)
    )
    if drift or dip:
        eta = float("nan")

    def raw(loss: FloatArray) -> FloatArray:
        return np.asarray(np.sum([part(loss) for part in parts], axis=0))

    ends = raw(np.array([HIGH, LOW]))

    def gain(loss: FloatArray) -> FloatArray:
        share = (raw(loss) - ends[0]) / (ends[1] - ends[0])
        value = total * np.minimum(share, clip)
        value = value + total * drift * (HIGH - loss) / span
        # A model that has left guessing for a habit, before it can do the task.
        value = value - dip * np.exp(-0.5 * ((loss - middle - 1.5 * width) / width) ** 2)
        return np.asarray(value)

    return Truth(gain, eta, ", ".join(text), _measured(rng, in_runs=in_runs))


def _measured(rng: np.random.Generator, *, in_runs: bool) -> dict[str, Any]:
    """Noise, and where the losses lie."""
    options: dict[str, Any] = {"loss_range": (LOW, HIGH), "crowding": float(rng.uniform(0.6, 1.8))}
    kind = rng.choice(list(NOISES), p=list(NOISES.values()))
    if kind in ("counts", "spread counts"):
        options |= {
            "noise": "binomial",
            "n_items": int(np.exp(rng.uniform(np.log(200), np.log(5000)))),
        }
        if kind == "spread counts":
            options |= {"noise": "beta-binomial", "intraclass": float(rng.uniform(0.0005, 0.003))}
    else:
        options["sd"] = float(np.exp(rng.uniform(np.log(0.006), np.log(0.04))))
        if kind == "uneven":
            options["sd_ratio"] = float(np.exp(rng.uniform(-1.2, 1.2)))
        if kind == "tails":
            options["dof"] = 4.0
    if in_runs:
        options["n_runs"] = int(rng.integers(3, 9))
        options["offset_sd"] = float(rng.choice([0.0, rng.uniform(0.0, 0.02)]))
        options["eta_sd"] = float(rng.choice([0.0, rng.uniform(0.0, 0.1)]))
        if "sd" in options and "dof" not in options:
            options["rho"] = float(rng.uniform(0.0, 0.6))
    return options
