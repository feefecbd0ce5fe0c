"""Every public result offers the same few things under the same names."""

from __future__ import annotations

import inspect
import json
import pickle
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

import emergence
from emergence import (
    JoinedCurves,
    Records,
    Verdicts,
    audit_metrics,
    backtest,
    carry_over,
    classify,
    classify_tasks,
    collapse,
    compare_onsets,
    design,
    diagnose,
    fit_scaling_law,
    fit_smooth,
    fit_threshold,
    forecast,
    join_curves,
    next_checkpoint,
    run_thresholds,
    shared_threshold,
    simulate,
    size_threshold,
    translate,
)
from emergence._results import Result
from emergence.errors import DataError
from emergence.interval import Interval
from emergence.planning.scaling_law import scaling_law

# A result and the name of a quantity that it has an interval for; None where there is none.
NAMES = {
    "Backtest": "emergence",
    "CarryOver": "loss",
    "Collapse": "effect",
    "Design": "needed",
    "Diagnostics": "run-0",
    "Forecast": "score",
    "JoinedCurves": None,
    "MetricAudit": "choice_prob",
    "OnsetComparison": "kink",
    "Placement": None,
    "RandomThresholdFit": "eta",
    "RunThresholds": "spread",
    "ScalingLaw": "L_inf",
    "SharedThreshold": "eta",
    "SizeThreshold": "params",
    "SmoothFit": "middle",
    "ThresholdFit": "eta",
    "Translation": "eta",
    "Verdict": "eta",
    "Verdicts": "a",
}
LARGEST = 1_000_000  # bytes of a pickle: what a result is made of, and no grids


def two_losses() -> pd.DataFrame:
    """Four runs on two texts."""
    x = np.tile(np.linspace(3.0, 2.0, 30), 4)
    run = np.repeat(list("abcd"), 30)
    off = np.repeat([0.0, 0.01, -0.01, 0.005], 30)
    return pd.DataFrame({"run": run, "a": x, "b": 0.2 + 0.9 * x + off})


def two_kinds() -> Records:
    """Two groups of two runs, one hinge in all."""
    tables = [
        simulate("jump", n=30, eta=2.3, rng=i)
        .to_frame()
        .assign(model="ab"[i % 2], run=f"run-{i}")
        .sort_values("loss", ascending=False)
        .assign(tokens=1e9 * np.arange(1, 31))
        for i in range(4)
    ]
    return Records(pd.concat(tables, ignore_index=True))


def read_off() -> JoinedCurves:
    """Two curves as if read off the figures of a report."""
    x = np.linspace(10, 1000, 60)
    loss = pd.DataFrame({"x": 1e9 * x, "y": 1.5 + 5 * x**-0.3})
    score = pd.DataFrame({"x": 1e9 * x, "y": 25 + 50 * np.maximum(0, 0.9 - 5 * x**-0.3)})
    return join_curves(loss, score, params=7e9, task="mmlu", chance=0.25, score_unit=0.01)


@pytest.fixture(scope="module")
def results() -> dict[str, Result]:
    """One of each, of small data."""
    boot = {"n_boot": 99}
    points = simulate("jump", n=60, rng=1).select()
    runs = simulate("jump", n=96, n_runs=6, eta_sd=0.05, rng=1).select()
    smooth = simulate("logistic", n=80, sd=0.01, rng=1).select()
    tables = [simulate("jump", n=60, task=t, rng=i).to_frame() for i, t in enumerate("ab")]
    records = Records(pd.concat(tables, ignore_index=True))
    fit = fit_threshold(points, **boot)
    size = np.geomspace(1e6, 1e9, 12)
    law = fit_scaling_law(size, scaling_law(size, 1.7, 2e7, 0.3), **boot)
    sized = simulate("linear", n=100, n_runs=5, rng=3).to_frame()
    of = {name: 10.0 ** (7 + i / 2) for i, name in enumerate(sorted(set(sized["run"])))}
    sized = Records(sized.assign(params=sized["run"].map(of))).select()
    graded = tables[0].assign(metric="choice_prob", task="a")
    found = [
        backtest([smooth, simulate("linear", n=80, sd=0.01, rng=2).select()], cut=2.1),
        carry_over(two_kinds(), "simulated"),
        collapse(sized),
        design("jump", power=0.5, checkpoints=30, n_sim=4, n_boot=99),
        diagnose(fit_threshold(simulate("hinge", n=72, n_runs=6, rng=1).select(), **boot)),
        forecast(smooth, [1.8, 2.0], cut=2.1),
        read_off(),
        audit_metrics(Records(pd.concat([tables[0], graded], ignore_index=True)), **boot),
        compare_onsets(points, **boot),
        next_checkpoint(fit),
        fit_threshold(runs, **boot),
        run_thresholds(runs, **boot),
        law,
        shared_threshold([records.select(t) for t in "ab"], **boot),
        size_threshold(fit, law),
        fit_smooth(smooth, family="logistic"),
        fit,
        translate(2.5, two_losses(), "a", "b"),
        classify(points, **boot),
        classify_tasks(records, **boot),
    ]
    return {type(result).__name__: result for result in found}


def test_there_is_one_of_each(results: dict[str, Result]) -> None:
    public = {
        n
        for n in emergence.__all__
        if isinstance(c := getattr(emergence, n), type) and issubclass(c, Result)
    }
    assert public | {"RandomThresholdFit"} == set(results) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_result_says_itself(results: dict[str, Result], name: str) -> None:
    result = results[name]
    assert isinstance(result, Result)
    assert isinstance(result.reason, str)
    assert "\n" not in result.reason
    assert isinstance(result.summary(), str)
    assert isinstance(result.to_frame(), pd.DataFrame)
    assert isinstance(result.warnings, tuple)
    assert all(isinstance(w, str) for w in result.warnings)
    said = result.to_dict()
    assert said["reason"] == result.reason
    assert "warnings" in said
    assert json.loads(json.dumps(said, allow_nan=False)) == json.loads(json.dumps(said))
    assert repr(result).startswith(name)
    assert "\n" not in repr(result)
    html = result._repr_html_()
    assert html.startswith("<p>")
    assert "<table" in html


@pytest.mark.parametrize("name", NAMES)
def test_every_result_draws_itself(results: dict[str, Result], name: str) -> None:
    assert next(iter(inspect.signature(results[name].plot).parameters)) == "ax"
    ax = plt.figure().subplots()
    assert results[name].plot(ax) is ax
    assert ax.has_data()
    assert isinstance(results[name].plot(), Axes)
    plt.close("all")


@pytest.mark.parametrize("name", NAMES)
def test_every_result_has_intervals_or_says_that_it_has_none(
    results: dict[str, Result], name: str
) -> None:
    result, quantity = results[name], NAMES[name]
    parameters = inspect.signature(result.interval).parameters
    assert list(parameters)[:2] == ["name", "level"]
    assert parameters["level"].default == 0.95
    with pytest.raises(DataError, match="no interval for"):
        result.interval("nonsense")
    if quantity is not None:
        ci = result.interval(quantity)
        assert isinstance(ci, Interval)
        assert ci.level == 0.95
        assert np.all(np.asarray(ci.low) <= np.asarray(ci.high))


@pytest.mark.parametrize("name", NAMES)
def test_every_result_is_pickled_without_its_grids(results: dict[str, Result], name: str) -> None:
    result = results[name]
    result.plot()  # what was drawn or asked for must not stand in the way
    plt.close("all")
    packed = pickle.dumps(result)
    assert len(packed) < LARGEST
    again = pickle.loads(packed)
    assert again.reason == result.reason
    pd.testing.assert_frame_equal(again.to_frame(), result.to_frame())
    if (quantity := NAMES[name]) is not None:
        level = 0.95 if name in ("Design", "Diagnostics") else 0.9  # a level not asked for before
        one, two = again.interval(quantity, level), result.interval(quantity, level)
        np.testing.assert_array_equal(np.array(tuple(one)), np.array(tuple(two)))


def nothing_found() -> list[Result]:
    """Results of data that show nothing, and of those that show more than can be said."""
    boot = {"n_boot": 99}
    flat = simulate("flat", n=60, rng=1).select()
    silent = simulate("flat", n=40, sd=0.0, rng=1).select()
    fit = fit_threshold(simulate("jump", n=60, rng=1).select(), **boot)
    size = np.geomspace(1e6, 1e9, 12)
    law = fit_scaling_law(size, scaling_law(size, 2.5, 2e7, 0.3), **boot)
    return [
        fit_threshold(flat, **boot),
        fit_threshold(silent, **boot),
        fit_threshold(simulate("jump", n=60, rng=1).select(), shape="isotonic", **boot),
        fit_smooth(flat, family="flat"),
        fit_smooth(simulate("jump", n=60, rng=1).select(), family="flat"),
        compare_onsets(silent, **boot),
        compare_onsets(simulate("flat", n=96, n_runs=6, rng=1).select(), **boot),
        classify(flat, **boot),
        Verdicts([]),
        forecast(flat, [1.0], cut=1.8),
        size_threshold(fit, law),
        read_off().fit_threshold(n_boot=99, n_readings=20),
    ]


def test_results_of_nothing_answer_too() -> None:
    for result in nothing_found():
        assert "\n" not in result.reason
        assert "nan" not in result.reason
        assert isinstance(result.summary(), str)
        assert "<table" in result._repr_html_()
        json.dumps(result.to_dict(), allow_nan=False)
        assert isinstance(result.plot(), Axes)
        plt.close("all")
        assert pickle.loads(pickle.dumps(result)).reason == result.reason


def test_no_size_is_said_to_reach_what_none_does() -> None:
    assert "no model size reaches eta" in next(
        r.reason for r in nothing_found() if type(r).__name__ == "SizeThreshold"
    )


def test_a_fit_that_was_asked_for_does_not_claim_to_be_the_best() -> None:
    points = simulate("jump", n=60, rng=1).select()
    flat = fit_smooth(points, family="flat")
    assert "behind the best" in flat.reason
    low, high = flat.interval("floor")
    ends = flat.predict([2.0], level=0.95)
    assert (low, high) == pytest.approx((ends[1][0], ends[2][0]))


@pytest.mark.parametrize("level", [0.2, 1.0, 1.5])
def test_a_level_out_of_range_is_refused_everywhere(
    results: dict[str, Result], level: float
) -> None:
    for name, quantity in NAMES.items():
        if quantity is not None:
            with pytest.raises(DataError, match=r"level|no interval"):
                results[name].interval(quantity, level)
    for name in ("RunThresholds", "ThresholdFit", "ScalingLaw"):
        with pytest.raises(DataError, match="level"):
            results[name].to_frame(level)
    with pytest.raises(DataError, match="level"):
        results["SmoothFit"].predict([2.0], level=level)


def test_texts_of_a_result_are_escaped_in_a_notebook() -> None:
    points = simulate("jump", task="<b>bold</b>", n=60, rng=1).select()
    html = fit_threshold(points, n_boot=99)._repr_html_()
    assert "<b>bold" not in html
    assert "&lt;b&gt;bold" in html


def test_old_names_still_answer_and_say_the_new_one(results: dict[str, Result]) -> None:
    for name in ("RunThresholds", "SharedThreshold"):
        with pytest.warns(DeprecationWarning, match="verdict is called reason now"):
            assert results[name].verdict == results[name].reason


def test_one_question_has_one_answer() -> None:
    """Whatever verb asks, the threshold of the same points is the same."""
    tables = []
    for seed, metric in ((1, "acc"), (2, "choice_prob")):
        frame = simulate("jump", n=120, n_runs=6, eta_sd=0.03, task="t", rng=1).to_frame()
        noise = np.random.default_rng(seed).normal(0, 0.005, len(frame))
        value = np.clip(frame["value"] + noise, 0, 1)
        tables.append(frame.assign(metric=metric, value=value))
    records = Records(pd.concat(tables, ignore_index=True))
    fits, verdicts = {}, classify_tasks(records, n_boot=99)
    for i, metric in enumerate(("acc", "choice_prob")):
        points = records.select("t", metric)
        fits[metric] = fit_threshold(points, n_boot=99)
        alone = classify(points, n_boot=99)
        own = run_thresholds(points, n_boot=99)
        for other in (alone.threshold, verdicts[i].threshold, own):
            assert other.eta == fits[metric].eta
            assert tuple(other.interval("eta")) == tuple(fits[metric].interval("eta"))
        assert fits[metric].by_run is not None
    audit = audit_metrics(records, "t", n_boot=99)
    assert audit.shared is not None
    assert audit.shared.etas == tuple(f.eta for f in fits.values())
    apart = shared_threshold([records.select("t", m) for m in fits], n_boot=99)
    assert audit.shared.to_dict() == apart.to_dict()
    low, high = sorted(audit.shared.etas)
    assert low <= audit.shared.eta <= high
    assert "2 metrics" in audit.shared.reason
    onsets = compare_onsets(records.select("t", "acc"), n_boot=99)
    jump = fit_threshold(records.select("t", "acc"), shape="jump", n_boot=99)
    assert onsets.eta["step and slope"] == jump.eta


def test_no_warning_escapes_what_is_asked_of_a_result(results: dict[str, Result]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for result in results.values():
            result.summary()
            result.to_frame()
