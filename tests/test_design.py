"""design and next_checkpoint: crossings, pilots, and that plans hold in fresh studies."""

from __future__ import annotations

import json

import numpy as np
import pytest

from emergence import classify, design, fit_threshold, next_checkpoint, simulate
from emergence.cli.main import main
from emergence.errors import DataError, MethodRefused
from emergence.planning.design import Study, _guess
from emergence.planning.design_result import AtSize, Design
from emergence.records.points import Points


def planned(goal: str, target: float, *trials: tuple[int, float, float, float]) -> Design:
    made = tuple(AtSize(*t, goal == "power") for t in trials)
    return Design("checkpoints", goal, target, {}, made, 60)


def test_the_crossing_is_straight_in_the_logarithm_of_the_size() -> None:
    power = planned("power", 0.8, (30, 0.6, 0.5, 0.7), (120, 1.0, 0.9, 1.0))
    assert power.needed == 60
    assert power.needed_range == (48, 85)  # 30 * 4**(1/3), 30 * 4**(3/4), rounded up
    # A width falls with a power of the size, so both in logarithms.
    width = planned("width", 0.1, (25, 0.2, 0.2, np.inf), (400, 0.05, 0.05, 0.05))
    assert width.needed == 100
    assert width.needed_range == (100, 400)


def test_a_goal_that_is_not_reached_is_said() -> None:
    plan = planned("power", 0.8, (30, 0.2, 0.1, 0.3), (60, 0.5, 0.4, 0.9))
    assert plan.needed is None
    assert plan.needed_range[1] is None
    assert "more than 60 checkpoints" in plan.summary()


def test_limits_of_shares_and_medians() -> None:
    share = AtSize.of(10, np.array([1.0] * 45 + [0.0] * 15), share=True)
    assert (share.low, share.high) == pytest.approx((0.628, 0.842), abs=2e-3)  # Wilson
    g = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        found = AtSize.of(10, g.exponential(size=60), share=False)
        held += found.low <= np.log(2) <= found.high
    assert 0.93 < held / 400 < 0.99


def test_a_plan_for_power_holds_in_fresh_studies() -> None:
    plan = design("jump", power=0.8, checkpoints=24, sd=0.03, n_sim=16, n_boot=99)
    assert plan.needed is not None
    study = Study("jump", {"sd": 0.03}, {"checkpoints": plan.needed, "items": None, "runs": None})
    seeds = np.random.SeedSequence(99).spawn(30)
    labels = [classify(study.draw(s), n_boot=99, rng=1).label for s in seeds]
    assert labels.count("emergent") / 30 == pytest.approx(
        0.8, abs=0.25
    )  # two standard errors of both


def test_a_plan_for_width_uses_runs_and_items() -> None:
    plan = design(
        "hinge", width=0.4, vary="items", items=400, checkpoints=12, runs=3, shape="hinge",
        n_sim=8, n_boot=99, offset_sd=0.01,
    )  # fmt: skip
    assert plan.goal == "width"
    assert plan.fixed == {"checkpoints": 12, "runs": 3}
    frame = plan.to_frame()
    assert list(frame) == ["items", "width", "low", "high"]
    assert (frame["low"] <= frame["width"]).all()


def test_a_pilot_gives_the_guess() -> None:
    pilot = simulate("hinge", eta=2.2, n=80, sd=0.01, rng=1, n_runs=4, offset_sd=0.01, rho=0.5)
    fit = fit_threshold(pilot.select(), shape="hinge", n_boot=99)
    curve, options = _guess(fit, {"rho": 0.0}, None)
    assert options["eta"] == fit.eta
    assert options["rho"] == 0.0  # what is asked for overrides
    assert options["sd"] == pytest.approx(0.01, rel=0.5)
    loss = np.array([1.8, 3.0])
    np.testing.assert_allclose(curve(loss), fit.predict(loss) - 0.25)
    flat = fit_threshold(simulate(lambda x: 0.2 * (x - 3.2), n=60, rng=1).select(), n_boot=99)
    with pytest.raises(DataError, match="no guess of a curve"):
        design(flat, power=0.8)


def test_same_seed_same_plan_whatever_the_workers() -> None:
    plans = [
        design("jump", power=0.9, checkpoints=20, n_sim=6, n_boot=99, n_jobs=n).to_dict()
        for n in (1, 2)
    ]
    assert json.dumps(plans[0], allow_nan=False) == json.dumps(plans[1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "give one goal"),
        ({"width": 0.1, "power": 0.8}, "give one goal"),
        ({"width": -1.0}, "width is"),
        ({"power": 1.0}, "power is"),
        ({"power": 0.8, "vary": "luck"}, "vary is 'luck'"),
        ({"power": 0.8, "vary": "items"}, "give a number of items"),
        ({"power": 0.8, "checkpoints": 3}, "checkpoints is 3"),
        ({"power": 0.8, "n_sim": 1}, "n_sim is 1"),
        ({"power": 0.8, "luck": 1.0}, "luck: not known"),
        ({"power": 0.8, "items": 100, "rho": 0.5}, "no autocorrelation"),
        ({"power": 0.8, "intraclass": 0.01}, "give items"),
    ],
)
def test_what_cannot_be_planned(options, message) -> None:
    with pytest.raises(DataError, match=message):
        design("hinge", **options)


def jump(seed: int, n: int = 40) -> Points:
    return simulate("jump", eta=2.2, n=n, sd=0.03, rng=seed).select()


def test_the_next_checkpoint_of_a_jump_lies_in_its_gap() -> None:
    points = jump(3)
    place = next_checkpoint(fit_threshold(points, shape="jump", n_boot=99))
    above, below = points.loss[points.loss > 2.2].min(), points.loss[points.loss < 2.2].max()
    assert below - 0.05 < place.best < above + 0.05
    assert place.eta_sd.min() < 0.8 * place.now
    far = place.loss > 2.9  # where a plateau is known, one more score says nothing
    assert (place.eta_sd[far] > 0.98 * place.now).all()


def test_the_spread_to_expect_is_the_one_that_comes() -> None:
    """Mean variance of eta after one more score at the best place, over 60 data sets."""
    expected, came, elsewhere = [], [], []
    for seed in range(60):
        points = jump(seed)
        place = next_checkpoint(fit_threshold(points, shape="jump", n_boot=99))
        expected.append(place.eta_sd.min() ** 2)
        for at, store in ((place.best, came), (3.1, elsewhere)):
            g = np.random.default_rng([seed, 7])
            truth = 0.25 + (0.15 + 0.3 * (2.2 - at)) * (at < 2.2)
            more = Points(
                np.append(points.loss, at),
                np.append(points.value, truth + 0.03 * g.standard_normal()),
                chance=0.25,
            )
            again = fit_threshold(more, shape="jump", n_boot=99)
            store.append(next_checkpoint(again, [3.0]).now ** 2)
    assert np.mean(came) < 0.8 * np.mean(elsewhere)
    assert np.mean(came) == pytest.approx(np.mean(expected), rel=0.5)


def test_precise_scores_are_planned_for_at_the_corner() -> None:
    points = simulate("hinge", eta=2.2, n=40, sd=0.003, rng=1).select()
    fit = fit_threshold(points, shape="hinge", n_boot=99)
    place = next_checkpoint(fit)
    low, high = fit.interval("eta", 0.9)
    assert place.now == pytest.approx((high - low) / 3.3, rel=0.6)
    assert (place.eta_sd < 1.02 * place.now).all()
    exact = simulate("hinge", eta=2.2, n=40, sd=0.0, rng=1).select()
    with pytest.raises(MethodRefused, match="without error"):
        next_checkpoint(fit_threshold(exact, shape="hinge", n_boot=99))


def test_what_runs_differ_by_takes_another_run() -> None:
    points = simulate("jump", n=120, n_runs=4, eta_sd=0.1, rng=1).select()
    fit = fit_threshold(points, n_boot=99)
    place = next_checkpoint(fit)
    assert "another run" in place.warnings[0]
    assert place.now == pytest.approx(fit.by_run.stderr, rel=0.2)
    assert (place.eta_sd >= fit.by_run.spread / 2).all()  # the mean of four runs


def test_the_search_ends_where_nothing_is_left_to_halve() -> None:
    plan = design("jump", power=0.01, checkpoints=64, n_sim=4, n_boot=99, sd=0.005)
    sizes = [t.size for t in plan.trials]
    assert sizes == sorted(set(sizes))
    assert sizes[-1] == 64


def test_placement_says_itself() -> None:
    place = next_checkpoint(fit_threshold(jump(1), n_boot=99))
    assert json.loads(json.dumps(place.to_dict(), allow_nan=False)) == place.to_dict()
    ax = place.plot()
    np.testing.assert_allclose(ax.lines[0].get_ydata(), place.eta_sd)
    assert ax.xaxis_inverted()
    assert "helps most" in place.summary()
    assert (place.to_frame()["shrinks"] > -0.02).all()  # to know more never hurts
    flat = fit_threshold(simulate(lambda x: 0.2 * (x - 3.2), n=60, rng=1).select(), n_boot=99)
    with pytest.raises(MethodRefused, match="no onset"):
        next_checkpoint(flat)
    with pytest.raises(DataError, match="positive"):
        next_checkpoint(fit_threshold(jump(1), n_boot=99), [-1.0])


def test_command_line(tmp_path, capsys) -> None:
    stem = str(tmp_path / "plan")
    quick = ["--n-sim", "4", "--n-boot", "99"]
    assert main(["design", "--shape", "jump", "--power", "0.7", *quick, "-o", stem]) == 0
    assert "simulated studies" in capsys.readouterr().out
    assert (tmp_path / "plan.png").stat().st_size > 5000
    path = tmp_path / "runs.csv"
    simulate("jump", n=60, rng=1).to_csv(path)
    assert main(["next", str(path), "-o", str(tmp_path / "next")]) == 0
    assert "helps most" in capsys.readouterr().out
    assert main(["design", "--pilot", str(path), "--width", "0.2", *quick]) == 0
    assert "median width" in capsys.readouterr().out


def test_a_plan_passes_the_warnings_of_the_fit_on() -> None:
    fit = fit_threshold(simulate("logistic", n=60, sd=0.02, rng=1).select(), n_boot=99)
    place = next_checkpoint(fit)
    assert place.warnings == fit.warnings
    assert "warning: a smooth curve (logistic) fits better" in place.summary()


def test_runs_are_taken_in_one_way_at_every_size() -> None:
    """Else the width would jump where runs are long enough for thresholds of their own."""
    plan = design("jump", width=0.06, runs=4, checkpoints=16, n_sim=8, n_boot=99)
    assert plan.needed is not None
    assert plan.needed <= 16
    wider = plan.to_frame()["width"].to_numpy()[:-1] >= plan.to_frame()["width"].to_numpy()[1:]
    assert wider.all()
