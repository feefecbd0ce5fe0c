"""forecast: the mixture, what can be known, intervals, invariances, figure."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from emergence import forecast, simulate
from emergence.cli.main import main
from emergence.engine.problem import make_problem
from emergence.errors import DataError, MethodRefused
from emergence.planning.forecast import PRIOR_ERROR, PRIOR_WORTH
from emergence.planning.panel import Mixture, fit_panel


def points(shape="logistic", **options):
    return simulate(shape, **({"n": 200, "sd": 0.01, "eta": 2.4, "rng": 1} | options)).select()


def test_quantiles_of_one_component_are_those_of_students_t() -> None:
    one = Mixture(np.ones(1), np.array([[0.3, 0.5]]), np.array([[0.1, 0.2]]), 5.0)
    expected = stats.t.ppf(0.95, 5, loc=[0.3, 0.5], scale=[0.1, 0.2])
    np.testing.assert_allclose(one.quantile(0.95), expected, rtol=1e-9)
    np.testing.assert_allclose(one.variance, [0.01, 0.04])


def test_quantiles_of_a_mixture_are_those_of_its_draws() -> None:
    weights, centre, scale = (
        np.array([0.7, 0.3]),
        np.array([[0.2], [0.6]]),
        np.array([[0.02], [0.1]]),
    )
    mixture = Mixture(weights, centre, scale, 8.0)
    g = np.random.default_rng(0)
    which = g.uniform(size=400_000) < 0.3
    draws = np.where(which, 0.6, 0.2) + np.where(which, 0.1, 0.02) * g.standard_t(8, which.size)
    for p in (0.05, 0.5, 0.9):
        assert mixture.quantile(p)[0] == pytest.approx(np.quantile(draws, p), abs=0.004)
    assert mixture.mean[0] == pytest.approx(0.32)


def test_weights_are_those_of_the_bic() -> None:
    panel = fit_panel(make_problem(points()))
    bic = np.array([c.bic for c in panel.families])
    relative = np.exp(-0.5 * (bic - bic.min()))
    np.testing.assert_allclose(panel.weights, relative / relative.sum())
    assert panel.weights.sum() == pytest.approx(1.0)
    assert set(panel.names) >= {"hinge", "power", "saturating", "jump", "linear", "logistic"}


@pytest.mark.parametrize("shape", ["linear", "logistic", "exponential"])
def test_exact_curves_are_continued(shape) -> None:
    known = points(shape, sd=1e-4)
    ahead = forecast(known, [1.8, 1.9], cut=2.1)
    truth = {
        "linear": lambda x: 0.25 + 0.48 - 0.15 * x,
        "logistic": lambda x: 0.25 + 0.5 / (1 + np.exp((x - 2.4) / 0.15)),
        "exponential": lambda x: 0.25 + 0.5 * np.exp(-(x - 1.7) / 0.3),
    }[shape]
    np.testing.assert_allclose(ahead.score, truth(np.array([1.8, 1.9])), atol=0.01)


def test_a_flat_record_or_one_above_the_onset_says_that_it_cannot_be_known() -> None:
    for shape in ("flat", "jump", "hinge"):
        known = points(shape, eta=2.2)
        ahead = forecast(known, [1.8], cut=2.3)
        assert not ahead.known
        assert "cannot be known" in ahead.reason
        low, high = ahead.interval(level=0.9)
        assert low[0] <= 0.25 + 1e-9
        assert high[0] == 1.0


def test_intervals_hold_scores_to_come() -> None:
    """60 data sets, nominal 90%: the share held, averaged over data sets."""
    held = []
    for seed in range(60):
        known = points(("logistic", "hinge", "linear")[seed % 3], eta=2.3, rng=seed, n=120)
        cut = 2.0
        ahead = known.where(known.loss < cut)
        found = forecast(known, ahead.loss, cut=cut)
        low, high = found.interval(level=0.9)
        held.append(((ahead.value >= low) & (ahead.value <= high)).mean())
    assert np.mean(held) > 0.87


def test_past_forecasts_set_the_relative_error() -> None:
    found = forecast(points(), [1.9], cut=2.1)
    assert found.past
    squares = [min(max(p.error**2 - p.stderr**2, 0.0) / p.gain**2, 4.0) for p in found.past]
    expected = (PRIOR_WORTH * PRIOR_ERROR**2 + sum(squares)) / (PRIOR_WORTH + len(squares))
    assert found.relative_error == pytest.approx(np.sqrt(expected))
    for p in found.past:
        assert p.cut > found.edge
        assert p.n_above >= 12


def test_intervals_nest_and_widen_below_the_edge() -> None:
    found = forecast(points(), [2.05, 1.95, 1.85], cut=2.1)
    (low, high), (lower, higher) = found.interval(level=0.5), found.interval(level=0.95)
    assert (lower < low).all()
    assert (high < higher).all()
    assert (np.diff(higher - lower) > 0).all()


def test_row_order_and_the_unit_of_the_loss_change_nothing() -> None:
    known = points(n_runs=6, offset_sd=0.01, rho=0.5)
    shuffled = known.where(np.random.default_rng(0).permutation(known.size))
    doubled = replace(known, loss=2 * known.loss)
    a = forecast(known, [1.8], cut=2.0)
    b = forecast(shuffled, [1.8], cut=2.0)
    c = forecast(doubled, [3.6], cut=4.0)
    assert json.dumps(a.to_dict()) == json.dumps(b.to_dict())
    np.testing.assert_allclose(a.score, c.score, rtol=1e-6)


def test_a_metric_that_falls_is_forecast_upside_down() -> None:
    up = points()
    down = replace(up, value=1.0 - up.value, chance=0.75, best=0.0)
    a, b = (forecast(p, [1.8], cut=2.1) for p in (up, down))
    assert b.score[0] == pytest.approx(1.0 - a.score[0])
    np.testing.assert_allclose(
        tuple(b.interval()), 1.0 - np.array(tuple(a.interval()))[::-1], atol=1e-6
    )


def test_json_table_and_figure() -> None:
    found = forecast(points(), [1.8, 2.0], cut=2.1)
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False)) == found.to_dict()
    frame = found.to_frame(0.8)
    assert list(frame) == ["loss", "score", "low", "high", "known"]
    ax = found.plot()
    assert ax.xaxis_inverted()
    assert ax.get_title().startswith("forecast")
    np.testing.assert_allclose(ax.lines[0].get_ydata(), found.score[::1])
    assert "90%" in found.summary(0.9)


@pytest.mark.parametrize(
    ("loss", "cut", "message"),
    [
        ([0.0], None, "positive and finite"),
        ([], None, "positive and finite"),
        ([np.nan], None, "positive and finite"),
        ([1.8], 3.19, "points with a loss of 3.19 or more"),
    ],
)
def test_what_cannot_be_forecast(loss, cut, message) -> None:
    with pytest.raises(DataError, match=message):
        forecast(points(), loss, cut=cut)


def test_runs_with_thresholds_of_their_own_are_refused() -> None:
    with pytest.raises(MethodRefused, match="no common curve"):
        forecast(points(n_runs=4), [1.8], runs="random threshold")


def test_runs_of_two_checkpoints_are_forecast_whatever_a_past_cut_leaves_of_them() -> None:
    pairs = points(n=60, n_runs=30)
    assert forecast(pairs, [1.6], runs="offset").past


def test_within_the_records_nothing_rests_on_the_past() -> None:
    known = points("linear", sd=0.02)
    low, high = forecast(known, [2.5, 1.5]).interval(level=0.9)
    assert high[0] - low[0] == pytest.approx(2 * 1.645 * 0.02, rel=0.2)


def test_levels_are_checked() -> None:
    with pytest.raises(DataError, match="level is"):
        forecast(points(), [1.8]).interval(level=1.5)


def test_command_line(tmp_path, capsys) -> None:
    path = tmp_path / "runs.csv"
    simulate("logistic", n=80, rng=1).to_csv(path)
    for given, made in (("figure", "figure.png"), ("two.0", "two.0.png"), ("a.svg", "a.svg")):
        figure = str(tmp_path / given)
        assert main(["forecast", str(path), "--cut", "2.0", "--loss", "1.8", "-o", figure]) == 0
        assert "loss 1.8" in capsys.readouterr().out
        assert (tmp_path / made).stat().st_size > 5000
    ask = ["forecast", str(path), "--cut", "2.0", "--loss", "1.8", "-o", str(tmp_path / "half")]
    assert main([*ask, "--level", "0.5"]) == 0
    assert (tmp_path / "half.png").read_bytes() != (tmp_path / "figure.png").read_bytes()
