"""backtest: what is hidden, the forms in use, the scores, and the ladder."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from emergence import backtest, load_dataset, simulate
from emergence.cli.main import main
from emergence.curves.smooth.exponential import exponential
from emergence.curves.smooth.logistic import logistic
from emergence.errors import DataError
from emergence.planning.rivals import (
    fit_broken_law,
    fit_exponential,
    fit_line,
    fit_log_accuracy,
    fit_sigmoid,
    rival_forecasts,
)
from emergence.planning.scaling_law import scaling_law_tokens
from emergence.records.points import Points


def exact(curve) -> Points:
    """Runs of five sizes on an exact law of the loss and an exact curve of the score."""
    size = np.repeat(np.geomspace(1e7, 1e9, 5), 8)
    tokens = 20.0 * size * np.tile(np.geomspace(0.1, 1.0, 8), 5)
    loss = scaling_law_tokens(size, tokens, E=1.5, A=40.0, B=100.0, alpha=0.25, beta=0.25)
    run = np.repeat(list("abcde"), 8)
    return Points(loss, curve(loss), run=run, params=size, tokens=tokens, task="t", metric="acc")


def test_the_sigmoid_is_found_again() -> None:
    points = exact(lambda x: logistic(x, middle=3.5, width=0.5, ceiling=0.8, floor=0.2))
    fit = fit_sigmoid(points)
    np.testing.assert_allclose(fit.params, [3.5, 0.5, 0.8, 0.2], rtol=1e-3)
    score, low, high = fit.predict(np.array([2.0]), 0.9)
    assert score[0] == pytest.approx(0.2 + 0.6 / (1 + np.exp(-3.0)), abs=1e-4)
    assert high[0] - low[0] < 1e-3


def test_the_exponential_is_found_again_with_either_sign() -> None:
    convex = exact(lambda x: exponential(x, amplitude=0.6, rate=1.2, floor=0.1, origin=2.0))
    at = np.array([2.0])
    for signed in (False, True):
        assert fit_exponential(convex, signed=signed).predict(at, 0.9)[0][0] == pytest.approx(
            0.7, abs=1e-4
        )
    levels = exact(lambda x: exponential(x, amplitude=-0.1, rate=-0.8, floor=0.9, origin=2.0))
    assert fit_exponential(levels, signed=True).predict(at, 0.9)[0][0] == pytest.approx(
        0.8, abs=1e-4
    )
    assert abs(fit_exponential(levels).predict(at, 0.9)[0][0] - 0.8) > 0.01


def test_the_line_takes_the_scores_past_the_onset() -> None:
    points = exact(lambda x: np.maximum(0.0, 0.4 * (4.0 - x)))
    line = fit_line(points)
    assert line is not None
    np.testing.assert_allclose(line.params, [1.6, 0.4], rtol=1e-6)
    assert fit_line(replace(points, value=np.zeros(points.size))) is None


def of_compute(curve) -> Points:
    """Scores that follow the compute and know nothing of the loss."""
    points = exact(lambda x: x)
    return replace(points, value=curve(points.compute / points.compute.max()))


def test_log_accuracy_is_found_again_and_needs_no_loss() -> None:
    points = of_compute(lambda c: np.exp(-0.5 * c**-0.3))
    fit = fit_log_accuracy(points)
    np.testing.assert_allclose(fit.params, [0.5, 0.3], rtol=1e-4)
    more = 100.0 * points.compute.max()
    assert fit.predict(np.array([more]), 0.9)[0][0] == pytest.approx(np.exp(-0.5 * 100**-0.3))
    blind = replace(points, loss=points.loss[::-1])
    np.testing.assert_allclose(fit_log_accuracy(blind).params, fit.params, rtol=1e-6)
    assert fit_log_accuracy(replace(points, tokens=None)) is None


def test_a_break_is_found_again() -> None:
    def broken(c):
        return 1 - 0.1 - 0.3 * (1 + (c / 0.05) ** (1 / 0.2)) ** (-0.4 * 0.2)

    points = of_compute(broken)
    fit = fit_broken_law(points)
    at = np.geomspace(1e-3, 3.0, 40)
    ability = fit.predict(at * points.compute.max(), 0.9)[0]
    np.testing.assert_allclose(ability, broken(at), atol=2e-3)
    assert fit_broken_law(points.where(np.arange(points.size) < 6)) is None
    flat = replace(points, value=np.zeros(points.size))
    assert fit_broken_law(flat) is fit_log_accuracy(flat) is None  # nothing to carry on


def test_two_steps_need_no_loss_of_the_hidden_models() -> None:
    points = exact(lambda x: logistic(x, middle=3.5, width=0.5, ceiling=0.8, floor=0.2))
    more = replace(points, run=np.repeat([f"r{i}" for i in range(10)], 4))  # runs to fit a law to
    small = more.params < 1e9
    hidden = more.where(~small)
    blind = replace(hidden, loss=np.full(hidden.size, 9.0))
    said = dict(rival_forecasts(more.where(small), blind, 0.9, two_steps=True))
    np.testing.assert_allclose(said["two steps"][0], hidden.value, atol=0.02)
    assert abs(said["sigmoid"][0] - hidden.value).min() > 0.05


def test_hiding_by_size_and_by_cut() -> None:
    points = exact(lambda x: logistic(x, middle=3.5, width=0.5, ceiling=0.8, floor=0.2))
    by_size = backtest(points, largest=2).cases[0]
    left = points.loss[points.params < np.unique(points.params)[-2]]
    assert by_size.forecast.edge == pytest.approx(left.min())
    assert (by_size.hidden.loss < left.min()).all()
    by_cut = backtest(points, cut=3.0).cases[0]
    assert by_cut.hidden.size == int((points.loss < 3.0).sum())
    assert "two steps" not in {t.form for t in by_cut.said}


def test_the_scores_of_a_forecast_by_hand() -> None:
    result = backtest(simulate("logistic", eta=2.4, n=120, rng=1).select(), cut=2.0)
    case = result.cases[0]
    trial, y = case.said[0], case.hidden.value
    row = result.to_frame().iloc[0]
    below, above = np.maximum(trial.low - y, 0), np.maximum(y - trial.high, 0)
    assert row["error"] == pytest.approx(np.abs(trial.score - y).mean())
    assert row["interval_score"] == pytest.approx(
        (trial.high - trial.low + 20 * (below + above)).mean()
    )
    assert row["coverage"] == ((below == 0) & (above == 0)).mean()


def test_ladder_7b_and_13b_from_190m_to_3b() -> None:
    """No worse than the sigmoid and the two steps over eight cloze tasks; 90% hold at least 80%."""
    result = backtest(load_dataset("olmo_ladder").groups(), largest=2)
    assert len(result.cases) == 8
    table = result.table
    assert table.loc["emergence", "error"] <= table.loc["sigmoid", "error"]
    assert table.loc["emergence", "error"] <= table.loc["two steps", "error"]
    assert table.loc["emergence", "coverage"] >= 0.8
    ax = result.plot()
    assert [t.get_text().split(" (")[0] for t in ax.get_yticklabels()] == list(table.index)


@pytest.mark.parametrize(("left", "least_known"), [(9, 0), (20, 0), (60, 5)])
def test_letter_tasks_are_held_or_said_to_be_unknowable(left, least_known) -> None:
    """From the ``left`` highest losses: the onset just seen, and well past it."""
    records = load_dataset("public_reports")
    known = 0
    for task in [t for t in records.tasks if "_mc_" in t]:
        points = records.select(task, "acc")
        result = backtest(points, cut=float(np.sort(points.loss)[-left]))
        known += result.cases[0].forecast.known
        held = result.to_frame()["coverage"].iloc[0]
        assert held >= 0.8 or not result.cases[0].forecast.known, task
    assert known >= least_known


def test_json_and_the_figure_of_one_task() -> None:
    result = backtest(simulate("logistic", eta=2.4, n=120, rng=1).select(), cut=2.0)
    assert json.loads(json.dumps(result.to_dict(), allow_nan=False)) == result.to_dict()
    ax = result.plot()
    assert {t.form for t in result.cases[0].said[1:]} <= {
        t.get_text() for t in ax.get_legend().get_texts()
    }
    hidden = next(line for line in ax.lines if line.get_label() == "hidden")
    np.testing.assert_allclose(hidden.get_ydata(), result.cases[0].hidden.value)
    assert "held" in result.summary()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"largest": 1, "cut": 2.0}, "not both"),
        ({"largest": 1}, "1 sizes"),
        ({"cut": 1.0}, "0 of 120 points"),
        ({"cut": 9.0}, "120 of 120 points"),
    ],
)
def test_what_cannot_be_hidden(options, message) -> None:
    with pytest.raises(DataError, match=message):
        backtest(simulate("logistic", n=120, rng=1).select(), **options)


def test_nothing_below_is_nothing_to_forecast() -> None:
    points = exact(lambda x: logistic(x, middle=3.5, width=0.5, ceiling=0.8, floor=0.2))
    worse = replace(points, loss=np.where(points.params == points.params.max(), 9.0, points.loss))
    with pytest.raises(DataError, match="nothing to forecast"):
        backtest(worse, largest=1)
    with pytest.raises(DataError, match="no points"):
        backtest([])
    with pytest.raises(DataError, match="params are needed"):
        backtest(replace(points, params=None))


def test_what_cannot_be_known_is_no_success() -> None:
    """An onset below all that is left: nothing is scored, and the sentence says why."""
    unseen = simulate("jump", eta=1.9, n=120, rng=1).select()
    seen = simulate("logistic", eta=2.4, n=120, rng=1, task="seen").select()
    result = backtest([unseen, seen], cut=2.0)
    assert result.unknown == ["simulated acc"]
    assert (result.table["tasks"] == 1).all()
    ax = result.plot()  # draws what the table averages
    assert ax.get_title().startswith("1 task,")
    np.testing.assert_allclose(ax.lines[0].get_xdata(), result.table["error"].iloc[:1])
    alone = backtest(seen, cut=2.0)
    assert result.table.equals(alone.table)
    blind = backtest(unseen, cut=2.0)
    assert blind.best_other is None
    assert blind.reason == "of simulated acc it said that what comes cannot be known"
    assert "cannot be known" in blind.summary()
    blind.plot()


def test_a_form_that_misses_tasks_is_no_rival() -> None:
    easy = exact(lambda x: logistic(x, middle=3.5, width=0.5, ceiling=0.8, floor=0.2))
    # Below chance all along: nothing is past the onset, and there is no line.
    below = exact(lambda x: logistic(x, middle=3.5, width=0.5, ceiling=-0.2, floor=-0.8))
    result = backtest([easy, below], cut=3.0)
    assert result.table.loc["line", "tasks"] == 1
    assert result.best_other[0] != "line"
    with pytest.raises(DataError, match="different scales"):
        backtest([easy, replace(below, chance=0.5, best=0.0)], cut=3.0)


def test_a_metric_that_falls_is_scored_upside_down() -> None:
    up = simulate("logistic", eta=2.4, n=120, rng=1).select()
    down = replace(up, value=1.0 - up.value, chance=0.75, best=0.0)
    a, b = (backtest(p, cut=2.0).to_frame() for p in (up, down))
    np.testing.assert_allclose(a["error"], b["error"], rtol=1e-6)
    np.testing.assert_allclose(a["width"], b["width"], rtol=1e-5)


def test_the_order_of_the_rows_changes_no_bit() -> None:
    points = exact(lambda x: logistic(x, middle=3.5, width=0.5, ceiling=0.8, floor=0.2))
    other = points.where(np.random.default_rng(3).permutation(points.size))
    a, b = (json.dumps(backtest(p, largest=1).to_dict()) for p in (points, other))
    assert a == b


def test_command_line(tmp_path, capsys) -> None:
    path = tmp_path / "runs.csv"
    simulate("logistic", n=80, rng=1).to_csv(path)
    stem = str(tmp_path / "figure")
    assert main(["backtest", str(path), "--cut", "2.0", "-o", stem]) == 0
    assert "emergence" in capsys.readouterr().out
    assert (tmp_path / "figure.png").stat().st_size > 5000
