"""Apart: what one name would mix is told apart, and no other number is taken for a loss."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from emergence.errors import DataError, RecordsError
from emergence.readers.chance import chance_of, options_of
from emergence.readers.found import held_out, place_of, size_in
from emergence.readers.importing import Imported, import_results, import_table
from emergence.readers.recognise import read_any

STEPS = tuple(range(500, 3001, 500))


def loss_at(step: float, run: str = "160m") -> float:
    return (4.0 if run == "160m" else 3.5) - step / 2000


def written(path: Path, data: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    return path


def results(folder: Path, pretrained: str, score: float = 0.5, **more: Any) -> None:
    """Results of the harness of every checkpoint."""
    for step in STEPS:
        data = {"results": {"piqa": {"acc,none": score + step / 1e5}},
                "config": {"model_args": f"pretrained={pretrained}/checkpoint-{step}"}}  # fmt: skip
        written(folder / f"{pretrained.replace('/', '_')}-{step}.json", data | more)


def trainer_state(
    folder: Path, run: str = "160m", name: str = "eval_loss", every: int = 100
) -> None:
    log = [{"step": s, name: loss_at(s, run)} for s in range(every, 3001, every)]
    written(folder / "trainer_state.json", {"log_history": log})


def imported(path: Path, **options: Any) -> tuple[pd.DataFrame, Imported]:
    found = import_results(path, **{"tokens_per_step": 1e6} | options)
    return found.records.to_frame(), found


def test_losses_of_one_run_are_not_given_to_another(tmp_path: Path) -> None:
    for run in ("160m", "410m"):
        results(tmp_path / "res", f"out/{run}")
    trainer_state(tmp_path / "out" / "160m")
    frame, found = imported(tmp_path)
    assert set(frame["run"]) == {"160m"}
    assert any("410m: no losses of that run" in line for line in found.left_out)


def test_logs_of_two_runs_in_one_folder_are_called_by_their_files(tmp_path: Path) -> None:
    for run in ("160m", "410m"):
        results(tmp_path / "res", f"out/{run}")
        lines = [f"step {s}: train loss 9, val loss {loss_at(s, run)}" for s in STEPS]
        written(tmp_path / "logs" / f"{run}.log", "\n".join(lines))
    frame, found = imported(tmp_path)
    assert any("of runs of their own" in line for line in found.assumed)
    for run, mine in frame.groupby("run"):
        assert mine["loss"].to_numpy() == pytest.approx(
            [loss_at(s, str(run)) for s in mine["step"]]
        )


def test_a_log_that_goes_on_from_another_is_of_the_same_run(tmp_path: Path) -> None:
    results(tmp_path / "res", "out/160m")
    for name, steps in {"a": STEPS[:4], "b": STEPS[3:]}.items():
        lines = [f"iter {s}: loss {loss_at(s) + 0.01 * (name == 'b')}" for s in steps]
        written(tmp_path / "160m" / f"{name}.log", "\n".join(lines))
    frame, _ = imported(tmp_path)
    assert len(frame) == len(STEPS)


@pytest.mark.parametrize("home", ["seed", "stage"])
def test_runs_of_one_name_are_told_apart_by_their_folders_or_stages(
    home: str, tmp_path: Path
) -> None:
    for k in (0, 1):
        if home == "seed":
            results(tmp_path / "res", f"seed{k}/160m", 0.5 + k / 10)
            trainer_state(tmp_path / f"seed{k}" / "160m", ("160m", "410m")[k])
        else:
            for step in STEPS:
                args = f"pretrained=org/160m,revision=stage{k}-step{step}-tokens{step // 500}B"
                data = {"results": {"piqa": {"acc": 0.5 + k / 10}}, "config": {"model_args": args}}
                written(tmp_path / f"{k}-{step}.json", data)
            log = "\n".join(json.dumps({"step": s, "val_loss": loss_at(s)}) for s in STEPS)
            written(tmp_path / "160m/log.jsonl", log)
    if home == "stage":  # whose losses are of no stage: none is guessed
        with pytest.raises(DataError, match=r"stage0/160m: no losses of that run"):
            imported(tmp_path)
        return
    frame, _ = imported(tmp_path)
    assert set(frame["run"]) == {"seed0/160m", "seed1/160m"}
    assert len(frame) == 2 * len(STEPS)
    assert (frame.loc[frame["run"] == "seed1/160m", "value"] >= 0.6).all()


def test_numbers_of_examples_are_tasks_and_the_whole_and_later_evaluation_counts(
    tmp_path: Path,
) -> None:
    trainer_state(tmp_path / "out" / "160m")
    for shots, score in ((0, 0.5), (5, 0.7)):
        results(tmp_path / f"z{5 - shots}", "out/160m", score, **{"n-shot": {"piqa": shots}})
    frame, _ = imported(tmp_path)
    assert set(frame["task"]) == {"piqa@0-shot", "piqa@5-shot"}
    assert set(frame["chance"]) == {0.5}
    again = tmp_path / "again"
    trainer_state(again / "out" / "160m")
    config = {"model_args": "pretrained=out/160m/checkpoint-500"}
    for name, score, limit in (
        ("a/results_2025-06-01T10-00-00.1", 0.6, None),
        ("z/results_2024-06-01T10-00-00.1", 0.5, None),
        ("y/results_2026-06-01T10-00-00.1", 0.9, 10),
    ):
        data = {"results": {"piqa": {"acc,none": score}}, "config": config | {"limit": limit}}
        written(again / f"{name}.json", data)
    assert imported(again)[0]["value"].tolist() == [0.6]


def test_of_several_losses_one_is_taken_and_named(tmp_path: Path) -> None:
    results(tmp_path / "res", "out/160m")
    header = "_step,train/global_step,train/z_loss,loss-scale,eval/loss"
    rows = [f"{s // 10},{s},0.001,1.0,{loss_at(s)}" for s in STEPS]
    written(tmp_path / "160m" / "history.csv", "\n".join([header, *rows]))
    frame, _ = imported(tmp_path)
    assert frame["loss"].to_numpy() == pytest.approx([loss_at(s) for s in frame["step"]])
    several = tmp_path / "several"
    results(several, "out/160m")
    log = [{"step": s, "eval_c4_loss": loss_at(s), "eval_wiki_loss": 9.0, "loss": 8.0}
           for s in STEPS]  # fmt: skip
    written(several / "160m" / "trainer_state.json", {"log_history": log})
    frame, found = imported(several)
    assert frame["loss"].to_numpy() == pytest.approx([loss_at(s) for s in frame["step"]])
    assert any("(eval_c4_loss, eval_wiki_loss) eval_c4_loss was taken" in s for s in found.assumed)


def test_what_tensorboard_saved_besides_is_no_loss(tmp_path: Path) -> None:
    results(tmp_path / "res", "out/160m")
    for tag, value in (("eval_loss", 3.0), ("eval_runtime", 12.0)):
        rows = [f"0,{s},{value}" for s in STEPS]
        written(tmp_path / f"run-160m-tag-{tag}.csv", "\n".join(["Wall time,Step,Value", *rows]))
    frame, found = imported(tmp_path)
    assert set(frame["loss"]) == {3.0}
    assert any("eval_runtime is no loss" in line for line in found.left_out)


def test_a_sparse_log_of_training_is_not_averaged_over_the_whole_run(tmp_path: Path) -> None:
    results(tmp_path / "res", "out/160m")
    trainer_state(tmp_path / "out" / "160m", name="loss", every=500)
    frame, _ = imported(tmp_path)
    assert len(frame) == len(STEPS)
    assert frame["loss"].to_numpy() == pytest.approx([loss_at(s) for s in frame["step"]])


def test_what_is_no_number_is_left_out_and_the_rest_stays(tmp_path: Path) -> None:
    results(tmp_path / "res", "out/160m")
    trainer_state(tmp_path / "out" / "160m")
    text = (tmp_path / "out" / "160m" / "trainer_state.json").read_text()
    written(tmp_path / "out" / "160m" / "trainer_state.json", text.replace("3.65}", "NaN}"))
    broken = {"results": {"piqa": {"acc,none": float("nan")}},
              "config": {"model_args": "pretrained=out/160m/checkpoint-1000",
                         "model_num_parameters": -1}}  # fmt: skip
    written(tmp_path / "res" / "z.json", broken)
    written(tmp_path / "tsconfig.json", "{ // a comment\n}")
    frame, found = imported(tmp_path)
    assert set(frame["params"]) == {1.6e8}
    assert any("piqa acc: no number" in line for line in found.left_out)
    assert any("tsconfig.json" in line for line in found.left_out)
    assert np.isfinite(frame["loss"]).all()


LINES = {
    "0: step 500: train loss 3.1, val loss 3.2": "held out",
    "step:500/1750 val_loss:3.2 train_time:1ms": "held out",
    "validation results at iteration 500 | lm_loss value: 3.2E+00 |": "held out",
    "[step=500/1000,epoch=1]\n    eval/lm/c4_en-validation/CE loss=3.2": "held out",
    "Epoch 1 | iter 500 step 500 | loss train: 3.2, val: n/a |": "training",
    "iter 500: val loss 3.2, val time: 3 ms": "held out",
    "\x1b[31mstep: 500  loss:  3.2  memory: 1GiB": "training",
    "iteration: 500 / 1000 | lm_loss: 3.2 |": "training",
}


@pytest.mark.parametrize("line", LINES)
def test_lines_of_more_trainers(line: str, tmp_path: Path) -> None:
    found = read_any(written(tmp_path / "160m" / "train.log", f"{'args ' * 20_000}\n{line}\n"))
    assert found is not None
    (row,) = found.losses
    assert (row["place"].step, row["loss"], row["kind"]) == (500.0, 3.2, LINES[line])


def test_steps_of_micro_batches_are_brought_to_those_of_the_optimiser(tmp_path: Path) -> None:
    log = "iter 4000 step 500: loss 3.3\nstep 4000: val loss 3.2\n"
    found = read_any(written(tmp_path / "160m" / "train.log", log))
    assert found is not None
    assert [r["place"].step for r in found.losses] == [500.0, 500.0]
    test = "validation loss at iteration 500 on test set | lm loss value: 9.0 |\n"
    log = "validation loss at iteration 500 | lm loss value: 3.2 |\n"
    found = read_any(written(tmp_path / "160m" / "m.log", log + test))
    assert found is not None
    assert [r["loss"] for r in found.losses] == [3.2]


@pytest.mark.parametrize(
    ("name", "run", "step"),
    [
        ("org/Tiny-1.1B-intermediate-step-1431k-3T", "Tiny-1.1B-intermediate", 1.431e6),
        ("out/160m/step_500k", "160m", 5e5),
        ("OLMo-160M/step1000-unsharded-hf", "OLMo-160M", 1000),
        ("out/160m/iter_0000500/hf", "160m", 500),
    ],
)  # fmt: skip
def test_names_of_more_checkpoints(name: str, run: str, step: float) -> None:
    assert (place_of(name).run, place_of(name).step) == (run, step)


def test_names_say_sizes_tokens_and_options_where_they_are_meant_to() -> None:
    assert size_in("llama-160m-ctx-2k-bs-512k") == 1.6e8
    assert place_of("out/pythia-160m-mine/checkpoint-500").tokens is None
    assert place_of("EleutherAI/pythia-160m-deduped", "step500").tokens == 500 * 2_097_152
    assert chance_of("mmlu_pro", "exact_match", {"mmlu_pro": 0.1}) == 0.1
    assert chance_of("gsm8k", "exact_match", {"": 0.25}) == 0.0
    assert options_of("agieval_gaokao_mathcloze") == 0


def test_percent_is_of_a_whole_column_and_of_its_errors(tmp_path: Path) -> None:
    header = "run,size,D,ce,bench,acc,stderr"
    names = {"params": "size", "tokens": "D", "loss": "ce", "task": "bench", "value": "acc"}
    rows = [f"m,160M,{k}B,{4 - k / 9:.3f},piqa,{50 + k},0.5" for k in range(1, 9)]
    path = written(tmp_path / "t.csv", "\n".join([header, *rows]))
    assert set(import_table(path, names).records.to_frame()["stderr"]) == {0.005}
    rows[2] = rows[2].replace(",53,", ",53%,")
    path = written(tmp_path / "t.csv", "\n".join([header, *rows]))
    with pytest.raises(RecordsError, match=r"row 2, column 'value': '51'.*no percent sign"):
        import_table(path, names)


def test_a_record_of_every_eval_ever_says_its_metric_as_its_converters_write_it(
    tmp_path: Path,
) -> None:
    def result(said: dict[str, Any], score: float) -> dict[str, Any]:
        unsure = {"uncertainty": {"num_samples": 100}}
        return {"evaluation_name": "arc_easy", "metric_config": said,
                "score_details": {"score": score} | unsure}  # fmt: skip

    about = {"schema_version": "0.1", "model_info": {"id": "org/160m-step500"}}
    data = about | {"evaluation_results": [
        result({"evaluation_description": "acc"}, 0.3),
        result({"evaluation_description": "acc_norm"}, 0.4),
        result({"evaluation_description": "exact_match (filter: strict)"}, 0.2),
        result({"evaluation_description": "bits_per_byte", "lower_is_better": True}, 0.9),
        result({"metric_id": "exact-match", "metric_unit": "percent"}, 20.0)]}  # fmt: skip
    found = read_any(written(tmp_path / "e.json", data))
    assert found is not None
    said = [(r["metric"], r["value"]) for r in found.scores]
    assert said == [("acc", 0.3), ("acc_norm", 0.4), ("exact_match", 0.2), ("exact_match", 0.2)]
    assert {r["n_items"] for r in found.scores} == {100}
    assert any("bits_per_byte" in line for line in found.left_out)


def test_what_one_change_of_names_would_break(tmp_path: Path) -> None:
    assert place_of("models/1b-step1000").run == "1b"
    assert place_of("out/1.4b_checkpoint-500").run == "1.4b"
    assert size_in("/data/dolma-100b/pythia-160m/step500") == 1.6e8
    assert place_of("models/pythia-160m-step3000").tokens == 3000 * 2_097_152
    for name in ("heldout_loss", "valLoss", "evals/loss", "validate/loss", "testing_loss"):
        assert held_out(name)
    assert not held_out("train/loss_interval")
    results(tmp_path / "res", "a/160m")
    trainer_state(tmp_path / "a" / "160m")
    written(tmp_path / "texts.jsonl", '{"text": "a"}\n{"text": \n')
    assert len(imported(tmp_path)[0]) == len(STEPS)


def test_a_table_of_several_runs_is_not_taken_for_one(tmp_path: Path) -> None:
    """Two seeds, a table each, with the same names of runs: whose losses are whose is not known."""
    for run in ("160m", "410m"):
        results(tmp_path / "res", f"out/{run}")
    for k in (0, 1):
        rows = [f"{r},{s},{loss_at(s, r) + k}" for r in ("160m", "410m") for s in STEPS]
        written(tmp_path / f"seed{k}.csv", "\n".join(["run,step,val_loss", *rows]))
    with pytest.raises(DataError, match="160m: no losses of that run"):
        imported(tmp_path)


def test_what_the_user_says_goes_before(tmp_path: Path) -> None:
    for home in ("a", "b"):
        results(tmp_path / home, f"{home}/160m")
    trainer_state(tmp_path / "c" / "160m")
    frame, _ = imported(tmp_path, run="mine")
    assert set(frame["run"]) == {"mine"}
    shots = tmp_path / "shots"
    trainer_state(shots / "out" / "160m")
    for k in (0, 5):
        for step in STEPS:
            args = {"model_args": f"pretrained=out/160m/checkpoint-{step}"}
            data = {"results": {"mytask": {"acc": 0.3}}, "config": args, "n-shot": {"mytask": k}}
            written(shots / f"{k}-{step}.json", data)
    frame, _ = imported(shots, chance={"mytask": 0.25})
    assert set(frame["task"]) == {"mytask@0-shot", "mytask@5-shot"}
    assert set(frame["chance"]) == {0.25}


def test_versions_of_a_logger_are_not_mixed(tmp_path: Path) -> None:
    """Lightning's, which may be one run that went on, or two."""
    results(tmp_path / "res", "out/160m")
    for k, every in enumerate((100, 130)):
        rows = [f"0,{s},,{loss_at(s) + k}" for s in range(every, 3001, every)]
        text = "\n".join(["epoch,step,train_loss,val_loss", *rows])
        written(tmp_path / "160m" / f"version_{k}" / "metrics.csv", text)
    with pytest.raises(DataError, match="160m: no losses of that run"):
        imported(tmp_path)
    (tmp_path / "160m" / "version_1").rename(tmp_path / "160m" / "old_1")
    (tmp_path / "160m" / "old_1" / "metrics.csv").unlink()
    assert len(imported(tmp_path)[0]) == len(STEPS)


def log_lines(path: Path, *columns: str) -> None:
    """A log in lines of JSON whose own step counts what was logged."""
    rows = ({"_step": s // 10} | dict(zip(columns, (s, loss_at(s)), strict=True)) for s in STEPS)
    written(path, "\n".join(map(json.dumps, rows)))


@pytest.mark.parametrize("step", ["train/global_step", "trainer/global_step"])
def test_the_step_of_the_trainer_goes_before_that_of_the_log(tmp_path: Path, step: str) -> None:
    results(tmp_path / "res", "out/160m")
    log_lines(tmp_path / "160m" / "hist.jsonl", step, "eval/loss")
    frame, _ = imported(tmp_path)
    assert frame["loss"].tolist() == [loss_at(s) for s in frame["step"]]


@pytest.mark.parametrize("other", ["eval_router_aux_loss", "eval_z_loss", "eval_ppl_loss"])
def test_losses_that_are_none_of_the_text_are_named(tmp_path: Path, other: str) -> None:
    results(tmp_path / "res", "out/160m")
    log = [{"step": s, "eval_c4-en_loss": loss_at(s), "loss": 9.0, other: 0.02} for s in STEPS]
    written(tmp_path / "160m" / "trainer_state.json", {"log_history": log})
    frame, found = imported(tmp_path)
    assert frame["loss"].tolist() == [loss_at(s) for s in frame["step"]]
    assert any(f"{other} is no loss of the text" in line for line in found.left_out)


def table(path: Path, rows: str, header: str = "run,params,tokens,loss,task,acc") -> Path:
    return written(path, f"{header}\n{rows}")


COLUMNS = {"value": "acc"}


def test_percent_is_of_a_metric_and_of_all_its_tasks(tmp_path: Path) -> None:
    rows = [f"r,1e8,{k}e9,{4 - k / 9},{t},{v}" for k in range(1, 5)
            for t, v in (("piqa", 50 + k), ("hellaswag", 0.3 + k / 100))]  # fmt: skip
    with pytest.raises(DataError, match=r"'hellaswag' are at most .*write all as fractions"):
        import_table(table(tmp_path / "t.csv", "\n".join(rows)), COLUMNS)
    rows = [f"r,1e8,{k}e9,{4 - k / 9},piqa,{m},{v},{c},{b}" for k in range(1, 5)
            for m, v, c, b in (("acc", 0.5 + k / 100, 0.5, ""), ("bleu", 15 + k, 0, 100))
            ]  # fmt: skip
    header = "run,params,tokens,loss,task,metric,value,chance,best"
    frame = import_table(table(tmp_path / "u.csv", "\n".join(rows), header), {}).records.to_frame()
    assert frame.groupby("metric")["value"].max().to_dict() == {"acc": 0.54, "bleu": 19.0}


@pytest.mark.parametrize("bare", ["+46", "4.6e1", "46"])
def test_a_number_without_a_sign_among_percent_is_named(tmp_path: Path, bare: str) -> None:
    rows = "\n".join(f"r,1e8,{k}e9,3.{k},piqa,{v}" for k, v in enumerate(("45%", bare, "47%"), 1))
    with pytest.raises(RecordsError, match="no percent sign") as caught:
        import_table(table(tmp_path / "t.csv", rows), COLUMNS)
    assert [v.row for v in caught.value.violations] == [3]


def test_percent_near_nothing_where_guessing_scores_nothing(tmp_path: Path) -> None:
    rows = [f"r,1e8,{k}e9,{4 - k / 9},{t},{m},{v}" for k in range(1, 5)
            for t, m, v in (("piqa", "acc", 50 + k), ("gsm8k", "exact_match", k / 5))]  # fmt: skip
    header = "run,params,tokens,loss,task,metric,value"
    frame = import_table(table(tmp_path / "t.csv", "\n".join(rows), header), {}).records.to_frame()
    assert frame.groupby("task")["value"].max().to_dict() == {"gsm8k": 0.008, "piqa": 0.54}


def test_runs_of_one_name_in_two_folders(tmp_path: Path) -> None:
    """Two logs say that folders tell runs apart; one may be that of evaluations elsewhere."""
    results(tmp_path / "res", "a/160m")
    results(tmp_path / "res", "b/160m", results={"arc_easy": {"acc,none": 0.9}})
    trainer_state(tmp_path / "a" / "160m")
    frame, found = imported(tmp_path)
    assert set(frame["task"]) == {"piqa", "arc_easy"}
    assert any("160m of a, b is one run" in line for line in found.assumed)
    trainer_state(tmp_path / "b" / "160m")
    assert set(imported(tmp_path)[0]["run"]) == {"a/160m", "b/160m"}


def test_two_folders_and_a_log_elsewhere_are_said(tmp_path: Path) -> None:
    results(tmp_path / "res", "a/160m")
    results(tmp_path / "res", "b/160m", results={"arc_easy": {"acc,none": 0.9}})
    trainer_state(tmp_path / "logs" / "160m")
    assert any("160m of a, b is one run" in line for line in imported(tmp_path)[1].assumed)


def samples(path: Path, targets: list[Any], loglik: float = -1.0) -> None:
    rows = [{"doc_id": i, "target": t, "filtered_resps": [[loglik], [-2], [-3], [-4]]}
            for i, t in enumerate(targets)]  # fmt: skip
    written(path, "\n".join(map(json.dumps, rows)))


def test_samples_without_a_target_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "160m" / "samples_mine_2024-01-01T00-00-00.jsonl"
    samples(path, [0] * 19 + [None])
    found = read_any(path)
    assert found is not None
    assert found.scores[0]["n_items"] == 19
    assert any("1 of 20 samples" in line for line in found.left_out)
    samples(path, ["A"] * 15 + [0] * 5)
    found = read_any(path)
    assert found is not None
    assert not found.scores
    assert any("5 of 20 samples" in line or "15 of 20" in line for line in found.left_out)
    samples(path, ["12", "7", "²"])
    found = read_any(path)
    assert found is not None
    assert not found.scores
    samples(path, [1, 2, 3, 4])
    with pytest.raises(DataError, match="row 4: its target is 4, but its 4 options count from 0"):
        read_any(path)
    samples(path, [1, 2], float("nan"))
    with pytest.raises(DataError, match="row 1: its log-likelihoods"):
        read_any(path)


def test_chance_by_what_the_name_says() -> None:
    names = ("math_qa", "medqa_5options", "drop:mc", "squad:mc::gen2mc")
    assert [options_of(t) for t in names] == [5, 5, None, None]
    assert [options_of(t) for t in ("drop", "mc_taco", "mmlu_pro")] == [0, 2, 10]


def test_two_sizes_in_a_name_are_none() -> None:
    assert size_in("gpt2-124M-fineweb-10B") is None
    assert size_in("pythia-160m-300b") is None
    assert size_in("x-160m-8k/step500") == 1.6e8


def test_tokens_that_names_round_are_counted_by_steps(tmp_path: Path) -> None:
    for k, step in enumerate((50, 100, 150, 200, 250, 300)):
        args = f"pretrained=out/160m,revision=step{step}-tokens{k // 3 + 1}B"
        data = {"results": {"piqa": {"acc,none": 0.5}}, "config": {"model_args": args}}
        written(tmp_path / f"r{step}.json", data)
    written(tmp_path / "160m" / "log.jsonl", "\n".join(
        json.dumps({"step": s, "val_loss": 4 - s / 200}) for s in range(50, 301, 50)))  # fmt: skip
    frame, found = imported(tmp_path, tokens_per_step=None)
    assert frame["tokens"].tolist() == pytest.approx([s * 2e9 / 300 for s in frame["step"]])
    assert any("round the tokens" in line for line in found.assumed)


def test_tokens_of_two_stages_are_those_of_their_names(tmp_path: Path) -> None:
    for stage, each in (("stage1", 1000), ("stage2", 500)):
        for k in (1, 2, 3):
            args = f"pretrained=out/160m,revision={stage}-step{k * each}-tokens{4 * k}B"
            data = {"results": {"piqa": {"acc,none": 0.5}}, "config": {"model_args": args}}
            written(tmp_path / f"{stage}-{k}.json", data)
    steps = [*range(500, 3001, 500)]
    log = "\n".join(json.dumps({"step": s, "val_loss": 4 - s / 2000}) for s in steps)
    written(tmp_path / "160m" / "log.jsonl", log)
    frame, _ = imported(tmp_path, tokens_per_step=None)
    assert set(frame["tokens"]) == {4e9, 8e9, 12e9}


def test_scores_of_one_log_are_told_apart(tmp_path: Path) -> None:
    scores = [{"name": "match", "metrics": {"accuracy": {"value": v}}, "reducer": r}
              for v, r in ((0.3, "mean"), (0.8, "pass_at_4"), (None, "mode"))]  # fmt: skip
    data = {"eval": {"task": "x/arc", "model": "hf/160m-step200"}, "results": {"scores": scores}}
    found = read_any(written(tmp_path / "i.json", data))
    assert found is not None
    assert [(s["task"], s["value"]) for s in found.scores] == [
        ("arc", 0.3), ("arc@match@pass_at_4", 0.8)]  # fmt: skip
    light = {"config_general": {"model_name": "a/160m-step200"},
             "results": {f"leaderboard|arc|{n}|0": {"acc": 0.3} for n in (25, 0)}}  # fmt: skip
    found = read_any(written(tmp_path / "l.json", light))
    assert found is not None
    assert [s["examples"] for s in found.scores] == ["25", "0"]


def test_a_later_score_that_differs_is_said(tmp_path: Path) -> None:
    for folder, score in (("one", 0.5), ("two", 0.9)):
        results(tmp_path / folder, "out/160m", score)
    trainer_state(tmp_path / "160m")
    assert any(
        "of 6 of these scores the values differ" in s for s in imported(tmp_path)[1].left_out
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"constants": {"task": "mine"}}, "has a column for 'task'"),
        ({"chance": {"pica": 0.1}}, "'pica'; there is piqa"),
        ({"constants": {"n_itemss": 5}}, "no field 'n_itemss'"),
        ({"tokens_per_step": 0}, "tokens per step is 0"),
        ({"tokens_per_step": float("nan")}, "tokens per step is nan"),
    ],
)
def test_options_are_not_passed_over(tmp_path: Path, options: Any, message: str) -> None:
    rows = "\n".join(f"r,1e8,{k}e9,3.{k},piqa,.5{k}" for k in range(1, 5))
    with pytest.raises(DataError, match=message):
        import_table(table(tmp_path / "t.csv", rows), COLUMNS, **options)


@pytest.mark.parametrize("options", [{"params": 0}, {"tolerance": float("nan")}, {"window": -5}])
def test_numbers_of_an_import_are_positive(tmp_path: Path, options: Any) -> None:
    with pytest.raises(DataError, match="it must be a positive number"):
        import_results(tmp_path, **options)


@pytest.mark.parametrize("size", ["0,160B", "1,400B", "1,40"])
def test_a_comma_that_may_be_a_point_is_refused(tmp_path: Path, size: str) -> None:
    rows = "\n".join(f'r,"{size}",{k}e9,3.{k},piqa,.5{k}' for k in range(1, 5))
    with pytest.raises(RecordsError, match="is not a number"):
        import_table(table(tmp_path / "t.csv", rows), COLUMNS)


def test_a_column_twice_in_a_sheet(tmp_path: Path) -> None:
    pytest.importorskip("openpyxl")
    rows = [["run", "params", "tokens", "loss", "task", "acc", "acc"]]
    rows += [["r", 1e8, k * 1e9, 3 + k / 10, "piqa", 0.5, 0.9] for k in range(1, 5)]
    pd.DataFrame(rows).to_excel(tmp_path / "t.xlsx", index=False, header=False)
    with pytest.raises(DataError, match="'acc' occurs twice"):
        import_table(tmp_path / "t.xlsx", COLUMNS)


def test_a_log_as_powershell_writes_it(tmp_path: Path) -> None:
    text = "".join(f"step {s}: train loss 3.1, val loss {loss_at(s)}\n" for s in STEPS)
    (tmp_path / "160m").mkdir()
    (tmp_path / "160m" / "train.log").write_text(text, encoding="utf-16")
    results(tmp_path / "res", "out/160m")
    frame, _ = imported(tmp_path)
    assert frame["loss"].tolist() == [loss_at(s) for s in frame["step"]]
