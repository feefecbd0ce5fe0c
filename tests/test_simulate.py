from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from emergence import load_dataset, load_losses, simulate
from emergence.curves.catalogue import SIMULATED
from emergence.curves.onsets.hinge import hinge
from emergence.errors import DataError
from emergence.records.datasets import dataset_path


@pytest.mark.parametrize("shape", sorted(SIMULATED))
def test_every_shape_has_the_truth_it_says(shape: str) -> None:
    frame = simulate(shape, n=400, sd=0.001, rng=0).to_frame()
    truth = 0.25 + SIMULATED[shape](frame["loss"].to_numpy(), 2.2)
    assert np.abs(frame["value"] - np.clip(truth, 0, 1)).max() < 0.005


def test_moments_of_the_noise() -> None:
    frame = simulate("flat", n=20_000, sd=0.02, rng=0).to_frame()
    assert frame["value"].std() == pytest.approx(0.02, rel=0.03)
    counts = simulate("flat", n=20_000, noise="binomial", n_items=100, rng=0).to_frame()
    assert counts["value"].std() == pytest.approx(np.sqrt(0.25 * 0.75 / 100), rel=0.03)


def test_runs_fall_through_the_range_and_share_offsets() -> None:
    records = simulate(lambda x: hinge(x, 2.2, 0.5), n=600, n_runs=30, offset_sd=0.05, rng=0)
    frame = records.to_frame()
    for _, run in frame.groupby("run"):
        ordered = run.sort_values("tokens")
        assert (np.diff(ordered["loss"]) < 0).all()
    residual = frame["value"] - 0.25 - hinge(frame["loss"], 2.2, 0.5)
    assert residual.groupby(frame["run"]).mean().std() == pytest.approx(0.05, rel=0.4)


def test_same_seed_same_records() -> None:
    a, b = (simulate("jump", n_runs=3, rng=9).to_frame() for _ in range(2))
    pd.testing.assert_frame_equal(a, b)


def test_bad_arguments() -> None:
    with pytest.raises(DataError, match="'step' is not known"):
        simulate("step")
    with pytest.raises(DataError, match="'poisson' is not known"):
        simulate(noise="poisson")
    with pytest.raises(DataError, match="rho < 1"):
        simulate(rho=1.0)


def test_bundled_figures_are_what_the_readme_of_the_data_says() -> None:
    records = load_dataset("public_reports")
    frame = records.to_frame()
    assert 2000 <= len(frame) <= 4000
    assert frame["source"].str.len().min() > 0
    assert len(records.families) == 4
    assert {"mmlu_test_mc_5shot", "mmlu_test_rc_5shot", "hellaswag"} <= set(records.tasks)
    ladder = load_dataset("olmo_ladder")
    assert len(ladder) == 7984
    assert ladder.to_frame()["run"].nunique() == 33
    letters = load_dataset("olmo_letter")
    assert (len(letters.tasks), len(letters.to_frame()["run"].unique())) == (20, 3)
    gemstones = load_dataset("gemstones").to_frame()
    assert (gemstones["run"].nunique(), gemstones["task"].nunique()) == (22, 9)
    for table in (letters.to_frame(), gemstones, load_losses()):
        assert table["source"].str.len().min() > 0
    with pytest.raises(
        DataError, match="there is: corpora-cpu, gemstones, mamba-cpu, olmo_ladder, olmo_letter, "
    ):
        dataset_path("nonsense")
