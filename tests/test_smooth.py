from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.optimize import curve_fit

from emergence import fit_smooth, simulate
from emergence.curves import logistic
from emergence.curves.catalogue import SIMULATED, SMOOTH
from emergence.errors import DataError
from emergence.noise.reference import binomial_reference
from emergence.records.points import Points


def points(shape: str, **kwargs: object) -> Points:
    return simulate(shape, **({"n": 80, "rng": 11} | kwargs)).select()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("shape", "family", "truth"),
    [
        ("logistic", "logistic", {"middle": 2.2, "width": 0.15, "ceiling": 0.75}),
        ("linear", "linear", {"slope": 0.15, "intercept": 0.73}),
        ("exponential", "exponential", {"rate": 1 / 0.3, "floor": 0.25}),
    ],
)
def test_recovers_known_truth(shape: str, family: str, truth: dict[str, float]) -> None:
    fit = fit_smooth(points(shape, n=300, sd=0.01), family=family)
    for name, value in truth.items():
        assert abs(fit.params[name] - value) < 4 * fit.stderr[name], name


def test_equals_scipy_curve_fit() -> None:
    """Golden: scipy.optimize.curve_fit from the true parameters."""
    p = points("logistic")

    def curve(x: np.ndarray, middle: float, width: float, ceiling: float) -> np.ndarray:
        return logistic(x, middle, width, ceiling, 0.25)

    golden, cov = curve_fit(curve, p.loss, p.value, p0=[2.2, 0.15, 0.75])
    fit = fit_smooth(p, family="logistic")
    if not np.isfinite(fit.stderr["floor"]):  # the floor at chance was enough
        found = [fit.params[k] for k in ("middle", "width", "ceiling")]
        np.testing.assert_allclose(found, golden, rtol=1e-4)
        stderr = [fit.stderr[k] for k in ("middle", "width", "ceiling")]
        np.testing.assert_allclose(stderr, np.sqrt(np.diag(cov)), rtol=1e-2)
    else:
        pytest.fail("expected the floor at chance to win on this seed")


def test_flat_wins_on_flat_data() -> None:
    fit = fit_smooth(points("flat"))
    assert fit.family == "flat"
    value, low, high = fit.predict([2.0], level=0.95)
    assert low[0] < 0.25 < high[0]
    assert value[0] == pytest.approx(points("flat").value.mean())


def test_profile_interval_by_lmfit_holds_the_truth() -> None:
    fit = fit_smooth(points("logistic"), family="logistic")
    ci = fit.interval("middle")
    assert 2.2 in ci
    assert ci.low < fit.params["middle"] < ci.high
    with pytest.raises(DataError, match="no interval for 'nonsense'"):
        fit.interval("nonsense")


def test_band_covers_the_curve() -> None:
    at = np.array([1.8, 2.2, 2.8])
    truth = 0.25 + logistic(at, 2.2, 0.15, 0.5)
    hits = []
    for i in range(40):
        _, low, high = fit_smooth(points("logistic", rng=i), n_boot=199).predict(at, level=0.95)
        hits.append((low <= truth) & (truth <= high))
    assert np.mean(hits) > 0.86


def test_contracts() -> None:
    p = points("logistic")
    fit = fit_smooth(p, n_boot=199)
    d = fit.to_dict()
    assert json.loads(json.dumps(d, allow_nan=False)) == d
    shuffled = fit_smooth(p.where(np.random.default_rng(0).permutation(p.size)), n_boot=199)
    assert shuffled.to_dict() == d
    assert "logistic" in fit.summary()
    assert "[[Fit Statistics]]" in fit.report()
    assert set(fit.to_frame()["parameter"]) == set(fit.params)


def test_offsets_of_runs_do_not_blur_the_slope() -> None:
    p = points("linear", n=80, n_runs=4, offset_sd=0.04, rng=3)
    aware, naive = (fit_smooth(p, family="linear", runs=r) for r in ("auto", "independent"))
    assert aware.stderr["slope"] < 0.75 * naive.stderr["slope"]
    assert abs(aware.params["slope"] - 0.15) < 3 * aware.stderr["slope"]


def test_binomial_reference_agrees_with_our_logistic() -> None:
    """Two fits by other hands: the psychometric curve of statsmodels, and ours."""
    p = simulate(
        lambda x: 0.75 * logistic(x, 2.2, 0.15, 1.0), noise="binomial", n_items=2000, n=200, rng=4
    ).select()
    reference = binomial_reference(p)
    assert reference.slope == pytest.approx(1 / 0.15, rel=0.05)
    assert reference.intercept / reference.slope == pytest.approx(2.2, abs=0.01)
    assert reference.dispersion == pytest.approx(1.0, abs=0.25)
    grid = np.linspace(1.8, 3.0, 20)
    ours = np.asarray(fit_smooth(p, family="logistic").predict(grid))
    np.testing.assert_allclose(reference.predict(grid), ours, atol=0.02)
    assert binomial_reference(points("logistic")) is None  # no counts


@pytest.mark.parametrize(
    "name", ["gompertz", "richards", "attempts", "algebraic", "two_logistics", "logistic_slope"]
)
def test_curves_that_do_not_compete_are_fitted_on_request(name: str) -> None:
    simulated = {"richards": "exact_match", "attempts": "pass_at"}.get(name, name)
    records = simulate(simulated, n=120, sd=0.003, rng=1)
    fit = fit_smooth(records.select(), family=name, n_boot=99)
    assert fit.family == name
    assert set(fit.params) == set(SMOOTH[name].units)
    truth = 0.25 + SIMULATED[simulated](fit.points.loss, 2.2)
    assert np.abs(fit.predict(fit.points.loss) - truth).max() < 0.01
