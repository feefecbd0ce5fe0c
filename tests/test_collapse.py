from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from emergence import Records, collapse, load_dataset, simulate
from emergence.cli.main import main
from emergence.errors import DataError
from emergence.records.points import Points
from emergence.verdicts.monotone import left_out_errors, monotone_curve, within_others


def runs(
    effect: float = 0.0, sd: float = 0.02, n_runs: int = 5, n: int = 20, seed: int = 0
) -> Points:
    """Runs of sizes over two decades; ``effect`` in points of score per decade."""
    size = np.repeat(np.geomspace(1e8, 1e10, n_runs), n)
    tokens = np.tile(np.geomspace(3e9, 3e11, n), n_runs)
    loss = 1.7 + 0.6 * (1e8 / size) ** 0.3 + 0.9 * (3e9 / tokens) ** 0.35
    noise = sd * np.random.default_rng(seed).standard_normal(size.size)
    value = 0.25 + 0.5 * np.maximum(2.4 - loss, 0) + effect * np.log10(size / 1e9) + noise
    run = np.repeat([f"run-{i}" for i in range(n_runs)], n)
    return Points(loss, value, chance=0.25, run=run, tokens=tokens, params=size,
                  task="toy", metric="acc", family="toy")  # fmt: skip


def test_loss_alone_is_a_finding() -> None:
    found = collapse(runs(sd=0.005))
    assert found.label == "loss alone"
    assert found.effect.p_beyond < 0.05
    assert "none within 0.01" in found.reason
    assert found.explained["loss"] > 0.98
    assert not found.breaks


def test_an_effect_of_size_is_found_and_measured() -> None:
    found = collapse(runs(effect=0.03, sd=0.005))
    assert found.label == "size matters"
    ci = found.effect.interval()
    assert ci.low < 0.03 < ci.high
    # One shared slope with the curve, or an offset for each size, say the same.
    offsets = np.array([o.estimate for o in found.offsets])
    assert offsets.sum() == pytest.approx(0.0, abs=1e-9)
    slope = np.polyfit(np.linspace(-1, 1, 5), offsets, 1)[0]
    assert slope == pytest.approx(0.03, abs=0.01)
    assert found.errors["loss + params"] < found.errors["loss"]


def test_noise_makes_it_undetermined() -> None:
    found = collapse(runs(sd=0.1, n=8))
    assert found.label == "undetermined"
    assert "these data cannot tell" in found.reason


def test_where_it_breaks_is_named() -> None:
    base = runs(sd=0.003)
    low = base.loss < np.quantile(base.loss, 0.25)
    bent = replace(base, value=base.value + np.where(low, 0.06 * np.log10(base.params / 1e10), 0))
    found = collapse(bent)
    assert found.breaks
    assert found.breaks[0].loss_low == pytest.approx(base.loss.min(), abs=0.02)
    assert "it breaks at losses" in found.reason


def test_a_falling_metric_is_the_same_turned_round() -> None:
    up = runs(effect=0.02, sd=0.005)
    down = replace(up, value=1 - up.value, chance=0.75, best=0.0)
    up = replace(up, best=1.0)
    a, b = collapse(up), collapse(down)
    assert a.effect.estimate == pytest.approx(-b.effect.estimate, rel=1e-6)
    assert a.effect.stderr == pytest.approx(b.effect.stderr, rel=1e-6)
    assert a.errors == pytest.approx(b.errors)


def test_families_that_differ_do_not_collapse() -> None:
    one, other = runs(sd=0.005, seed=1), runs(sd=0.005, seed=2)
    same = collapse([one, replace(other, family="twin")])
    assert same.p_families > 0.05
    moved = replace(other, family="moved", value=other.value + 0.03)
    found = collapse([one, moved])
    assert found.label == "size matters"
    assert "do not fall on one curve" in found.reason
    assert [o.name for o in found.offsets] == ["moved", "toy"]
    assert found.offsets[0].estimate == pytest.approx(0.015, abs=0.005)


def test_the_order_of_rows_does_not_matter() -> None:
    points = runs(effect=0.01)
    other = points.where(np.random.default_rng(3).permutation(points.size))
    assert collapse(points).effect == collapse(other).effect


def test_result_says_itself(tmp_path: Path) -> None:
    found = collapse(runs())
    assert json.loads(json.dumps(found.to_dict()))["effect"]["dof"] == 3
    assert set(found.to_frame().index) == set(found.errors)
    assert "Mean offset at equal loss" in found.summary()
    assert found.plot().xaxis_inverted()
    axes = found.plot_axes()
    assert len(axes) == 4
    assert axes[0].xaxis_inverted()
    assert [ax.get_xscale() for ax in axes] == ["linear", "log", "log", "log"]
    assert all(name in ax.get_title() for name, ax in
               zip(("loss", "compute", "params", "tokens"), axes, strict=True))  # fmt: skip
    plt.close("all")


@pytest.mark.parametrize(
    ("points", "options", "text"),
    [
        (runs(n_runs=3), {}, "3 runs; at least 4 are needed"),
        (simulate(n=40, n_runs=8, rng=0).select(), {}, "all points have the same params"),
        (Points(np.linspace(2, 3, 9), np.linspace(0, 1, 9)), {}, "params and tokens are needed"),
        (runs(), {"by": "luck"}, "by is 'luck'"),
        (runs(), {"margin": 0.0}, "margin > 0"),
        ([runs()], {}, "two families or more"),
    ],
)
def test_what_cannot_be_compared_says_why(points, options, text) -> None:
    with pytest.raises(DataError, match=text):
        collapse(points, **options)


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = []
    for family, shift in (("a", 0.0), ("b", 0.05)):
        p = runs(sd=0.005, seed=len(frames))
        frames.append(pd.DataFrame({
            "model": "m", "run": np.char.add(family, p.run.astype(str)), "params": p.params,
            "tokens": p.tokens, "loss": p.loss, "task": "toy", "metric": "acc",
            "value": p.value + shift, "chance": 0.25, "family": family}))  # fmt: skip
    path = tmp_path / "runs.csv"
    Records(pd.concat(frames, ignore_index=True)).to_csv(path)
    stem = str(tmp_path / "figure")
    assert main(["collapse", str(path), "--task", "toy", "-o", stem]) == 0
    assert capsys.readouterr().out.count("loss alone") == 2
    assert Path(f"{stem}-2.png").exists()
    assert main(["collapse", str(path), "--task", "toy", "--pool"]) == 0
    assert "do not fall on one curve" in capsys.readouterr().out
    assert main(["collapse", str(path), "--task", "none"]) == 2
    assert "no scores of task 'none'" in capsys.readouterr().err
    plt.close("all")


def test_monotone_curve_passes_through_rising_points() -> None:
    x, y = np.array([3.0, 1.0, 2.0, 2.0]), np.array([3.0, 1.0, 1.5, 2.5])
    places, levels = monotone_curve(x, y)
    np.testing.assert_array_equal(places, [1, 2, 3])
    np.testing.assert_array_equal(levels, [1, 2, 3])


def test_backfitting_finds_the_slope_beside_the_curve() -> None:
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(6), 40)
    z = np.repeat(rng.standard_normal(6), 40)
    x = rng.uniform(0, 1, 240)
    y = np.sqrt(x) + 0.3 * z
    ask = within_others(x, group)
    plain = left_out_errors(x, y, group, ask)
    beside = left_out_errors(x, y, group, ask, z)
    assert np.sqrt(np.mean(beside**2)) < 0.1 * np.sqrt(np.mean(plain**2))


@pytest.mark.parametrize("task", ["hellaswag_val", "mmlu_test", "arc_easy_test", "piqa_val"])
def test_the_ladder_collapses_on_loss(task) -> None:
    found = collapse(load_dataset("olmo_ladder").select(f"{task}_rc_5shot", "acc"))
    assert found.label == "loss alone", found.reason
    assert found.explained["loss"] > 0.99
    assert abs(found.effect.estimate) < 0.01


@pytest.mark.parametrize("task", ["hellaswag", "arc_easy", "piqa"])
def test_the_corpora_of_open_lm_do_not_collapse(task) -> None:
    groups = [g for g in load_dataset("public_reports").groups() if g.task == task]
    found = collapse([g for g in groups if "OpenLM" in g.family])
    assert found.p_families < 1e-3
    assert "do not fall on one curve" in found.reason
    assert len(found.offsets) == 3
