"""The runs that ship are what data/README.md says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from emergence import load_dataset
from emergence.train.config import TrainConfig
from emergence.train.tasks import TASKS

RUNS = Path(__file__).parents[1] / "data" / "runs"


def about(name: str) -> tuple[dict, list[TrainConfig]]:
    found = json.loads((RUNS / f"{name}.json").read_text())
    return found, [TrainConfig.model_validate(c) for c in found["configs"]]


@pytest.mark.parametrize("name", ["paper3-cpu", "paper28-cpu"])
def test_every_checkpoint_of_every_run_is_there_once(name) -> None:
    found, configs = about(name)
    assert found["command"] == f"emergence sweep {name}"
    assert found["made_by"][0]["commit"]
    frame = load_dataset(name).to_frame()
    assert not frame.duplicated(["run", "step", "task", "metric"]).any()
    for config in configs:
        mine = frame[frame["run"] == config.name]
        assert sorted(mine["step"].unique()) == config.checkpoints
        assert (mine["params"] == config.model.params).all()
        scores = mine[mine["task"].isin(list(TASKS))]
        per_task = scores[scores["metric"].isin(["acc", "exact_match", "choice_prob", "brier"])]
        assert len(per_task) == 3 * 12 * len(config.checkpoints)
        assert (scores["n_items"].dropna() == 400).all()
    assert set(frame["run"]) == {c.name for c in configs}
    assert frame["family"].nunique() == 1


def test_experiment_1_has_three_sizes_and_four_seeds_of_each() -> None:
    _, configs = about("paper3-cpu")
    sizes = sorted({c.model.params for c in configs})
    assert len(sizes) >= 3
    for size in sizes:
        assert {c.seed for c in configs if c.model.params == size} == {0, 1, 2, 3}
    assert all(len(c.checkpoints) >= 30 for c in configs)


def test_experiment_2_has_28_runs_each_decayed_to_its_own_end() -> None:
    _, configs = about("paper28-cpu")
    assert len(configs) == 28
    assert len({c.model.params for c in configs}) >= 6
    for c in configs:
        assert c.schedule == "wsd"
        assert c.learning_rate(c.steps - 1) < 0.02 * c.lr


def test_the_data_are_small_enough_for_git() -> None:
    assert sum(p.stat().st_size for p in RUNS.iterdir()) < 20e6
