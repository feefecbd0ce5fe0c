"""Thresholds of runs: known truth, the published runs, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emergence import (
    Points,
    Records,
    classify,
    diagnose,
    fit_threshold,
    load_dataset,
    run_thresholds,
    simulate,
)
from emergence.errors import DataError, DataWarning, MethodRefused


def test_each_run_gets_its_own_threshold() -> None:
    records = simulate("jump", n=240, n_runs=8, eta_sd=0.1, sd=0.005, rng=3)
    result = run_thresholds(records.select(), n_boot=199)
    frame = result.to_frame()
    assert result.p_common < 0.05
    assert result.interval("spread").low > 0.0
    assert 2.2 in result.interval("eta")
    assert "one threshold for all runs is rejected" in result.reason
    assert ((frame["shrunk"] >= frame["low"]) & (frame["shrunk"] <= frame["high"])).all()
    assert (
        "sd" in fit_threshold(records.select(), runs="random threshold", n_boot=199).noise["runs"]
    )


def test_equal_thresholds_are_seldom_told_apart() -> None:
    p_values = [
        run_thresholds(
            simulate("hinge", n=72, n_runs=6, rng=i).select(), shape="hinge", n_boot=99
        ).p_common
        for i in range(40)
    ]
    assert sum(p <= 0.05 for p in p_values) <= 6  # 5% of 40, and 3 standard errors
    assert sum(p <= 0.5 for p in p_values) >= 8


def test_errors_that_follow_each_other_are_no_thresholds_that_differ() -> None:
    """40 data sets; the table is benchmarks/results/calibration.md."""
    p_values = [
        run_thresholds(
            simulate("hinge", n=96, n_runs=6, offset_sd=0.02, rho=0.6, rng=i).select(),
            shape="hinge",
            n_boot=99,
        ).p_common
        for i in range(40)
    ]
    assert sum(p <= 0.05 for p in p_values) <= 6
    far = simulate("jump", n=96, n_runs=8, eta_sd=0.05, rng=1).select()
    assert run_thresholds(far, n_boot=199).p_common <= 0.02


def test_a_run_far_from_the_others_is_not_left_out() -> None:
    etas = {"a": 2.10, "b": 2.14, "c": 2.12, "d": 2.45}
    frames = [
        simulate("jump", eta=eta, n=30, n_runs=1, rng=i).to_frame().assign(run=name)
        for i, (name, eta) in enumerate(etas.items())
    ]
    found = run_thresholds(Records(pd.concat(frames, ignore_index=True)).select(), n_boot=99)
    assert found.unknown == ()
    np.testing.assert_allclose(found.to_frame()["eta"], list(etas.values()), atol=0.05)


def test_mean_threshold_is_covered_in_small() -> None:
    """40 data sets; the table is benchmarks/results/calibration.md."""
    hits = 0
    for i in range(40):
        points = simulate("hinge", n=96, n_runs=8, eta_sd=0.02, rng=100 + i).select()
        hits += 2.2 in run_thresholds(points, shape="hinge", n_boot=99).interval("eta")
    assert hits >= 34


def test_row_order_changes_nothing() -> None:
    p = simulate("jump", n=72, n_runs=6, eta_sd=0.05, rng=1).select()
    shuffled = p.where(np.random.default_rng(0).permutation(p.size))
    a, b = (run_thresholds(x, n_boot=99).to_dict() for x in (p, shuffled))
    assert json.dumps(a, allow_nan=False) == json.dumps(b, allow_nan=False)


def test_random_threshold_is_a_kind_of_runs() -> None:
    p = simulate("jump", n=96, n_runs=8, eta_sd=0.05, rng=1).select()
    fit = fit_threshold(p, runs="random threshold", n_boot=199)
    assert fit.by_run is not None
    assert fit.eta == fit.by_run.eta
    assert tuple(fit.interval()) == tuple(fit.by_run.interval())
    assert "random threshold" in fit.summary()
    # What is known of eta carries how much the runs differ, wherever it is asked for.
    np.testing.assert_array_equal(fit.points.loss, fit.by_run.points.loss)
    assert fit.to_frame()[["low", "high"]].to_numpy().tolist() == [list(fit.interval())]
    assert fit.eta_draws().std() == pytest.approx(fit.by_run.stderr, rel=0.3)
    with pytest.raises(MethodRefused, match="thresholds of their own"):
        fit.shape_interval("jump")
    mean = diagnose(fit).runs.set_index("run")["eta"]
    own = fit.by_run.to_frame().set_index("run")["eta"]
    # Without a run of a high threshold the mean of the others is low.
    assert np.corrcoef(mean[own.index], own)[0, 1] < -0.5
    for name in ("run-0", "run-5"):  # as if the runs had been fitted without it
        again = run_thresholds(p.where(p.run != name), shape=fit.shape, n_boot=199)
        assert mean[name] == pytest.approx(again.eta, abs=0.2 * fit.by_run.stderr)
    assert json.dumps(fit.to_dict(), allow_nan=False)


def test_runs_that_never_cross_are_named() -> None:
    p = simulate("jump", n=96, n_runs=8, sd=0.005, rng=1).select()
    keep = (p.run != "run-0") | (p.loss > 2.6)
    result = run_thresholds(p.where(keep), n_boot=99)
    assert result.unknown == ("run-0",)
    assert any("run-0" in w for w in result.warnings)
    assert result.without("run-0") == result.interval()
    assert result.without("run-1") != result.interval()
    two = run_thresholds(p.where((p.run == "run-1") | (p.run == "run-2")), n_boot=99)
    assert two.without("run-1") is None


@pytest.mark.parametrize(
    ("kwargs", "text"), [({"shape": "isotonic"}, "not known"), ({"n_boot": 9}, "at least 99")]
)
def test_bad_arguments(kwargs: dict[str, object], text: str) -> None:
    p = simulate("jump", n=72, n_runs=6, rng=1).select()
    with pytest.raises(DataError, match=text):
        run_thresholds(p, **kwargs)  # type: ignore[arg-type]


def test_runs_are_needed() -> None:
    with pytest.raises(DataError, match="run"):
        run_thresholds(simulate("jump", rng=1).select(), n_boot=99)


# eta of the 7B run with a second learning rate, the 7B and the 13B run, on C4 loss.
PUBLISHED = (2.71, 2.70, 2.68)


@pytest.mark.parametrize("task", ["mmlu_test", "arc_challenge_test"])
def test_the_published_runs_on_every_checkpoint(reference: Path, task: str) -> None:
    frame = pd.read_csv(reference / "olmo.csv")
    with pytest.warns(DataWarning, match="means over groups"):
        # The checkpoints before training have no tokens.
        records = Records(frame[frame["tokens"] > 0])
    points = records.select(task=f"{task}_mc_5shot", metric="acc")
    # Beside the three runs there are a few checkpoints of the last one's annealing.
    result = run_thresholds(points.where(points.run != "peteish7_eval_anneal"), n_boot=299)
    etas = result.to_frame().sort_values("eta", ascending=False)["eta"]
    assert etas.to_numpy() == pytest.approx(PUBLISHED, abs=0.012)


def test_the_bundled_third_says_what_follows_for_the_claim() -> None:
    points = load_dataset("public_reports").select(task="mmlu_test_mc_5shot", metric="acc")
    result = run_thresholds(points, n_boot=299)
    assert result.p_common < 0.05
    assert "the loss alone does not say exactly where" in result.reason
    assert {t.by for t in result.trends} <= {"params", "tokens"}
    ax = result.plot()
    assert [t.get_text() for t in ax.get_yticklabels()] == [
        "peteish13_eval_full",
        "peteish7_eval_full",
        "peteish7_medlr_eval_full",
    ]
    assert ax.xaxis_inverted()
    assert ax.lines[0].get_xdata()[0] == pytest.approx(result.eta)  # the mean, dotted
    assert result.reason in result.summary()


def some_learn(seed: int = 3, runs: int = 8, able: int = 5) -> Points:
    """Runs of which some leave chance at a kink of their own, and the others never do."""
    rng = np.random.default_rng(seed)
    loss = np.tile(np.linspace(3.2, 1.9, 24), runs) + 0.001 * np.repeat(np.arange(runs), 24)
    learns = np.repeat(np.arange(runs) < able, 24)
    eta = np.repeat(2.3 + rng.normal(0, 0.06, runs), 24)
    value = 0.25 + np.where(learns, 0.5 * np.maximum(eta - loss, 0), 0.0)
    return Points(
        loss=loss,
        value=value + rng.normal(0, 0.015, loss.size),
        chance=0.25,
        run=np.repeat([f"run{r}" for r in range(runs)], 24),
    )


def test_runs_that_never_leave_chance_are_censored() -> None:
    found = run_thresholds(some_learn(), n_boot=199)
    assert sorted(found.never) == ["run5", "run6", "run7"]
    assert found.n_runs == 8
    assert any("3 of 8 runs end where they began" in w for w in found.warnings)
    table = found.left_by()
    assert table["loss"].is_monotonic_decreasing
    # No run is censored before the last one leaves: the share is that of the runs.
    assert table["share"].tolist() == pytest.approx([k / 8 for k in range(1, 6)])
    assert ((table["low"] < table["share"]) & (table["share"] < table["high"])).all()
    line = found.plot_left().lines[0]
    assert max(line.get_ydata()) == pytest.approx(5 / 8)  # type: ignore[type-var]


def test_the_verdict_says_in_how_many_runs() -> None:
    verdict = classify(some_learn(), n_boot=199)
    assert verdict.label == "emergent", verdict.reason
    assert "clearly above chance in 5 of 8 runs" in verdict.reason
    assert verdict.plot().has_data()


@pytest.mark.parametrize("spread", [0.2, 0.3])
def test_thresholds_far_apart_are_never_called_one(spread: float) -> None:
    """Around one curve what runs differ by is taken for errors, of which anything might come."""
    for seed in range(8):
        rng = np.random.default_rng(seed)
        fall = 3.3 - 1.7 * np.linspace(0, 1, 24) ** 0.5
        loss = np.concatenate([np.sort(fall + rng.normal(0, 0.02, 24))[::-1] for _ in range(8)])
        eta = 2.1 + spread * rng.uniform(-1.5, 1.5, size=8)
        value = 0.25 + 0.74 * (loss < np.repeat(eta, 24))
        points = Points(
            loss=loss,
            value=value + rng.normal(0, 0.01, loss.size),
            chance=0.25,
            run=np.repeat([f"r{r}" for r in range(8)], 24),
            tokens=np.tile(np.arange(1.0, 25.0), 8),
        )
        assert run_thresholds(points, n_boot=99).p_common <= 0.05, seed
