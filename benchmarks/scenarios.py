"""Scenarios of known truth for the calibrations: docs/statistics.md lists them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from emergence import Points, simulate
from emergence.curves import hinge, logistic, softplus_hinge

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


SCENARIOS = {
    s.name: s
    for s in (
        _gaussian("S1", "hinge, slope 0.5", "hinge"),
        Scenario("S2", "hinge, slope 0.6, binomial with 500 items", _binomial),
        _gaussian("S4", "onset (eta - L)^1.5", "power"),
        Scenario("S5", "S1 with only 6 points below eta", _few_below),
        _gaussian("sat", "0.35 (1 - exp(-6 d))", "saturating"),
        _gaussian("sqrt", "0.35 d^0.5", "sqrt"),
        _gaussian("jump", "0.15 + 0.3 d", "jump"),
        _gaussian("S6a", "full logistic", "logistic"),
        _gaussian("S6b", "tail of a logistic", lambda x: logistic(x, 1.6, 0.15, 0.6)),
        _gaussian("S6c", "straight line", "linear"),
        _gaussian("S6d", "exponential", "exponential"),
        _gaussian(
            "soft", "softplus corner of width 0.1", lambda x: softplus_hinge(x, ETA, 0.5, 0.1)
        ),
    )
}
