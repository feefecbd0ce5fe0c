from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from emergence import (
    ScalingLaw,
    ThresholdFit,
    fit_scaling_law,
    fit_threshold,
    simulate,
    size_threshold as find,
)
from emergence.errors import DataError, MethodRefused
from emergence.interval import Interval
from emergence.planning.scaling_law import scaling_law, scaling_law_tokens


@pytest.fixture(scope="module")
def fit() -> ThresholdFit:
    return fit_threshold(simulate("jump", eta=2.2, rng=1).select(), n_boot=199)


@pytest.fixture(scope="module")
def law() -> ScalingLaw:
    rng = np.random.default_rng(0)
    n = np.geomspace(1e6, 1e9, 15)
    return fit_scaling_law(n, scaling_law(n, 1.7, 2e7, 0.3) * np.exp(rng.normal(0, 0.003, 15)))


@pytest.fixture(scope="module")
def law_tokens() -> ScalingLaw:
    rng = np.random.default_rng(0)
    n = np.repeat(np.geomspace(1e7, 1e10, 8), 6)
    d = np.tile(np.geomspace(1e9, 1e12, 6), 8)
    loss = scaling_law_tokens(n, d, 1.8, 400.0, 2000.0, 0.34, 0.36)
    return fit_scaling_law(n, loss * np.exp(rng.normal(0, 0.003, n.size)), tokens=d, n_boot=199)


def test_the_size_reaches_eta(fit: ThresholdFit, law: ScalingLaw) -> None:
    size = find(fit, law)
    assert float(law.predict([size.params])[0]) == pytest.approx(fit.eta)
    truth = 2e7 * (2.2 - 1.7) ** (-1 / 0.3)
    assert truth in size.interval()
    assert size.prob_out_of_reach == 0.0


def test_the_joint_interval_carries_both_uncertainties(fit: ThresholdFit, law: ScalingLaw) -> None:
    both = find(fit, law).interval()
    ci = fit.interval()
    eta_only = [law.N0 * (e - law.L_inf) ** (-1 / law.alpha) for e in (ci.high, ci.low)]
    assert both.low < eta_only[0]
    assert both.high > eta_only[1]


def test_out_of_reach_is_open_to_the_right(law: ScalingLaw) -> None:
    low = fit_threshold(
        simulate("jump", eta=1.66, loss_range=(1.5, 2.5), sd=0.05, rng=3).select(), n_boot=199
    )
    size = find(low, law)
    assert 0 < size.prob_out_of_reach <= 1
    assert size.interval().open_high
    d = size.to_dict()
    assert json.loads(json.dumps(d, allow_nan=False)) == d


def test_with_tokens_the_curve_reaches_eta(fit: ThresholdFit, law_tokens: ScalingLaw) -> None:
    size = find(fit, law_tokens, tokens=1e12)
    assert float(law_tokens.predict([size.params], [1e12])[0]) == pytest.approx(fit.eta)
    curve = size.curve([1e11, 1e12, 1e13])
    assert (np.diff(curve["params"]) < 0).all()
    assert (curve["low"] < curve["params"]).all()
    assert curve["params"].iloc[1] == size.params


def test_the_cheapest_training_is_the_cheapest(fit: ThresholdFit, law_tokens: ScalingLaw) -> None:
    """Against a numerical minimum over the curve."""
    size = find(fit, law_tokens)
    assert size.cheapest is not None
    c = size.cheapest
    reached = law_tokens.predict([c["params"]], [c["tokens"]])
    assert float(reached[0]) == pytest.approx(fit.eta)

    def cost(log_d: float) -> float:
        n = size.curve([np.exp(log_d)])["params"].iloc[0]
        return float(np.log(6 * n * np.exp(log_d)))

    best = minimize_scalar(cost, bracket=(np.log(c["tokens"] / 3), np.log(c["tokens"] * 3)))
    assert c["flops"] == pytest.approx(np.exp(best.fun), rel=1e-6)
    ci = size.interval("cheapest_flops")
    assert ci.low < c["flops"] < ci.high


def test_same_seed_same_bits_and_errors(fit: ThresholdFit, law: ScalingLaw) -> None:
    assert find(fit, law, rng=2).to_dict() == find(fit, law, rng=2).to_dict()
    assert "parameters" in find(fit, law).summary()
    assert len(find(fit, law).to_frame()) == 1
    with pytest.raises(DataError, match="no tokens"):
        find(fit, law, tokens=1e12)
    with pytest.raises(DataError, match="no tokens"):
        find(fit, law).curve([1e9])
    with pytest.raises(DataError, match="no interval for 'flops'"):
        find(fit, law).interval("flops")


def test_an_eta_that_is_not_bounded_leaves_the_size_unbounded(
    fit: ThresholdFit, law_tokens: ScalingLaw, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ThresholdFit.interval

    def open_low(self: ThresholdFit, name: str = "eta", level: float = 0.95) -> Interval:
        return replace(real(self, name, level), open_low=level >= 0.9, open_high=level >= 0.99)

    monkeypatch.setattr(ThresholdFit, "interval", open_low)
    size = find(fit, law_tokens)
    for name in ("params", "cheapest_flops"):
        assert not size.interval(name, 0.8).open_high
        assert size.interval(name, 0.95).open_high
        assert not size.interval(name, 0.95).open_low
        assert size.interval(name, 0.99).open_low
    assert size.curve([1e12], 0.95)["open_high"].all()
    assert not size.curve([1e12], 0.8)["open_high"].any()


def test_a_law_of_losses_that_do_not_fall_gives_no_size() -> None:
    """Smaller models trained on more, to one loss: 1e-48 parameters would be the answer."""
    rng, size = np.random.default_rng(0), np.repeat([76e3, 285e3, 908e3], 3)
    law = fit_scaling_law(
        size,
        0.67 + rng.normal(0, 0.008, 9),
        tokens=np.repeat([12e6, 8e6, 6e6], 3),
        run=[f"r{i}" for i in range(9)],
        n_boot=99,
    )
    assert not law.falls
    fit = fit_threshold(simulate("jump", eta=2.2, n=60, rng=1).select(), n_boot=99)
    with pytest.raises(MethodRefused, match="the law of 9 runs gives no size: the loss hardly"):
        find(fit, law)
