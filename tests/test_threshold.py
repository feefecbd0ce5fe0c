"""fit_threshold: contracts, known truth, and what it refuses."""

from __future__ import annotations

import json

import numpy as np
import pytest

from emergence import ThresholdFit, fit_smooth, fit_threshold, simulate
from emergence._results import Status
from emergence.curves.onsets.hinge import hinge
from emergence.engine.hinge_search import search_hinge
from emergence.errors import DataError, MethodRefused
from emergence.fits.runs.random_threshold import RandomThresholdFit
from emergence.records.as_points import as_points
from emergence.records.points import Points


def points(shape: str = "hinge", **kwargs: object) -> Points:
    return simulate(shape, **({"n": 60, "rng": 7} | kwargs)).select()  # type: ignore[arg-type]


def same(a: ThresholdFit, b: ThresholdFit) -> None:
    assert a.eta == b.eta
    assert tuple(a.interval()) == tuple(b.interval())
    assert json.dumps(a.to_dict()) == json.dumps(b.to_dict())


def test_same_seed_same_bits() -> None:
    p = points()
    same(fit_threshold(p, n_boot=199, rng=3), fit_threshold(p, n_boot=199, rng=3))
    seed = np.random.SeedSequence(3)
    same(fit_threshold(p, n_boot=199, rng=seed), fit_threshold(p, n_boot=199, rng=seed))
    other = fit_threshold(p, n_boot=199, rng=4)
    assert (other.eta_draws() != fit_threshold(p, n_boot=199, rng=3).eta_draws()).any()


@pytest.mark.parametrize("runs", [None, 5])
def test_row_order_changes_nothing(runs: int | None) -> None:
    p = points(n_runs=runs, offset_sd=0.01, rho=0.4, noise="binomial")
    shuffled = p.where(np.random.default_rng(0).permutation(p.size))
    same(fit_threshold(p, n_boot=199), fit_threshold(shuffled, n_boot=199))


def test_doubling_the_losses_doubles_eta() -> None:
    p = points("power")
    once = fit_threshold(p.loss, p.value, chance=0.25, n_boot=199)
    twice = fit_threshold(2 * p.loss, p.value, chance=0.25, n_boot=199)
    assert twice.eta == 2 * once.eta
    assert tuple(twice.interval()) == tuple(2 * e for e in once.interval())
    bits = fit_threshold(p.loss / np.log(2), p.value, chance=0.25, n_boot=199)
    assert bits.eta == pytest.approx(once.eta / np.log(2), rel=1e-5)


def test_to_dict_survives_json() -> None:
    d = fit_threshold(points(), n_boot=199).to_dict()
    assert json.loads(json.dumps(d, allow_nan=False)) == d
    assert {"eta", "shape", "params", "shapes", "status", "data", "noise"} <= set(d)


def test_arrays_and_points_agree() -> None:
    p = points()
    a = fit_threshold(p.loss, p.value, chance=0.25)
    assert a.eta == fit_threshold(p).eta


@pytest.mark.parametrize("shape", ["hinge", "saturating", "sigmoid", "jump"])
def test_the_true_shape_wins_on_clean_data(shape: str) -> None:
    fit = fit_threshold(points(shape, n=300, sd=0.004))
    assert fit.shape == shape
    assert fit.eta == pytest.approx(2.2, abs=0.01)


def test_parameters_are_in_natural_units() -> None:
    p = points(n=400, sd=0.001)
    fit = fit_threshold(p, shape="hinge")
    assert fit.params["slope"] == pytest.approx(0.5, rel=0.01)
    assert fit.plateau == 0.25
    loss = np.array([1.8, 2.0, 2.5])
    np.testing.assert_allclose(
        fit.predict(loss), hinge(loss, fit.eta, fit.params["slope"], 0.25), atol=1e-12
    )


def test_power_recovers_its_exponent() -> None:
    fit = fit_threshold(points("power", n=400, sd=0.002), shape="power")
    assert fit.params["exponent"] == pytest.approx(1.5, abs=0.1)
    assert fit.params["amplitude"] == pytest.approx(1.0, abs=0.1)


def test_a_brier_score_has_the_same_threshold_upside_down() -> None:
    p = points("jump")
    brier = 0.75 - (p.value - 0.25)
    down = fit_threshold(p.loss, brier, chance=0.75, best=0.0, n_boot=199)
    up = fit_threshold(p, n_boot=199)
    assert down.eta == pytest.approx(up.eta, abs=1e-6)
    assert down.params["jump"] < 0
    np.testing.assert_allclose(
        0.75 - np.asarray(down.predict([1.8])), np.asarray(up.predict([1.8])) - 0.25, atol=1e-6
    )


def test_a_plateau_that_is_visibly_not_chance_is_fitted() -> None:
    p = points()
    assert fit_threshold(p).noise["plateau"] == "chance"
    raised = fit_threshold(p.loss, p.value + 0.1, chance=0.25)
    assert raised.noise["plateau"] == "fitted"
    assert raised.plateau == pytest.approx(0.35, abs=0.01)
    assert any("plateau" in w for w in raised.warnings)
    assert abs(raised.eta - 2.2) < 0.15


def test_counts_get_binomial_weights_and_a_dispersion() -> None:
    fit = fit_threshold(points("jump", noise="binomial", n_items=500, n=200))
    assert fit.noise["name"] == "binomial"
    assert fit.noise["dispersion"] == pytest.approx(1.0, abs=0.3)


def test_intervals_nest_and_hold_the_estimate() -> None:
    fit = fit_threshold(points("saturating"), n_boot=399)
    narrow, wide = fit.interval("eta", 0.8), fit.interval("eta", 0.99)
    assert wide.low <= narrow.low <= fit.eta <= narrow.high <= wide.high
    assert fit.interval("eta", 0.8) is narrow


@pytest.mark.parametrize("method", ["symmetric", "percentile"])
def test_pairs_intervals_only_for_an_independent_hinge(method: str) -> None:
    fit = fit_threshold(points(), shape="hinge", n_boot=399)
    ci = fit.interval("eta", method=method)  # type: ignore[arg-type]
    assert ci.low < fit.eta < ci.high
    for refused in (
        fit_threshold(points("jump"), shape="jump"),
        fit_threshold(points()),
        fit_threshold(points(n_runs=4), shape="hinge"),
    ):
        with pytest.raises(MethodRefused):
            refused.interval("eta", method=method)  # type: ignore[arg-type]


def test_prediction_band_covers_the_curve() -> None:
    hits = []
    at = np.array([1.8, 2.0, 2.15, 2.6])
    truth = hinge(at, 2.2, 0.5, 0.25)
    for i in range(60):
        fit = fit_threshold(points(rng=i), n_boot=199)
        _, low, high = fit.predict(at, level=0.95)
        hits.append((low <= truth + 1e-12) & (truth <= high + 1e-12))
    # 60 data sets x 4 places, nominal 95%: 88% is 4 standard errors of 60 below it.
    assert np.mean(hits) > 0.88


def test_isotonic_takes_the_definition_literally() -> None:
    fit = fit_threshold(points("jump"), shape="isotonic", n_boot=199)
    ci = fit.interval()
    assert ci.open_high
    assert ci.low <= 2.2
    assert fit.eta == pytest.approx(2.2, abs=0.1)
    grid = np.linspace(1.8, 3.1, 50)
    assert (np.diff(np.asarray(fit.predict(grid))) <= 0).all()
    with pytest.raises(MethodRefused):
        fit.predict(grid, level=0.95)


def test_scores_that_never_rise_say_so() -> None:
    loss = np.linspace(1.7, 3.2, 30)
    fit = fit_threshold(loss, 0.2 + 0.01 * loss, chance=0.25, plateau="chance")
    assert fit.status is Status.NO_ONSET


def test_summary_lists_every_shape() -> None:
    text = fit_threshold(points(), n_boot=199).summary()
    for word in ("hinge", "power", "saturating", "jump", "isotonic", "eta", "noise", "95%"):
        assert word in text


@pytest.mark.parametrize(
    ("kwargs", "text"),
    [
        ({"shape": "spline"}, "'spline' is not known"),
        ({"plateau": "high"}, "'high' is not known"),
        ({"n_boot": 5}, "at least 99"),
        ({"value": None}, "give the scores"),
        ({"value": [0.1] * 29}, "shape"),
        ({"weights": [0.0] * 30}, r"weights\[0\] is 0"),
        ({"n_items": 0.5}, "at least 1"),
        ({"best": 0.25}, "must differ from chance"),
        ({"loss": np.full(30, 2.0)}, "fewer than 3 different losses"),
        ({"loss": np.append(np.linspace(2, 3, 29), -1)}, r"loss\[29\] is -1"),
        ({"loss": np.append(np.linspace(2, 3, 29), np.nan)}, r"loss\[29\] is nan"),
    ],
)
def test_bad_input_gets_a_clear_error(kwargs: dict[str, object], text: str) -> None:
    given = {"loss": np.linspace(2, 3, 30), "value": np.full(30, 0.3), "chance": 0.25} | kwargs
    loss, value = given.pop("loss"), given.pop("value")
    with pytest.raises(DataError, match=text):
        fit_threshold(loss, value, **given)  # type: ignore[arg-type]


def test_interval_refuses_what_it_does_not_know() -> None:
    fit = fit_threshold(points())
    with pytest.raises(DataError, match="no interval for 'slope'"):
        fit.interval("slope")
    with pytest.raises(DataError, match=r"level is 1\.5"):
        fit.interval("eta", 1.5)


@pytest.mark.parametrize("shape", ["hinge", "saturating", "sigmoid", "jump"])
def test_calibration_in_small(shape: str) -> None:
    """60 data sets; the whole table is benchmarks/results/calibration.md."""
    covered = [
        2.2 in fit_threshold(points(shape, rng=100 + i), n_boot=99).interval() for i in range(60)
    ]
    assert np.mean(covered) > 0.86  # nominal 95% less 3 standard errors


@pytest.mark.parametrize(("exponent", "sd"), [(1.37, 0.002), (0.42, 0.002), (2.2, 0.005)])
def test_precise_data_off_the_grid_of_shapes(exponent: float, sd: float) -> None:
    """The exponents of the grid are a means: data between them must not be rejected."""
    hits, own = [], []
    for i in range(12):
        p = simulate(lambda x: 0.6 * np.maximum(2.2 - x, 0) ** exponent, sd=sd, rng=i).select()
        fit = fit_threshold(p, n_boot=199)
        hits.append(2.2 in fit.interval())
        own.append(fit.eta in fit.interval())
    assert sum(hits) >= 10
    assert all(own)


def test_the_hinge_estimate_is_the_exact_one() -> None:
    for i in range(20):
        p = points(rng=i, n=30, sd=0.05)
        order = np.argsort(p.loss)
        exact = search_hinge(p.loss[order], p.ability[order])
        fit = fit_threshold(p, shape="hinge", plateau="chance")
        if (p.loss < exact.eta[0]).sum() > 3:
            assert fit.eta == pytest.approx(float(exact.eta[0]), rel=1e-9)


def test_no_onset_gives_no_number() -> None:
    loss = np.linspace(1.7, 3.2, 30)
    fit = fit_threshold(loss, 0.2 + 0.01 * loss, chance=0.25, plateau="chance")
    assert np.isnan(fit.eta)
    assert "no curve" in fit.summary()
    assert json.loads(json.dumps(fit.to_dict(), allow_nan=False))["eta"] is None
    with pytest.raises(MethodRefused, match="no eta"):
        fit.interval()
    assert fit.plot().has_data()


def test_a_smooth_curve_that_fits_better_is_named() -> None:
    fit = fit_threshold(points("logistic"))
    assert any("smooth curve (logistic" in w for w in fit.warnings)
    assert not any("smooth curve" in w for w in fit_threshold(points("jump")).warnings)


def test_few_draws_cannot_show_a_high_level() -> None:
    with pytest.raises(DataError, match="raise n_boot"):
        fit_threshold(points(), n_boot=99).interval("eta", 0.995)


def test_nearly_one_loss_is_refused() -> None:
    with pytest.raises(DataError, match="no threshold can be placed"):
        fit_threshold([1.7, 2.0] + [3.0] * 10, [0.5, 0.4] + [0.25] * 10, chance=0.25)


def test_means_given_with_n_items_are_no_counts() -> None:
    p = points("jump")
    assert fit_threshold(p.loss, p.value, chance=0.25, n_items=100).noise["name"] == "gaussian"


@pytest.mark.parametrize("runs", [{}, {"n_runs": 4}], ids=["alone", "runs"])
def test_a_plateau_of_zeros_does_not_make_the_interval_short(runs: dict[str, int]) -> None:
    """40 data sets; the table (W1) is benchmarks/results/calibration.md."""
    hits = 0
    for i in range(40):
        points = simulate(
            "hinge", eta=2.2, n=96 if runs else 60, chance=0.0, noise="binomial", n_items=400,
            metric="exact_match", rng=i, **runs,
        ).select()  # fmt: skip
        fit = fit_threshold(points, shape="hinge", n_boot=199)
        hits += 2.2 in fit.interval()
    assert hits >= 33  # 95% of 40, less 3 standard errors; 30 when the zeros' noise was pooled


def test_a_perfect_score_at_every_loss_is_no_onset() -> None:
    loss = np.linspace(2.0, 3.0, 20)
    assert fit_threshold(loss, np.ones(20), chance=0.25, n_boot=99).status is Status.NO_ONSET


def test_the_isotonic_limit_has_a_finest_level() -> None:
    fit = fit_threshold(simulate("jump", rng=1).select(), shape="isotonic", n_boot=999)
    with pytest.raises(DataError, match="199 draws cannot show"):
        fit.interval("eta", 0.998)


def _kink_below_a_ceiling(loss: np.ndarray) -> np.ndarray:
    return np.minimum(2.0 * np.maximum(2.2 - loss, 0.0), 0.5)


def test_a_ceiling_does_not_move_the_interval() -> None:
    """Without ceilings among the shapes it held the truth in .83 of 60 data sets, here in all."""
    drawn = [simulate(_kink_below_a_ceiling, n=60, rng=seed).select() for seed in range(12)]
    held = [2.2 in fit_threshold(p, n_boot=199).interval() for p in drawn]
    assert sum(held) >= 11


def test_errors_of_the_losses_widen_the_interval_by_the_formula() -> None:
    exact, rough = (fit_threshold(points(), n_boot=199, loss_sd=sd) for sd in (0.0, 0.03))
    assert exact.eta == rough.eta
    for a, b in zip(exact.interval(), rough.interval(), strict=True):
        assert abs(b - rough.eta) == pytest.approx(np.hypot(a - exact.eta, 1.959964 * 0.03))
    with pytest.raises(DataError, match="loss_sd"):
        fit_threshold(points(), loss_sd=-1.0)


def test_what_users_of_statsmodels_look_for() -> None:
    points = simulate("hinge", n=60, rng=1).select()
    fit = fit_threshold(points, shape="hinge", n_boot=199)
    points = fit.points
    assert fit.resid == pytest.approx(points.value - fit.predict(points.loss))
    assert np.square(fit.resid).sum() == pytest.approx(fit.rss * 0.75**2)
    assert fit.bic - fit.aic == pytest.approx(2 * (np.log(60) - 2))
    table = fit.conf_int(alpha=0.1)
    assert table.loc["eta"].tolist() == pytest.approx(list(fit.interval("eta", 0.9)))


def test_a_single_loss_gives_a_single_score() -> None:
    points = simulate("hinge", n=60, rng=1).select()
    for fit in (fit_threshold(points, n_boot=99), fit_smooth(points, n_boot=99)):
        score = fit.predict(2.0)
        assert np.ndim(score) == 0
        assert fit.predict([2.0])[0] == score
        assert [np.ndim(part) for part in fit.predict(2.0, level=0.9)] == [0, 0, 0]
        assert np.shape(fit.predict([[2.0, 2.1]])) == (1, 2)


def one_of_many(seed: int, *, reach: float = 0.0) -> tuple[Points, float]:
    """Runs of which one alone rises; others end ``reach`` above its eta, or at low losses."""
    g = np.random.default_rng(seed)
    runs, n, eta = int(g.integers(3, 10)), int(g.integers(18, 30)), float(g.uniform(2.1, 2.6))
    able, run = int(g.integers(runs)), np.repeat(np.arange(int(runs)), n)
    lows = np.where(np.arange(runs) == able, 1.9, eta + reach if reach else g.uniform(1.7, 1.95))
    loss = np.concatenate([np.linspace(3.3, low, n) for low in lows]) + g.normal(0, 0.002, runs * n)
    rise = np.minimum(g.uniform(2.0, 9.0) * np.maximum(eta - loss, 0.0), 0.7)
    items = int(g.choice([200, 1000]))
    p = 0.25 + np.where(run == able, rise, 0.0)
    names = np.array([f"run{r}" for r in run])
    value = g.binomial(items, p) / items
    counts = np.full(loss.size, items)
    return Points(loss, value, chance=0.25, n_items=counts, counted=True, run=names), eta


def test_one_run_that_rises_among_others_that_stay_is_fitted_alone() -> None:
    held = []
    for seed in range(24):
        p, eta = one_of_many(seed)
        fit = fit_threshold(p, n_boot=199)
        assert any("only run" in w for w in fit.warnings), seed
        assert fit.points.n_runs == 1
        held.append(eta in fit.interval())
    assert sum(held) >= 21  # 23 of 24 are expected; fewer than 21 in one of fifty


def test_runs_that_stop_before_the_threshold_share_its_curve() -> None:
    p, eta = one_of_many(1, reach=0.1)
    fit = fit_threshold(p, n_boot=199)
    assert fit.points.n_runs == p.n_runs
    assert eta in fit.interval()


def short_runs(seed: int, spread: float) -> Points:
    """Six runs of ten checkpoints that jump at losses with a spread of their own."""
    rng, time = np.random.default_rng(seed), np.linspace(0.05, 1, 10)
    loss = 2.0 + rng.uniform(0, 0.15, (6, 1)) + 0.55 * (time**-0.4 - 1)
    depth = np.maximum(2.45 + rng.normal(0, spread, (6, 1)) - loss, 0)
    value = 0.25 + np.where(depth > 0, 0.1 + 0.4 * depth, 0) + rng.normal(0, 0.01, loss.shape)
    run, tokens = np.repeat(list("abcdef"), 10), np.tile(1e10 * time, 6)
    return as_points(loss.ravel(), value.ravel(), chance=0.25, run=run, tokens=tokens)


def test_short_runs_that_differ_have_the_interval_of_their_mean() -> None:
    fits = [fit_threshold(short_runs(seed, 0.03), n_boot=199) for seed in range(12)]
    apart = [isinstance(fit, RandomThresholdFit) for fit in fits]
    assert sum(apart) >= 8
    for fit, own in zip(fits, apart, strict=True):
        assert any(("begin at losses of their own" in w) for w in fit.warnings)
        assert any(("that of their mean" in w) is own for w in fit.warnings)
    assert sum(2.45 in fit.interval() for fit in fits) >= 8  # 34 of 40 such data sets


def test_one_jump_for_runs_that_agree_is_said() -> None:
    fits = [fit_threshold(short_runs(seed, 0.0), n_boot=199) for seed in range(6)]
    assert sum(isinstance(fit, RandomThresholdFit) for fit in fits) <= 1
    assert sum(2.45 in fit.interval() for fit in fits) >= 5
    assert sum(any("one jump for all runs" in w for w in fit.warnings) for fit in fits) >= 4


def test_an_interval_does_not_depend_on_what_was_asked_before() -> None:
    for seed in range(3):
        points = simulate("hinge", n=40, rng=100 + seed).select()
        first, second = (fit_threshold(points, n_boot=299, rng=0) for _ in range(2))
        ends = [first.interval("eta", level) for level in (0.9, 0.95, 0.99)]
        assert ends == [second.interval("eta", level) for level in (0.99, 0.95, 0.9)][::-1]
