"""The runs that ship are what data/README.md says."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from emergence import Records, load_dataset, run_thresholds
from emergence.train.config import TrainConfig
from emergence.train.corpus.tasks import TASKS
from emergence.train.sweeps.presets import preset

RUNS = Path(__file__).parents[1] / "data" / "runs"


def about(name: str) -> tuple[dict, list[TrainConfig]]:
    found = json.loads((RUNS / f"{name}.json").read_text())
    return found, [TrainConfig.model_validate(c) for c in found["configs"]]


@pytest.mark.parametrize(
    ("name", "items"),
    [
        ("paper3-cpu", 400),
        ("paper3-cpu-again", 400),
        ("paper3-cpu-wsd", 400),
        ("paper28-cpu", 400),
        ("paper3-cpu-first", 1000),
    ],
)
def test_every_checkpoint_of_every_run_is_there_once(name, items) -> None:
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
        assert (scores["n_items"].dropna() == items).all()
    assert set(frame["run"]) == {c.name for c in configs}
    assert len(set(frame["family"])) == 1


def test_experiment_1_has_three_sizes_and_four_seeds_of_each() -> None:
    _, configs = about("paper3-cpu")
    _, again = about("paper3-cpu-again")
    _, constant = about("paper3-cpu-wsd")
    sizes = sorted({c.model.params for c in configs})
    assert len(sizes) >= 3
    for size in sizes:
        assert {c.seed for c in configs if c.model.params == size} == {0, 1, 2, 3}
        assert {c.seed for c in again if c.model.params == size} == {4, 5, 6}
        assert {c.seed for c in constant if c.model.params == size} == {0, 1, 2, 3}
    assert all(len(c.checkpoints) >= 30 for c in configs)
    assert {c.schedule for c in configs + again} == {"cosine"}
    assert {c.schedule for c in constant} == {"wsd"}


def test_all_twelve_tasks_leave_chance_in_the_first_runs_of_this_corpus() -> None:
    _, configs = about("paper3-cpu-first")
    assert configs == preset("paper3-cpu-first")
    frame = load_dataset("paper3-cpu-first").to_frame()
    scores = frame[frame["metric"].isin(["acc", "exact_match"]) & frame["task"].isin(list(TASKS))]
    largest = scores[scores["params"] == scores["params"].max()]
    best = largest.groupby("task")["value"].max() - largest.groupby("task")["chance"].first()
    assert len(best) == 12
    assert best.min() > 0.2


@pytest.mark.parametrize("task", ["arithmetic_en", "arithmetic_zh"])
def test_where_arithmetic_begins_does_not_move_with_size(task) -> None:
    frames = [load_dataset(name).to_frame() for name in ("paper3-cpu", "paper3-cpu-again")]
    points = Records(pd.concat(frames, ignore_index=True)).select(task, "exact_match")
    found = run_thresholds(points, n_boot=99)
    mean = found.to_frame().groupby("params")["eta"].mean()
    assert len(mean) == 3
    assert mean.max() - mean.min() < 0.1
    (size,) = (t for t in found.trends if t.by == "params")
    assert size.p_value > 0.05


def test_experiment_2_has_28_runs_each_decayed_to_its_own_end() -> None:
    _, configs = about("paper28-cpu")
    assert len(configs) == 28
    assert len({c.model.params for c in configs}) >= 6
    for c in configs:
        assert c.schedule == "wsd"
        assert c.learning_rate(c.steps - 1) < 0.02 * c.lr


def test_the_data_are_small_enough_for_git() -> None:
    assert sum(p.stat().st_size for p in RUNS.iterdir()) < 20e6
