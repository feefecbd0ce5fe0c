"""Scenarios of known truth for the calibrations: docs/statistics.rst lists them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtr

from emergence import Points, Records, simulate
from emergence.curves.onsets.hinge import hinge, softplus_hinge
from emergence.curves.onsets.weibull import weibull_onset
from emergence.curves.smooth.gompertz import gompertz
from emergence.curves.smooth.logistic import logistic

ETA = 2.2


@dataclass(frozen=True)
class Scenario:
    """One truth: how to draw a data set of n points."""

    name: str
    text: str
    draw: Callable[[int, np.random.SeedSequence], Points]


def _gaussian(name: str, text: str, shape: object) -> Scenario:
    return Scenario(
        name,
        text,
        lambda n, seed: simulate(shape, eta=ETA, n=n, rng=seed).select(),  # type: ignore[arg-type]
    )


def _few_below(n: int, seed: np.random.SeedSequence) -> Points:
    """Six of the points below eta, the others above, both uniform."""
    children = seed.spawn(2)
    below = simulate("hinge", n=6, loss_range=(1.7, ETA), rng=children[0]).to_frame()
    above = simulate("hinge", n=n - 6, loss_range=(ETA, 3.2), rng=children[1]).to_frame()
    loss = np.concatenate([below["loss"], above["loss"]])
    value = np.concatenate([below["value"], above["value"]])
    return Points(loss=loss, value=value, chance=0.25)


def _binomial(n: int, seed: np.random.SeedSequence) -> Points:
    def shape(loss: np.ndarray) -> np.ndarray:
        return hinge(loss, ETA, 0.6)

    return simulate(shape, n=n, noise="binomial", n_items=500, rng=seed).select()


def _ceiling(loss: np.ndarray) -> np.ndarray:
    return np.minimum(hinge(loss, ETA, 1.5), 0.3)


def _wandering(n: int, seed: np.random.SeedSequence) -> Points:
    return simulate(
        "hinge", n=n, noise="beta-binomial", n_items=2000, intraclass=0.003, rng=seed
    ).select()


def _written(name: str, text: str, shape: object, **runs: float) -> Scenario:
    """Answers to be written: no score by guessing, and none of its noise either."""
    return Scenario(
        name,
        f"{text}, exact match of 400 items, chance 0",
        lambda n, seed: simulate(
            shape,  # type: ignore[arg-type]
            eta=ETA,
            n=n,
            chance=0.0,
            noise="binomial",
            n_items=400,
            metric="exact_match",
            rng=seed,
            **runs,  # type: ignore[arg-type]
        ).select(),
    )


RUNS = {"n_runs": 6, "offset_sd": 0.02, "rho": 0.6}


def _in_runs(name: str, text: str, shape: object, runs: dict[str, float] | None = None) -> Scenario:
    """Runs, by default six with offsets and errors that follow each other, as in S3."""
    runs = RUNS if runs is None else runs
    return Scenario(
        name,
        text,
        lambda n, seed: simulate(shape, eta=ETA, n=n, rng=seed, **runs).select(),  # type: ignore[arg-type]
    )


def _runs_that_end_apart(n: int, seed: np.random.SeedSequence) -> Points:
    """Each run falls to a loss of its own; the last ends above eta."""
    ends, children = np.linspace(1.7, 2.3, 6), seed.spawn(6)
    one = {"n_runs": 1, "offset_sd": RUNS["offset_sd"], "rho": RUNS["rho"]}
    frames = [
        simulate("hinge", n=n // 6, loss_range=(float(low), 3.2), rng=child, **one)  # type: ignore[arg-type]
        .to_frame()
        .assign(run=f"run-{i}")
        for i, (low, child) in enumerate(zip(ends, children, strict=True))
    ]
    return Records(pd.concat(frames, ignore_index=True)).select()


def _thresholds_that_differ(n: int, seed: np.random.SeedSequence) -> Points:
    return simulate("hinge", n=n, n_runs=8, eta_sd=0.02, rng=seed).select()


def _own(name: str, text: str, shape: object) -> Scenario:
    """Four runs, each with the curve at losses of its own."""
    described = (
        f"{text}, in four runs shifted along the loss axis (sd 0.05), AR(1) errors (rho 0.3)"
    )
    return _in_runs(name, described, shape, {"n_runs": 4, "eta_sd": 0.05, "rho": 0.3})


def _gompertz(width: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: gompertz(x, ETA, width, 0.5)


def _dip(loss: np.ndarray) -> np.ndarray:
    return logistic(loss, 2.1, 0.1, 0.5) - 0.04 * np.exp(-0.5 * ((loss - 2.6) / 0.15) ** 2)


def _stages(first: float, second: float, width: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda x: logistic(x, first, width, 0.15) + logistic(x, second, width, 0.3)


# Curves outside the lists of former rules, with their rho over 1.7 to 3.2.
UNLISTED = {
    "p^10": ("exact match of ten tokens, rho .13", lambda x: 0.7 * logistic(x, 2.3, 0.15, 1) ** 10),
    "p^5": ("exact match of five tokens, rho .35", lambda x: 0.7 * logistic(x, 2.7, 0.2, 1) ** 5),
    "gompertz .15": ("Gompertz, width .15, rho .14", _gompertz(0.15)),
    "gompertz .25": ("Gompertz, width .25, rho .25", _gompertz(0.25)),
    "probit": ("probit, width .25, rho .41", lambda x: 0.5 * ndtr((ETA - x) / 0.25)),
    "weibull 4": ("Weibull, exponent 4, rho .17", lambda x: weibull_onset(x, 2.6, 0.4, 1 / 0.6, 4)),
    "dip": ("a dip of .04, then a logistic, rho .17", _dip),
    "steep": ("logistic of width .03, rho .06", lambda x: logistic(x, ETA, 0.03, 0.75)),
    "stages near": ("two logistics .5 nats apart, rho .34", _stages(2.6, 2.1, 0.06)),
    "stages wide": ("two logistics .8 nats apart, rho .84", _stages(2.8, 2.0, 0.08)),
    "hinge 2.75": ("hinge, plateau 30% of the range, rho .42", lambda x: hinge(x, 2.75, 0.5)),
    "hinge 2.9": ("hinge, plateau 20% of the range, rho .67", lambda x: hinge(x, 2.9, 0.5)),
}

SCENARIOS = {
    s.name: s
    for s in (
        _gaussian("S1", "hinge, slope 0.5", "hinge"),
        Scenario("S2", "hinge, slope 0.6, binomial with 500 items", _binomial),
        _gaussian("S4", "onset (eta - L)^1.5", "power"),
        Scenario("S5", "S1 with only 6 points below eta", _few_below),
        _in_runs("S3", "S1 in six runs: offsets (sd 0.02), AR(1) errors (rho 0.6)", "hinge"),
        Scenario("S3b", "S3 with runs that end at losses from 1.7 to 2.3", _runs_that_end_apart),
        Scenario("S7", "S1 in beta-binomial counts (rho 0.003, 2,000 items)", _wandering),
        Scenario("S8", "eight runs whose eta differ (sd 0.02)", _thresholds_that_differ),
        _gaussian("step", "a step of 0.04, twice the noise", lambda x: 0.04 * (x < ETA)),
        _gaussian("sat", "0.35 (1 - exp(-6 d))", "saturating"),
        _gaussian("sig", "0.35 (1 - exp(-(8d)^2))", "sigmoid"),
        _gaussian("ceil", "a kink of slope 1.5 that meets its ceiling, 0.3, at once", _ceiling),
        _gaussian("sqrt", "0.35 d^0.5", "sqrt"),
        _gaussian("jump", "0.15 + 0.3 d", "jump"),
        _gaussian("S6a", "full logistic", "logistic"),
        _gaussian("S6b", "tail of a logistic", lambda x: logistic(x, 1.6, 0.15, 0.6)),
        _gaussian("S6c", "straight line", "linear"),
        _gaussian("S6d", "exponential", "exponential"),
        _in_runs("S6a in runs", "S6a with the runs of S3", "logistic"),
        _in_runs("S6b in runs", "S6b with the runs of S3", lambda x: logistic(x, 1.6, 0.15, 0.6)),
        _in_runs("S6c in runs", "S6c with the runs of S3", "linear"),
        _in_runs("S6d in runs", "S6d with the runs of S3", "exponential"),
        _own("S1 apart", "S1", "hinge"),
        _own("sat apart", "sat", "saturating"),
        _own("jump apart", "jump", "jump"),
        _own("ceil apart", "ceil", _ceiling),
        _own("S6a apart", "S6a", "logistic"),
        _own("S6b apart", "S6b", lambda x: logistic(x, 1.6, 0.15, 0.6)),
        _own("S6c apart", "S6c", "linear"),
        _own("S6d apart", "S6d", "exponential"),
        _written("W1", "hinge, slope 0.5", "hinge"),
        _written("W sat", "sat", "saturating"),
        _written("W1 in runs", "W1 in four runs", "hinge", n_runs=4),
        _written("W1 apart", "W1 in four runs apart (sd 0.05)", "hinge", n_runs=4, eta_sd=0.05),
        _written("W1 far", "W1 apart, sd 0.4: some stay at zero", "hinge", n_runs=4, eta_sd=0.4),
        _written("W6a apart", "W6a in four runs apart", "logistic", n_runs=4, eta_sd=0.05),
        _written("W6a", "full logistic", "logistic"),
        _written("W6d", "exponential", "exponential"),
        *(_gaussian(name, text, curve) for name, (text, curve) in UNLISTED.items()),
        _gaussian(
            "soft", "softplus corner of width 0.1", lambda x: softplus_hinge(x, ETA, 0.5, 0.1)
        ),
    )
}
