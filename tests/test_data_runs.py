"""The runs that ship are what data/README.md says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from emergence import classify, fit_threshold, load_dataset, load_losses, run_thresholds
from emergence.train.config import TrainConfig
from emergence.train.corpus.tasks import TASKS
from emergence.train.sweeps.presets import preset

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
        assert (scores["n_items"].dropna() == 1000).all()
    assert set(frame["run"]) == {c.name for c in configs}
    assert set(frame["family"]) == {"world5/bpe1500/context128"}


def test_experiment_1_has_three_sizes_twelve_times_apart_and_three_seeds_of_each() -> None:
    _, configs = about("paper3-cpu")
    assert configs == preset("paper3-cpu")
    sizes = sorted({c.model.params for c in configs})
    assert len(sizes) == 3
    assert sizes[-1] / sizes[0] > 10
    for size in sizes:
        assert {c.seed for c in configs if c.model.params == size} == {1, 2, 3}
    assert {c.schedule for c in configs} == {"cosine"}


def test_all_tasks_leave_chance() -> None:
    frame = load_dataset("paper3-cpu").to_frame()
    scores = frame[frame["metric"].isin(["acc", "exact_match"]) & frame["task"].isin(list(TASKS))]
    above = (scores["value"] - scores["chance"]).groupby([scores["task"], scores["run"]]).max()
    begins = (above > 0.2).groupby("task").sum()
    assert len(begins) == 12
    assert {task: n for task, n in begins.items() if n < 9} == {
        "arithmetic_en": 8, "arithmetic_zh": 8, "coreference_en": 8, "reading_en": 8,
        "exam_en": 1, "exam_zh": 1,
    }  # fmt: skip


def test_runs_do_not_begin_to_read_at_one_loss() -> None:
    found = run_thresholds(load_dataset("paper3-cpu").select("reading_en", "acc"), n_boot=99)
    assert found.p_common <= 0.05
    assert set(found.never) == {"76k-seed3"}


def test_the_verdict_of_the_exam_is_of_all_runs() -> None:
    verdict = classify(load_dataset("paper3-cpu").select("exam_en", "acc"), n_boot=199)
    assert verdict.label == "emergent"
    assert "in 1 of 9 runs" in verdict.reason


def test_the_exam_is_that_of_the_one_run_that_learns_it() -> None:
    fit = fit_threshold(load_dataset("paper3-cpu").select("exam_en", "acc"), n_boot=99)
    assert set(fit.points.run) == {"908k-seed1"}
    assert 0.76 < fit.eta < 0.80
    chinese = fit_threshold(load_dataset("paper3-cpu").select("exam_zh", "acc"), n_boot=99)
    assert chinese.plateau == 0.25  # which eight other runs show, and the beginning of this one
    assert 0.74 < chinese.eta < 0.78


def test_experiment_2_has_28_runs_each_decayed_to_its_own_end() -> None:
    _, configs = about("paper28-cpu")
    assert len(configs) == 28
    assert len({c.model.params for c in configs}) >= 6
    for c in configs:
        assert c.schedule == "wsd"
        assert c.learning_rate(c.steps - 1) < 0.02 * c.lr


def test_the_data_are_small_enough_for_git() -> None:
    assert sum(p.stat().st_size for p in RUNS.iterdir()) < 20e6


def varied(name: str) -> list[TrainConfig]:
    """Configs of runs that differ in one thing, and of those that they are held against."""
    found, configs = about(name)
    beside = [TrainConfig.model_validate(c) for c in found["beside"]]
    assert configs == preset(name)
    assert beside == [c for c in about("paper3-cpu")[1] if c.name.startswith("285k")]
    frame = load_dataset(name).to_frame()
    assert set(frame["run"]) == {c.name for c in (*configs, *beside)}
    assert (frame.groupby("run")["tokens"].nunique() == 24).all()
    for config in (*configs, *beside):
        assert {c.seed for c in (*configs, *beside) if c.model == config.model} == {1, 2, 3}
    return [*configs, *beside]


def test_runs_of_three_tokenizers_have_losses_that_all_share() -> None:
    every = varied("vocabularies-cpu")
    assert {(c.model.vocab_size, c.seed) for c in every} == {
        (size, seed) for size in (800, 1500, 3000) for seed in (1, 2, 3)
    }
    assert len({c.model.params for c in every}) == 1  # without embeddings
    frame, losses = load_dataset("vocabularies-cpu").to_frame(), load_losses("vocabularies-cpu")
    assert len(frame["family"].unique()) == 3
    merged = frame.drop_duplicates(["run", "tokens"]).merge(losses, on=["run", "tokens"])
    assert len(merged) == len(losses) == 9 * 24
    # The same text costs a trained model about as many bits, whatever its tokens are.
    in_bits = losses.groupby("model")["bits_per_byte"].min()
    in_nats = frame.groupby("model")["loss"].min()
    assert in_bits.max() / in_bits.min() < 1.1 < in_nats.max() / in_nats.min()


def test_runs_of_four_structures_share_tokens_and_text() -> None:
    every = varied("structures-cpu")
    assert {(c.model.rotary, c.model.kv_heads) for c in every} == {
        (0.0, 1), (0.5, 1), (1.0, 1), (0.5, 2)
    }  # fmt: skip
    assert load_dataset("structures-cpu").families == ["world5/bpe1500/context128"]


def test_runs_of_a_state_space_model_are_as_large_as_those_of_attention() -> None:
    every = varied("mamba-cpu")
    params = {c.model.mixer: c.model.params for c in every}
    assert params.keys() == {"attention", "mamba2"}
    assert params["mamba2"] == pytest.approx(params["attention"], rel=0.1)
    assert load_dataset("mamba-cpu").families == ["world5/bpe1500/context128"]


def test_runs_of_three_corpora_have_losses_on_one_text() -> None:
    every = varied("corpora-cpu")
    assert {(c.english, c.mixture["prose"]) for c in every} == {
        (0.8, 0.03),
        (0.5, 0.03),
        (0.8, 0.2),
    }
    frame, losses = load_dataset("corpora-cpu").to_frame(), load_losses("corpora-cpu")
    assert len(frame["family"].unique()) == 3
    merged = frame.drop_duplicates(["run", "tokens"]).merge(losses, on=["run", "tokens"])
    assert len(merged) == len(losses) == 9 * 24
    same = losses["model"] == "285k"  # whose own text is that of all
    own, common = losses["bits_per_byte"], losses["common_bits_per_byte"]
    assert own[same].to_numpy() == pytest.approx(common[same].to_numpy(), rel=1e-5)
    assert (own[~same] - common[~same]).abs().max() > 0.01
