"""Labels: on simulated truth, on the bundled figures, and for many tasks at once."""

from __future__ import annotations

import json
import pickle
import warnings
from dataclasses import replace

import joblib
import numpy as np
import pandas as pd
import pytest

from emergence import (
    Points,
    Records,
    Verdicts,
    classify,
    classify_tasks,
    fit_threshold,
    load_dataset,
    simulate,
)
from emergence.curves import jump_onset, logistic
from emergence.engine.limits.limit_test import best_curves
from emergence.engine.limits.pool import make_pools
from emergence.errors import DataError, MethodRefused
from emergence.verdicts.tasks import adjust


@pytest.mark.parametrize(
    ("shape", "label"),
    [("jump", "emergent"), ("saturating", "emergent"), ("logistic", "smooth"), ("flat", "flat")],
)
def test_clear_cases(shape: str, label: str) -> None:
    verdict = classify(simulate(shape, n=120, rng=5).select(), n_boot=399)
    assert verdict.label == label
    assert verdict.reason.startswith(f"{label}: ")


def test_a_kink_that_meets_its_ceiling_at_once_is_not_called_smooth() -> None:
    """A logistic curve levels off, so onsets that do must compete with it."""
    labels = [
        classify(
            simulate(lambda loss: np.clip(1.5 * (2.2 - loss), 0, 0.3), rng=i).select(), n_boot=199
        ).label
        for i in range(30)
    ]
    assert labels.count("smooth") <= 5  # a tenth of data sets; two thirds without such an onset


def test_a_straight_line_is_not_sudden_and_may_be_a_kink_of_little_plateau() -> None:
    found = [classify(simulate("linear", rng=seed).select(), n_boot=199) for seed in range(8)]
    assert all(v.label in ("smooth", "undetermined") for v in found)
    assert any("too little plateau was seen" in v.reason for v in found)


def test_an_ability_that_gets_worse_is_not_called_flat() -> None:
    p = simulate("linear", rng=5).select()
    verdict = classify(p.loss, 0.8 - p.value, chance=0.25, n_boot=199)
    assert verdict.label == "undetermined"
    assert "falls as the loss falls" in verdict.reason


def test_no_plateau_no_emergence() -> None:
    """A steep onset whose plateau lies outside the data is not called emergent."""
    p = simulate("sqrt", eta=3.3, n=200, sd=0.002, rng=1).select()
    verdict = classify(p, n_boot=199)
    assert verdict.label != "emergent"


def test_the_reason_carries_the_numbers() -> None:
    verdict = classify(simulate("jump", rng=1).select(), n_boot=199)
    for part in ("a quarter of the plateau is rejected (p = .005", "rho 0.", "eta = 2."):
        assert part in verdict.reason


def test_same_seed_same_bits_whatever_the_row_order() -> None:
    p = simulate("hinge", n_runs=4, rho=0.3, rng=2).select()
    shuffled = p.where(np.random.default_rng(1).permutation(p.size))
    a, b = classify(p, n_boot=199), classify(shuffled, n_boot=199)
    assert json.dumps(a.to_dict()) == json.dumps(b.to_dict())


def test_to_dict_survives_json() -> None:
    d = classify(simulate("jump", rng=1).select(), n_boot=199).to_dict()
    assert json.loads(json.dumps(d, allow_nan=False)) == d


def test_false_claims_are_rare_in_small() -> None:
    """60 smooth data sets; the whole table is benchmarks/results/calibration.md."""
    labels = [
        classify(simulate(shape, rng=500 + i).select(), n_boot=99).label
        for shape in ("logistic", "linear", "exponential")
        for i in range(20)
    ]
    assert labels.count("emergent") <= 4  # 5% of 60


def test_adjusted_p_values_equal_statsmodels() -> None:
    from statsmodels.stats.multitest import multipletests

    p = np.random.default_rng(0).uniform(size=30) ** 3
    np.testing.assert_allclose(adjust(p), multipletests(p, method="fdr_bh")[1])
    with_gap = np.append(p, np.nan)
    np.testing.assert_allclose(adjust(with_gap)[:-1], adjust(p))
    assert np.isnan(adjust(with_gap)[-1])


@pytest.fixture(scope="module")
def letters_and_cloze() -> Verdicts:
    tasks = [
        f"{task}_{form}_5shot"
        for form, names in (
            ("mc", ("mmlu_test", "arc_challenge_test", "csqa_val", "socialiqa_val")),
            ("rc", ("mmlu_test", "hellaswag_val", "arc_easy_test", "piqa_val")),
        )
        for task in names
    ]
    return classify_tasks(load_dataset("public_reports").filter(task=tasks), n_boot=999)


@pytest.mark.parametrize("task", ["mmlu_test", "arc_challenge_test", "socialiqa_val"])
def test_letter_form_is_emergent(letters_and_cloze: Verdicts, task: str) -> None:
    verdict = letters_and_cloze[f"{task}_mc_5shot"]
    assert verdict.label == "emergent", verdict.reason
    assert 2.65 < verdict.threshold.eta < 2.76


@pytest.mark.parametrize("task", ["mmlu_test", "hellaswag_val", "arc_easy_test", "piqa_val"])
def test_cloze_form_is_not(letters_and_cloze: Verdicts, task: str) -> None:
    assert letters_and_cloze[f"{task}_rc_5shot"].label != "emergent"


def test_runs_that_differ_by_much_are_tested_apart(letters_and_cloze: Verdicts) -> None:
    """Around one curve the errors of three runs follow each other so closely that none is told."""
    verdict = letters_and_cloze["csqa_val_mc_5shot"]
    assert verdict.label == "emergent", verdict.reason
    assert verdict.evidence.curves == 3
    points = load_dataset("public_reports").select("csqa_val_mc_5shot")
    common = classify(points, runs="offset+ar1", n_boot=199)
    assert common.trial.common.core.problem.run_model.noise.rho > 0.7
    assert common.label == "undetermined"
    for eta in (verdict.threshold.eta, common.threshold.eta):
        assert 2.65 < eta < 2.76


def kinks_apart(shape: str = "hinge", seed: int = 0) -> Points:
    """Four runs of 25 checkpoints, each with the curve at losses of its own."""
    return simulate(shape, n=100, n_runs=4, eta_sd=0.08, rho=0.3, rng=seed).select()


def test_each_run_may_have_a_kink_of_its_own() -> None:
    verdict = classify(kinks_apart("saturating", 1), n_boot=199)
    assert verdict.label == "emergent", verdict.reason
    assert verdict.evidence.curves == 4
    assert verdict.reason.startswith("emergent: with a curve for each of the 4 runs, after 0.")
    assert "runs differ by sd 0." in verdict.reason
    assert verdict.threshold.by_run is not None
    assert 2.2 in verdict.eta_interval
    assert np.isin(verdict.points.loss, kinks_apart("saturating", 1).loss).all()  # not the shifted


@pytest.mark.parametrize("shape", ["logistic", "linear", "exponential"])
def test_smooth_curves_of_runs_are_no_thresholds(shape: str) -> None:
    verdicts = [classify(kinks_apart(shape, seed), n_boot=99) for seed in range(3)]
    assert [v.label for v in verdicts].count("emergent") <= 1  # 5% of 3, with 1% above


def test_a_run_that_is_fitted_to_the_digit_does_not_outweigh_the_others() -> None:
    """Three runs leave zero at a kink; a fourth has one answer right, at its last checkpoint."""
    rng = np.random.default_rng(0)
    loss = np.linspace(1.0, 2.0, 24)
    share = [np.maximum(0.0, 1.4 * (eta - loss)) for eta in (1.45, 1.5, 1.55)]
    counts = [*(rng.binomial(400, p) for p in share), np.where(loss == loss.min(), 1, 0)]
    verdict = classify(
        np.concatenate([loss + 0.003 * r for r in range(4)]),
        np.concatenate(counts) / 400,
        chance=0.0,
        n_items=np.full(96, 400),
        run=np.repeat(["a", "b", "c", "late"], 24),
        n_boot=199,
    )
    assert verdict.label == "emergent", verdict.reason
    assert 0 < verdict.evidence.difference < 300  # a sum of their own BIC said -621


def part_of_arithmetic(task: str, runs: list[str], most: float = 1e9) -> Points:
    """Exact match of some of our own long runs, up to so many tokens."""
    frame = load_dataset("paper3-cpu").filter(task=task, metric="exact_match").to_frame()
    return Records(frame[frame["run"].isin(runs) & (frame["tokens"] <= most)]).select()


def test_runs_that_rise_at_losses_of_their_own_are_not_flat() -> None:
    """Around one curve their errors would be so large that no rise is told from chance."""
    points = part_of_arithmetic("arithmetic_zh", ["285k-seed2", "76k-seed2", "76k-seed3"])
    assert np.sum([points.value[points.run == r].max() > 0.7 for r in np.unique(points.run)]) == 2
    assert classify(points, n_boot=199).label != "flat"


def test_a_rise_in_every_run_is_not_flat_whatever_errors_may_do_in_one() -> None:
    """Errors that follow each other by .94 could make one such rise, but not three."""
    runs = [f"908k-seed{seed}" for seed in (1, 2, 3)]
    rising = part_of_arithmetic("arithmetic_en", runs, most=3.4e6)
    assert classify(rising, n_boot=199).evidence.p_flat <= 0.05
    wander = {"n": 100, "n_runs": 5, "rho": 0.6, "offset_sd": 0.02}
    flat = [
        classify(simulate(lambda x: 0.0 * x, **wander, rng=seed).select(), n_boot=99)
        for seed in range(10)
    ]
    assert sum(v.evidence.p_flat <= 0.05 for v in flat) <= 2  # 5% of 10, with 1% above


def test_runs_share_a_curve_until_the_data_ask_for_more() -> None:
    """The share of a curve for each run moves with how much runs differ, not with their length."""

    def own(n: int, eta_sd: float) -> float:
        points = simulate("hinge", n=n, n_runs=8, eta_sd=eta_sd, rng=3).select()
        return classify(points, n_boot=99).evidence.own

    assert own(120, 0.0) < 0.01
    assert own(112, 0.1) > 0.99  # 14 checkpoints each
    assert own(120, 0.1) > 0.99


def test_runs_too_short_for_a_curve_share_one() -> None:
    points = simulate("jump", n=36, n_runs=6, rng=1).select()
    assert classify(points, n_boot=99).evidence.own == 0.0
    with pytest.raises(MethodRefused, match="at least two runs of at least 8 checkpoints"):
        classify(points, runs="random threshold", n_boot=99)


def test_runs_too_short_for_a_curve_have_no_say_in_whether_others_have_one() -> None:
    long = kinks_apart("hinge", 2)
    short = simulate("hinge", n=12, n_runs=4, rng=5).select()
    names = np.array([f"a short one {name}" for name in short.run])  # type: ignore[union-attr]
    both = Points(
        loss=np.concatenate([short.loss, long.loss]),
        value=np.concatenate([short.value, long.value]),
        chance=0.25,
        run=np.concatenate([names, np.asarray(long.run).astype(str)]),
    )
    verdict, alone = (classify(p, n_boot=99) for p in (both, replace(long, tokens=None)))
    assert verdict.evidence.own == pytest.approx(alone.evidence.own, abs=0.05)
    assert verdict.evidence.curves == 4
    assert verdict.plot().has_data()


def test_a_few_followed_runs_do_not_speak_for_many_final_models() -> None:
    """Three runs see a part of the curve; twenty final models, of a checkpoint each, the whole."""
    points = simulate("exponential", n=80, n_runs=4, offset_sd=0.01, rng=3).select()
    followed = points.where(points.loss < 2.3)
    final = simulate("exponential", n=20, rng=4).select()
    names = [f"final {i}" for i in range(20)]
    verdict = classify(
        np.concatenate([followed.loss, final.loss]),
        np.concatenate([followed.value, final.value]),
        chance=0.25,
        run=np.concatenate([np.asarray(followed.run).astype(str), names]),
        n_boot=99,
    )
    assert verdict.evidence.curves == 1
    assert verdict.evidence.above.judged == 4
    assert "of 24 runs" not in verdict.reason


def test_readings_that_differ_are_both_said() -> None:
    """Where neither is clearly better the p-values are means of both."""
    points = simulate("hinge", n=96, n_runs=8, eta_sd=0.06, rng=4).select()
    verdict = classify(points, n_boot=99)
    one, each = (e.p_gradual for e in verdict.trial.readings.values())
    own = verdict.evidence.own
    assert 0.1 < own < 0.9
    assert verdict.evidence.p_gradual == pytest.approx((1 - own) * one + own * each)
    assert "read with one curve for all runs" in verdict.reason
    assert "with a curve for each run" in verdict.reason


def test_a_curve_for_each_run_on_request() -> None:
    verdict = classify(kinks_apart("jump"), runs="random threshold", n_boot=99)
    assert verdict.evidence.own == 1.0
    assert verdict.evidence.curves == 4


@pytest.mark.parametrize("apart", [False, True])
def test_ability_in_two_of_eight_runs_is_ability(apart: bool) -> None:
    """Two runs learn; the others stay a little below chance, and do not cancel them."""
    rng = np.random.default_rng(2)
    loss = np.tile(np.linspace(3.2, 1.9, 20), 8)
    run = np.repeat([f"run{i}" for i in range(8)], 20)
    able = np.isin(run, ["run2", "run5"])
    share = np.where(able, 0.24 + 0.4 * np.maximum(2.3 - loss, 0), 0.235)
    verdict = classify(
        loss + 0.001 * np.repeat(np.arange(8), 20),
        rng.binomial(1000, share) / 1000,
        chance=0.25,
        n_items=np.full(160, 1000),
        run=run,
        runs="random threshold" if apart else "auto",
        n_boot=199,
    )
    assert verdict.label != "flat", verdict.reason
    assert verdict.evidence.above.able == ("run2", "run5")
    assert "clearly above chance in 2 of 8 runs (run2, run5)" in verdict.reason


def test_the_shape_decides_eta() -> None:
    """What every peer offers, a piecewise-linear fit, is 0.13 off: DESIGN's table."""
    points = load_dataset("public_reports").select("mmlu_test_mc_5shot")
    eta = {s.shape: s.eta for s in fit_threshold(points, runs="independent").shapes}
    assert eta["hinge"] > 2.83
    assert eta["power"] == pytest.approx(2.707, abs=0.015)


def two_tasks() -> Records:
    frames = [simulate("jump", task=t, rng=i).to_frame() for i, t in enumerate(("a", "b"))]
    return Records(pd.concat(frames, ignore_index=True).assign(run=lambda f: f["run"] + f["task"]))


def test_tasks_do_not_change_each_other() -> None:
    both = classify_tasks(two_tasks(), n_boot=199)
    alone = classify_tasks(two_tasks().filter(task="b"), n_boot=199)
    assert both["b"].threshold.to_dict() == alone["b"].threshold.to_dict()
    assert [v.points.task for v in both] == ["a", "b"]


def test_tasks_that_cannot_be_fitted_are_listed_not_lost() -> None:
    small = simulate("jump", task="small", n=5, rng=3).to_frame().assign(run="s")
    small["tokens"] = np.arange(5) + 1.0
    odd = small.assign(metric="perplexity", value=9.0)
    records = Records(pd.concat([two_tasks().to_frame(), small, odd], ignore_index=True))
    verdicts = classify_tasks(records, n_boot=199)
    assert {(s.task, s.metric) for s in verdicts.skipped} == {
        ("small", "acc"),
        ("small", "perplexity"),
    }
    frame = verdicts.to_frame()
    assert len(frame) == 4
    assert frame["reason"].str.contains("5 points; a threshold needs at least 8").sum() == 1
    with pytest.raises(DataError, match="no task to classify"):
        classify_tasks(records.filter(task="small"))


def test_worse_than_guessing_is_no_ability() -> None:
    rng = np.random.default_rng(0)
    loss = rng.uniform(1.7, 3.2, 80)
    low = 0.05 + 0.3 * np.maximum(2.2 - loss, 0) + rng.normal(0, 0.005, 80)
    verdict = classify(loss, low, chance=0.25, n_boot=199)
    assert verdict.label == "flat"
    assert "worse than guessing" in verdict.reason
    brier = classify(loss, 1.5 - 2 * (low - 0.05), chance=0.75, best=0.0, n_boot=199)
    assert brier.label == "flat"


def test_too_few_draws_never_say_flat() -> None:
    with pytest.raises(DataError, match="raise n_boot"):
        classify(simulate("jump", rng=1).select(), alpha=0.001, n_boot=199)
    frames = [simulate("flat", task=f"f{i:02d}", rng=i, n=20).to_frame() for i in range(12)]
    frames.append(simulate("jump", task="jump", rng=1).to_frame())
    table = pd.concat([f.assign(run=f["run"] + f["task"]) for f in frames], ignore_index=True)
    verdict = classify_tasks(Records(table), n_boot=99)["jump"]
    assert verdict.label == "undetermined"
    assert "larger n_boot" in verdict.reason


def test_the_number_of_tasks_changes_the_label_and_too_few_draws_are_said() -> None:
    alone = classify(simulate("jump", rng=1).select(), n_boot=199)
    assert alone.label == "emergent"
    among_many = replace(alone.evidence, p_gradual=0.2)
    verdict = replace(alone, adjusted=among_many)
    assert verdict.label == "undetermined"
    assert "199 bootstrap draws neither a sudden nor a gradual foot" in verdict.reason


def test_one_task_that_a_method_refuses_ends_no_table() -> None:
    long = simulate("jump", n=64, n_runs=4, task="long", rng=1).to_frame()
    short = simulate("jump", n=12, n_runs=4, task="short", rng=1).to_frame()
    table = pd.concat([long, short.assign(run="s" + short["run"])], ignore_index=True)
    verdicts = classify_tasks(Records(table), runs="random threshold", n_boot=99)
    assert [v.points.task for v in verdicts] == ["long"]
    assert "a curve for each run" in verdicts.skipped[0].reason
    with pytest.raises(DataError, match="n_jobs is 0"):
        classify_tasks(Records(table), n_jobs=0)
    with pytest.raises(DataError, match=r"between 0\.001 and 0\.5"):
        classify_tasks(Records(table), alpha=0.0008, n_boot=1999)


@pytest.fixture(scope="module")
def small() -> tuple[Records, str]:
    """Three tasks, and what one worker says of them."""
    frames = [
        simulate(shape, n=60, task=shape, rng=i).to_frame().assign(model=shape)
        for i, shape in enumerate(("jump", "hinge", "logistic"))
    ]
    frames = [frame.assign(run=frame["model"] + frame["run"]) for frame in frames]
    records = Records(pd.concat(frames, ignore_index=True))
    return records, json.dumps([v.to_dict() for v in classify_tasks(records, n_boot=99)])


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_workers_change_nothing(small: tuple[Records, str], backend: str) -> None:
    records, alone = small
    with joblib.parallel_config(backend=backend, n_jobs=2):
        assert json.dumps([v.to_dict() for v in classify_tasks(records, n_boot=99)]) == alone


def test_dask_changes_nothing(small: tuple[Records, str]) -> None:
    distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed")
    records, alone = small
    options = {"processes": False, "n_workers": 1, "threads_per_worker": 2}
    with (
        warnings.catch_warnings(),
        distributed.Client(**options, dashboard_address=None) as client,
        joblib.parallel_config(backend="dask", n_jobs=2, client=client),
    ):
        warnings.simplefilter("ignore")  # of Dask's own sockets
        assert json.dumps([v.to_dict() for v in classify_tasks(records, n_boot=99)]) == alone


def test_bits_instead_of_nats_change_no_verdict() -> None:
    for shape in ("jump", "saturating", "logistic", "flat", "linear"):
        p = simulate(shape, n=80, rng=5).select()
        nats = classify(p, n_boot=199)
        bits = classify(p.loss / np.log(2), p.value, chance=0.25, n_boot=199)
        assert bits.label == nats.label
        if nats.label == "emergent":
            assert bits.threshold.eta == pytest.approx(nats.threshold.eta / np.log(2), rel=1e-4)


def test_verdicts_of_many_tasks_stay_small(small: tuple[Records, str]) -> None:
    """Labels and tables need no grids: else thousands of tasks would not fit in memory."""
    verdicts = classify_tasks(small[0], n_boot=99)
    assert verdicts.summary()
    assert len(verdicts.to_frame()) == 3
    for v in verdicts:
        assert len(pickle.dumps(v)) < 100_000


def test_a_thin_logistic_is_found_between_the_points_of_the_grid() -> None:
    # The middles of the grid are a thirtieth of the axis apart; this curve is far thinner.
    thin = simulate(lambda x: logistic(x, 2.213, 0.006, 0.5), n=80, sd=0.01, rng=3).select()
    fit = fit_threshold(thin, n_boot=99)
    smooth, column = fit.core.smooth, fit.core.problem.wy[:, None]
    polished = smooth.refined(starts=1)
    best = min(c.bic for c in polished)
    assert smooth.best(column)[0] > best + 20  # what the grid alone would have said
    assert best_curves(make_pools([fit.core.problem]))[0].bic < best + 1


def test_curves_of_exact_data_are_weighed_alike_wherever_they_are_found() -> None:
    """A floor that is fitted explains no more of scores without errors than they hold."""
    x = np.sort(np.random.default_rng(0).uniform(1.7, 3.2, 60))
    for y in (np.where(x < 2.3, 0.6, 0.0), 3.3 - x):
        problem = fit_threshold(x, y, n_boot=99).core.problem
        found = best_curves(make_pools([problem]))[0]
        assert found.bic == pytest.approx(found.parts[0].bic, abs=0.01)


def test_a_jump_to_half_and_a_slow_rise_is_no_thin_logistic() -> None:
    points = simulate(lambda x: jump_onset(x, 2.213, 0.4, 0.4), n=60, sd=0.01, rng=3).select()
    assert classify(points, n_boot=399).label == "emergent"
