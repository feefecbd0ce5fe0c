"""Importing: files in the shapes of other tools become records, and nothing is lost in silence."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from emergence import fit_threshold, read_records, simulate
from emergence.cli.main import main
from emergence.errors import DataError, RecordsError
from emergence.metrics import brier_score, correct_choice_prob
from emergence.readers.chance import chance_of, options_of
from emergence.readers.found import number, place_of, size_in
from emergence.readers.hints import import_line
from emergence.readers.importing import import_results, import_table
from emergence.readers.recognise import read_any

ROOT = Path(__file__).parents[1]
CASES = ROOT.parent / "shared" / "cases"
STEPS = tuple(range(500, 20_001, 500))


def loss_at(step: float) -> float:
    return float(1.7 + 12 * (step + 1) ** -0.3)


def score_at(step: float) -> float:
    return float(0.25 + 0.6 * max(0.0, 2.6 - loss_at(step)))


def v04(step: int, run: str = "out/160m", **metrics: float) -> dict[str, Any]:
    """Results of version 0.4 of one checkpoint."""
    n = 2376
    cells: dict[str, Any] = {"alias": "arc_easy", "acc,none": round(score_at(step) * n) / n}
    cells |= {"acc_stderr,none": "N/A", **metrics}
    return {
        "results": {"arc_easy": cells},
        "n-samples": {"arc_easy": {"original": n, "effective": n}},
        "config": {"model_args": f"pretrained={run}/checkpoint-{step},dtype=float",
                   "model_num_parameters": 160_000_000},
    }  # fmt: skip


def written(path: Path, data: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")
    return path


def trainer_state(path: Path, every: int = 500, noise: float = 0.0) -> Path:
    rng = np.random.default_rng(0)
    steps = range(100, 20_001, 100)
    log: list[dict[str, float]] = [
        {"step": s, "loss": loss_at(s) + noise * rng.normal(), "epoch": 0.1} for s in steps
    ]
    log += [{"step": s, "eval_loss": loss_at(s)} for s in steps if every and s % every == 0]
    return written(path, {"global_step": 20_000, "log_history": log})


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for step in STEPS:
        written(
            tmp_path / f"res/checkpoint-{step}/results_2024-01-01T00-00-00.{step}.json", v04(step)
        )
    trainer_state(tmp_path / "160m" / "trainer_state.json")
    return tmp_path


def test_results_and_a_trainers_log_are_joined(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tree / "records.csv"
    line = [
        "import",
        str(tree / "res"),
        str(tree / "160m"),
        "--tokens-per-step",
        "2M",
        "-o",
        str(out),
    ]
    assert main(line) == 0
    records = read_records(out)
    frame = records.to_frame().sort_values("step")
    assert frame["step"].tolist() == list(STEPS)
    assert frame["loss"].to_numpy() == pytest.approx([loss_at(s) for s in STEPS])
    assert frame["value"].to_numpy() == pytest.approx([score_at(s) for s in STEPS], abs=3e-4)
    assert frame["tokens"].to_numpy() == pytest.approx(2e6 * np.array(STEPS))
    assert set(frame["run"]) == {"160m"}
    assert set(frame["chance"]) == {0.25}
    assert set(frame["n_items"]) == {2376}
    fit = fit_threshold(records.select(), shape="hinge", n_boot=99)
    assert fit.eta == pytest.approx(2.6, abs=0.02)
    assert "40 rows" in capsys.readouterr().out


def test_a_training_log_is_averaged_with_its_error(tmp_path: Path) -> None:
    for step in STEPS:
        written(tmp_path / f"r{step}.json", v04(step))
    trainer_state(tmp_path / "160m" / "trainer_state.json", every=0, noise=0.05)
    found = import_results(tmp_path, tokens_per_step=1e6, window=1000)
    frame = found.records.to_frame()
    assert frame["loss_stderr"].median() == pytest.approx(0.05 / np.sqrt(10), rel=0.4)
    late = frame[frame["step"] > 5000]
    error = late["loss"] - [
        np.mean([loss_at(s - d) for d in range(0, 1000, 100)]) for s in late["step"]
    ]
    assert error.std() == pytest.approx(0.05 / np.sqrt(10), rel=0.4)
    assert found.records.select().loss_sd > 0.01
    assert any("averaged" in line for line in found.assumed)


def test_what_has_no_partner_is_named(tree: Path) -> None:
    written(tree / "res" / "late.json", v04(90_000))
    written(tree / "res" / "zero.json", v04(0))
    written(tree / "res" / "note.json", {"hello": 1})
    written(tree / "res" / "unknown.json", v04(1000) | {"results": {"mine": {"acc,none": 0.5}}})
    found = import_results(tree, tokens_per_step=1e6)
    text = found.summary()
    assert "step 90000: no loss near enough" in text
    assert "zero.json: step 0" in text
    assert "note.json: of no kind that is known" in text
    assert "give --chance mine=0.25" in text
    again = import_results(tree, tokens_per_step=1e6, chance={"mine": 0.5})
    assert len(again.records) == len(found.records) + 1


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({}, "its tokens are not known"),
        ({"tokens_per_step": 1e6, "kind": "wandb"}, "no records came"),
    ],
)
def test_what_is_missing_is_asked_for(tree: Path, change: dict[str, Any], text: str) -> None:
    with pytest.raises(DataError, match=text):
        import_results(tree, **change)


def test_damaged_files_are_named(tree: Path) -> None:
    path = written(tree / "res" / "cut.json", json.dumps(v04(1000))[:60])
    with pytest.raises(DataError, match=r"cut.json is no JSON"):
        import_results(tree, tokens_per_step=1e6)
    written(path, v04(1000) | {"config": {"model_args": [1]}})
    with pytest.raises(DataError, match=r"cut.json is a damaged file of lm-eval"):
        import_results(tree, tokens_per_step=1e6)


def test_filters_groups_and_blanks_of_the_harness(tmp_path: Path) -> None:
    data = {
        "results": {
            "gsm8k": {"exact_match,strict-match": 0.1, "exact_match_stderr,strict-match": 0.01,
                      "exact_match,flexible-extract": 0.2, "alias": "gsm8k"},
            "mmlu": {"acc,none": 0.26, "acc_stderr,none": "N/A", "alias": "mmlu"},
            "mmlu_anatomy": {"acc,none": 0.25, "acc_stderr,none": []},
            "mmlu_astronomy": {"acc,none": 0.27, "acc_stderr,none": 0.0},
            "wikitext": {"word_perplexity,none": 20.0},
            "piqa": {"acc,none": None},
        },
        "groups": {"mmlu": {"acc,none": 0.26}},
        "group_subtasks": {"mmlu": ["mmlu_anatomy", "mmlu_astronomy"]},
        "n-samples": {"mmlu_anatomy": {"effective": 135}, "mmlu_astronomy": {"effective": 152},
                      "gsm8k": {"original": 1319, "effective": 1319}},
        "config": {"model_args": {"pretrained": "org/model-1.4b", "revision": "step4000"}},
    }  # fmt: skip
    found = read_any(written(tmp_path / "r.json", data))
    assert found is not None
    rows = {(r["task"], r["metric"]): r for r in found.scores}
    assert set(rows) == {("gsm8k", "exact_match"), ("gsm8k@flexible-extract", "exact_match"),
                         ("mmlu", "acc"), ("mmlu_anatomy", "acc"), ("mmlu_astronomy", "acc")}  # fmt: skip
    assert rows["mmlu", "acc"]["n_items"] == 287
    assert rows["mmlu", "acc"]["stderr"] is None
    assert rows["mmlu", "acc"]["place"].step == 4000
    assert rows["mmlu", "acc"]["params"] == 1.4e9
    assert any("word_perplexity" in line for line in found.left_out)
    assert any("piqa acc is blank" in line for line in found.left_out)


def test_the_tree_of_a_public_suite_in_one_command(tmp_path: Path) -> None:
    """The shape of 0.3, without any loss: a perplexity of the same files stands in."""
    steps = [0, 1, 512, *range(1000, 143_001, 10_000)]
    for size in ("70m", "410m", "1.4b"):
        for step in steps:
            loss = 1 + 12 * (step + 1) ** -0.2
            cells = {"ppl": float(np.exp(loss)), "ppl_stderr": 1.0, "acc": 0.1, "acc_stderr": 0.01}
            data = {
                "results": {"lambada_openai": cells, "arc_easy": {"acc": 0.3, "acc_norm": 0.31}},
                "config": {
                    "model_args": f"use_accelerate=True,pretrained=org/pythia-{size},revision=step{step}"
                },
            }
            written(tmp_path / f"pythia-{size}" / "zero-shot" / f"{size}_step{step}.json", data)
    found = import_results(tmp_path)
    frame = found.records.to_frame()
    assert frame["run"].nunique() == 3
    assert len(frame) == 3 * (len(steps) - 1) * 3
    assert sorted(frame["params"].unique()) == [7e7, 4.1e8, 1.4e9]
    row = frame[(frame["step"] == 1000) & (frame["run"] == "pythia-70m")].iloc[0]
    assert row["tokens"] == 1000 * 2_097_152
    assert row["loss"] == pytest.approx(1 + 12 * 1001**-0.2)
    assert any("stands in for the loss" in line for line in found.assumed)
    assert sum("step 0" in line for line in found.left_out) == 3


LOGS = {
    "nanogpt": "step 500: train loss 3.1, val loss 3.2\niter 500: loss 3.15, time 10ms\n",
    "megatron": " validation loss at iteration 500 | lm loss value: 3.2E+00 | lm loss PPL: 2 |\n",
    "olmo": "[step=500/1000,epoch=0]\n    train/CrossEntropyLoss=3.1\n    eval/c4/CrossEntropyLoss=3.2\n",
    "litgpt": "iter 10 | step 500: val loss 3.2, val time: 3 ms\nEpoch 1 | iter 9 | step 490: loss train: 3.1\n",
}  # fmt: skip


@pytest.mark.parametrize("kind", LOGS)
def test_printed_logs(kind: str, tmp_path: Path) -> None:
    found = read_any(written(tmp_path / "run-7b" / "train.log", "hello\n" + LOGS[kind]))
    assert found is not None
    held = [r for r in found.losses if r["kind"] == "held out"]
    assert [(r["place"].step, r["loss"], r["place"].run) for r in held] == [(500.0, 3.2, "run-7b")]


TABLES = {
    "wandb": "Step,a - eval/loss,a - eval/loss__MIN,a - acc,b - eval/loss\n500,3.2,3,1,3.3\n600,,,,3.1\n",
    "tensorboard": "Wall time,Step,Value\n1.0,500,3.2\n2.0,600,3.1\n",
    "lightning": "epoch,step,train_loss,val_loss\n0,500,3.1,3.2\n0,550,3.0,\n",
    "tokens": "tokens,eval_loss\n1B,3.2\n2B,3.1\n",
    "runs": "run,global_step,loss\na,500,3.2\nb,500,3.3\n",
}  # fmt: skip


@pytest.mark.parametrize("kind", TABLES)
def test_tables_of_losses(kind: str, tmp_path: Path) -> None:
    found = read_any(written(tmp_path / "a" / "x.csv", TABLES[kind]))
    assert found is not None
    first = next(
        r for r in found.losses if r["kind"] == "held out" or kind in ("tensorboard", "runs")
    )
    assert first["loss"] == 3.2
    assert first["place"].tokens == 1e9 if kind == "tokens" else first["place"].step == 500
    runs = {r["place"].run for r in found.losses}
    assert runs == (
        {"a", "b"} if kind in ("wandb", "runs") else {"x" if kind == "tensorboard" else "a"}
    )


@pytest.mark.parametrize(
    ("name", "run"),
    [
        ("160m/version_0/metrics.csv", "160m"),
        ("160m/lightning_logs/version_3/metrics.csv", "160m"),
        ("160m/logs/metrics.csv", "160m"),
        ("160m/checkpoint-500/metrics.csv", "160m"),
        ("logs-of-me/metrics.csv", "logs-of-me"),
    ],
)
def test_a_run_is_not_called_by_the_folders_of_its_logger(
    name: str, run: str, tmp_path: Path
) -> None:
    found = read_any(written(tmp_path / name, TABLES["lightning"]))
    assert found is not None
    assert {r["place"].run for r in found.losses} == {run}


def test_lines_of_json(tmp_path: Path) -> None:
    text = '{"step": 500, "val_loss": 3.2}\n{"step": 600, "lr": 1}\n'
    found = read_any(written(tmp_path / "a" / "log.jsonl", text))
    assert found is not None
    assert [r["loss"] for r in found.losses] == [3.2]


def test_samples_give_probabilities(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    loglik, gold = rng.normal(-5, 2, (20, 4)), rng.integers(0, 4, 20)
    lines = []
    for i in range(20):
        row = {"doc_id": i, "target": str(gold[i]), "filter": "none",
               "filtered_resps": [[str(x), "False"] for x in loglik[i]]}  # fmt: skip
        lines += [json.dumps(row)] * 2  # as several filters repeat it
    folder = tmp_path / "160m" / "checkpoint-500"
    path = written(folder / "samples_piqa_2024-01-01T00-00-00.1.jsonl", "\n".join(lines))
    found = read_any(path)
    assert found is not None
    rows = {r["metric"]: r for r in found.scores}
    assert rows["choice_prob"]["value"] == pytest.approx(correct_choice_prob(loglik, gold))
    assert rows["brier"]["value"] == pytest.approx(brier_score(loglik, gold))
    assert rows["brier"]["chance"] == 0.75
    assert rows["brier"]["task"] == "piqa"
    assert rows["brier"]["n_items"] == 20
    assert rows["brier"]["place"] == place_of("160m/checkpoint-500")


def test_samples_say_how_many_options_a_task_has_and_results_how_large_the_model_is(
    tmp_path: Path,
) -> None:
    """Of a task and a model whose names say neither."""
    for step in range(1, 9):
        folder = tmp_path / "results" / f"out__mine__checkpoint-{step}"
        results = {"results": {"toy": {"acc,none": 0.2 + step / 100}},
                   "config": {"model_args": f"pretrained=out/mine/checkpoint-{step}",
                              "model_num_parameters": 1000}}  # fmt: skip
        written(folder / "results_a.json", results)
        row = {"doc_id": 0, "target": "1", "filtered_resps": [["-1", ""]] * 3 + [["-2", ""]] * 2}
        written(folder / "samples_toy_2026-01-01T00-00-00.1.jsonl", json.dumps(row))
    log = "\n".join(json.dumps({"step": s, "val_loss": 4 - s / 9}) for s in range(1, 9))
    written(tmp_path / "mine" / "log.jsonl", log)
    found = import_results(tmp_path, tokens_per_step=1e6)
    frame = found.records.to_frame()
    assert set(frame["params"]) == {1000.0}
    chance = frame.groupby("metric")["chance"].unique().str[0].to_dict()
    assert chance == {"acc": 0.2, "choice_prob": 0.2, "brier": 0.8}
    said = import_results(tmp_path, tokens_per_step=1e6, chance={"": 0.25}).records.to_frame()
    assert set(said.loc[said["metric"] == "acc", "chance"]) == {0.25}


def test_a_logger_that_counts_from_nothing_has_a_loss_for_the_last_checkpoint(
    tmp_path: Path,
) -> None:
    rows = [f"0,{step - 1},,{4 - step / 300:.4f}" for step in range(100, 801, 100)]
    text = "\n".join(["epoch,step,train_loss,val_loss", *rows])
    written(tmp_path / "160m" / "version_0" / "metrics.csv", text)
    for step in range(100, 801, 100):
        written(tmp_path / "res" / f"results_{step}.json", v04(step))
    frame = import_results(tmp_path, tokens_per_step=1e6).records.to_frame()
    assert frame["step"].max() == 800
    assert frame["loss"].to_numpy() == pytest.approx(4 - frame["step"].to_numpy() / 300, abs=1e-4)


def test_other_evaluators(tmp_path: Path) -> None:
    light = {"config_general": {"model_name": "out/160m/checkpoint-500"},
             "results": {"leaderboard|arc:challenge|25": {"acc": 0.3, "acc_stderr": 0.01},
                         "all": {"acc": 0.3}}}  # fmt: skip
    inspect = {"status": "success", "eval": {"task": "inspect_evals/arc_easy", "model": "hf/160m-step500"},
               "results": {"total_samples": 100, "scores": [
                   {"name": "choice", "metrics": {"accuracy": {"value": 0.3}, "stderr": {"value": 0.05}}}]}}  # fmt: skip
    ever = {"schema_version": "0.1", "model_info": {"id": "org/160m-step500"}, "evaluation_results": [
        {"evaluation_name": "arc_easy", "metric_config": {"max_score": 100}, "score_details": {"score": 30}}]}  # fmt: skip
    for name, data in {"a": light, "b": inspect, "c": ever}.items():
        found = read_any(written(tmp_path / f"{name}.json", data))
        assert found is not None
        (row,) = found.scores
        assert row["value"] == pytest.approx(0.3)
        assert row["place"].step == 500
        assert options_of(row["task"]) == 4
    with zipfile.ZipFile(tmp_path / "d.eval", "w") as archive:
        archive.writestr("header.json", json.dumps(inspect))
    packed = read_any(tmp_path / "d.eval")
    assert packed is not None
    assert packed.scores[0]["n_items"] == 100
    path = tmp_path / "f.eval"
    if sys.version_info < (3, 14):
        pytest.importorskip("zipfile_zstd", reason="Inspect's packing needs the extra 'inspect'")
    with zipfile.ZipFile(path, "w", compression=93) as archive:  # Zstandard, as Inspect packs
        archive.writestr("header.json", json.dumps(inspect))
    again = read_any(path)
    assert again is not None
    assert again.scores[0] == packed.scores[0] | {"source": "f.eval"}
    path.write_bytes(path.read_bytes().replace((93).to_bytes(2, "little"), b"\x61\0"))
    with pytest.raises(DataError, match=r"emergence-lm\[inspect\]"):
        read_any(path)
    (tmp_path / "e.eval").write_bytes(b"no zip")
    with pytest.raises(DataError, match="no log of Inspect"):
        read_any(tmp_path / "e.eval")


def test_a_table_by_other_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mine.csv"
    rows = [
        f"m-{s},160M,{s}B,{loss_at(s * 100):.4f},piqa,{100 * score_at(s * 100):.2f}%"
        for s in range(1, 30)
    ]
    written(
        path, "\n".join(["model,size,D,val_loss,benchmark,acc", "m-0,160M,0,9,piqa,25%", *rows])
    )
    assert main(["validate", str(path)]) == 2
    said = capsys.readouterr().err
    line = import_line(path)
    assert line is not None
    assert line in said
    assert "--column params=size" in line
    assert "--column value=acc" in line
    out = tmp_path / "records.csv"
    assert main([*line.split()[1:-1], str(out)]) == 0
    frame = read_records(out).to_frame()
    assert len(frame) == 29
    assert set(frame["params"]) == {1.6e8}
    assert set(frame["chance"]) == {0.5}
    assert frame["value"].max() <= 1
    assert "1 rows before the first step" in capsys.readouterr().out
    with pytest.raises(DataError, match="no column 'nothing'"):
        import_table(path, {"loss": "nothing"})


@pytest.mark.parametrize(
    ("text", "value"),
    [("160M", 1.6e8), ("4.2B", 4.2e9), ("3e9", 3e9), ("1_000", 1000), ("1,234,567", 1234567),
     ("45%", 0.45), (" 7 ", 7), (3, 3), ("-1.5", -1.5)],
)  # fmt: skip
def test_numbers_as_people_write_them(text: Any, value: float) -> None:
    assert number(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "x", "1,5", "1.2.3", None, True, "12 apples"])
def test_what_is_no_number(text: Any) -> None:
    with pytest.raises(DataError):
        number(text)


@pytest.mark.parametrize(
    ("name", "revision", "found"),
    [
        ("out/160m/checkpoint-500", None, ("160m", 500, None)),
        ("EleutherAI/pythia-410m", "step3000", ("pythia-410m", 3000, 3000 * 2_097_152)),
        ("allenai/OLMo-7B", "step1000-tokens4B", ("OLMo-7B", 1000, 4e9)),
        ("runs/a/iter_0005000", None, ("a", 5000, None)),
        ("runs/b/global_step12", None, ("b", 12, None)),
        ("model-step77", "main", ("model", 77, None)),
        ("org/plain-1b", None, ("plain-1b", None, None)),
    ],
)
def test_names_of_checkpoints(name: str, revision: str | None, found: tuple[Any, ...]) -> None:
    place = place_of(name, revision)
    assert (place.run, place.step, place.tokens) == found


def test_sizes_and_chance_by_name() -> None:
    assert size_in("pythia-1.4b-deduped") == 1.4e9
    assert size_in("OLMo-2-1124-7B") == 7e9
    assert size_in("gpt") is None
    tasks = {"hellaswag": 4, "mmlu_anatomy": 4, "hendrycksTest-anatomy": 4, "winogrande": 2,
             "gsm8k": 0, "ceval-valid_law": 4, "commonsense_qa": 5, "arc_easy": 4, "mine": None,
             "social_iqa": 3, "lambada_openai": 0, "mmlu_pro": 10}  # fmt: skip
    assert {task: options_of(task) for task in tasks} == tasks
    assert chance_of("piqa", "brier", {}) == 0.5
    assert chance_of("piqa", "exact_match", {}) == 0.0
    assert chance_of("mine", "acc", {"mine": 0.2}) == 0.2
    assert chance_of("mine", "acc", {}) is None


def test_cases() -> None:
    if not CASES.exists():
        pytest.skip("the folder of cases is not here; it is not part of the project")
    results, state = CASES / "G_lm_eval_v04.json", CASES / "G_trainer_state.json"
    with pytest.warns(UserWarning, match="no whole number"):
        frame = import_results([results, state]).records.to_frame()
    assert frame["loss"].unique() == pytest.approx([3.0172897])
    assert frame["tokens"].unique() == pytest.approx([5000 * 2_097_152])
    assert frame["chance"].isin([0.25, 0.0]).all()
    with pytest.raises(DataError, match="step 0"):
        import_results(CASES / "F_lm_eval_v03_step0.json")
    found = read_any(CASES / "H_tensorboard_export.csv")
    assert found is not None
    assert len(found.losses) == len(pd.read_csv(CASES / "H_tensorboard_export.csv"))


def test_losses_of_other_tokenizers_come_as_bits_per_byte(tmp_path) -> None:
    table = tmp_path / "t.csv"
    frame = simulate("jump", n=20, rng=0).to_frame().rename(columns={"loss": "val_ce"})
    frame.to_csv(table, index=False)
    columns = {"loss": "val_ce"} | {c: c for c in frame if c != "val_ce"}
    nats = import_table(table, columns).records.to_frame()
    bits = import_table(table, columns, bytes_per_token=4.0).records.to_frame()
    np.testing.assert_allclose(bits["loss"], nats["loss"] / (4.0 * np.log(2.0)))
    assert set(bits["family"]) == {"bits per byte"}
    assert main([
        "import", str(table), "--column", "loss=val_ce", "--family", "a", "--bytes-per-token", "4",
        *(f"--column={c}={c}" for c in frame if c != "val_ce"), "-o", str(tmp_path / "r.csv"),
    ]) == 0  # fmt: skip
    assert list(read_records(tmp_path / "r.csv").families) == ["a/bits per byte"]
    with pytest.raises(DataError, match="bytes per token is 0; it must be a positive number"):
        import_table(table, columns, bytes_per_token=0.0)


def test_a_sheet_of_excel_is_a_table_too(tmp_path) -> None:
    pytest.importorskip("openpyxl", reason="Excel needs the extra 'excel'")
    table = pd.DataFrame(
        {
            "name": ["a"] * 3,
            "size": ["160M"] * 3,
            "seen": ["1B", "2B", "3B"],
            "ce": [3.1, 2.9, 2.8],
            "hellaswag": [26.0, 31.5, 40.0],
        }
    )
    columns = {"model": "name", "params": "size", "tokens": "seen", "loss": "ce"}
    columns["value"] = "hellaswag"
    frames = []
    for path in (tmp_path / "table.xlsx", tmp_path / "table.csv"):
        table.to_excel(path, index=False) if path.suffix == ".xlsx" else table.to_csv(path)
        frame = import_table(path, columns, constants={"task": "hellaswag"}).records.to_frame()
        frames.append(frame[["params", "tokens", "loss", "value", "chance"]])
    pd.testing.assert_frame_equal(*frames)
    assert frames[0]["params"].tolist() == [160e6] * 3
    assert frames[0]["value"].tolist() == [0.26, 0.315, 0.4]
    with pd.ExcelWriter(tmp_path / "two.xlsx") as book:
        for name in ("notes", "scores"):
            table.to_excel(book, sheet_name=name, index=False)
    with pytest.raises(DataError, match=r"two.xlsx has several sheets \(notes, scores\)"):
        import_table(tmp_path / "two.xlsx", columns)
    (tmp_path / "broken.xlsx").write_bytes(b"PK no sheet")
    with pytest.raises(DataError, match=r"broken\.xlsx cannot be read as a table"):
        import_table(tmp_path / "broken.xlsx", columns)


def test_steps_of_a_table_become_tokens(tmp_path: Path) -> None:
    rows = [f"160m,160M,step{s},{loss_at(s):.4f},piqa,{score_at(s):.4f}" for s in STEPS]
    path = written(tmp_path / "t.csv", "\n".join(["run,size,rev,ce,task,acc", *rows]))
    columns = {"params": "size", "step": "rev", "loss": "ce", "value": "acc"}
    with pytest.raises(DataError, match="give tokens_per_step="):
        import_table(path, columns)
    frame = import_table(path, columns, tokens_per_step=1e6).records.to_frame()
    assert frame["tokens"].tolist() == [1e6 * s for s in STEPS]


def test_losses_of_a_table_that_no_tool_wrote_join_results(tree: Path) -> None:
    (tree / "160m" / "trainer_state.json").unlink()
    rows = [f"160m,{s},{loss_at(s):.5f}" for s in STEPS]
    written(tree / "mine.csv", "\n".join(["who,at,ce", *rows]))
    out = tree / "records.csv"
    named = ["--column=loss=ce", "--column=step=at", "--column=run=who"]
    line = ["import", str(tree / "res"), str(tree / "mine.csv"), *named]
    assert main([*line, "--tokens-per-step", "2M", "-o", str(out)]) == 0
    frame = read_records(out).to_frame().sort_values("step")
    assert frame["loss"].to_numpy() == pytest.approx([loss_at(s) for s in STEPS], abs=1e-5)


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        ({"loss": "ce"}, "the step or of the tokens"),
        ({"loss": "ce", "step": "at", "size": "n"}, "has no 'size'"),
        ({"loss": "ce", "step": "nowhere"}, "no table among these files has the columns"),
    ],
)
def test_names_of_columns_of_losses_are_checked(
    tree: Path, columns: dict[str, str], text: str
) -> None:
    (tree / "160m" / "trainer_state.json").unlink()
    written(tree / "mine.csv", "at,ce\n500,3.1\n")
    with pytest.raises(DataError, match=text):
        import_results(tree, columns=columns, tokens_per_step=1e6)


def test_a_table_of_another_tool_loses_no_row(tmp_path: Path) -> None:
    rows = [f"m,160M,{k}B,{4 - k / 9:.3f},piqa,{50 + k}%" for k in range(1, 9)]
    header = "model,size,D,ce,bench,acc"
    columns = {"params": "size", "tokens": "D", "loss": "ce", "task": "bench", "value": "acc"}
    strayed = [
        rows[0],
        rows[1].replace("m,", '"m,', 1),
        *rows[2:5],
        rows[5].replace("m,", 'm",', 1),
    ]
    path = written(tmp_path / "t.csv", "\n".join([header, *strayed, *rows[6:]]))
    with pytest.raises(RecordsError, match="a quote in this row"):
        import_table(path, columns)
    path = written(tmp_path / "t.csv", "\n".join([header, rows[0] + ",1", *rows[1:]]))
    with pytest.raises(RecordsError, match="more fields than the header"):
        import_table(path, columns)
    path = written(tmp_path / "t.csv", "\n".join([header, *rows]))
    assert len(import_table(path, columns).records) == len(rows)


def test_an_error_names_the_row_as_the_file_counts_it(tmp_path: Path) -> None:
    """Blank lines count, and so do rows before the first step, which are left out."""
    rows = [f"m,160M,{k}B,{4 - k / 9:.3f},piqa,{50 + k}" for k in range(8)]
    header = "model,size,D,ce,bench,acc"
    columns = {"params": "size", "tokens": "D", "loss": "ce", "task": "bench", "value": "acc"}
    rows[4] = rows[4].replace("54", "much")
    path = written(tmp_path / "t.csv", "\n".join([header, "", *rows]))
    with pytest.raises(RecordsError, match="row 7, column 'value': 'much'"):
        import_table(path, columns)
    rows[4] = rows[3]
    path = written(tmp_path / "t.csv", "\n".join([header, "", *rows]))
    with pytest.raises(RecordsError, match=r"row 7, column 'tokens'.*already in row 6"):
        import_table(path, columns)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_a_table_may_have_another_encoding(tree: Path, encoding: str) -> None:
    """UTF-16 is known by its mark; what has none is named."""
    (tree / "160m" / "trainer_state.json").unlink()
    rows = [f"160m,{s},{loss_at(s):.5f},caf\xe9" for s in STEPS]
    text = "\n".join(["run,step,eval_loss,place", *rows])
    (tree / "mine.csv").write_bytes(text.encode(encoding))
    out = tree / "records.csv"
    line = ["import", str(tree / "res"), str(tree / "mine.csv"), "--tokens-per-step=2M"]
    if encoding == "latin-1":
        assert main([*line, "-o", str(out)]) == 2
        line.append("--encoding=latin-1")
    assert main([*line, "-o", str(out)]) == 0
    assert len(read_records(out)) > 0
    assert main([*line, "--encoding=rot13", "-o", str(out)]) == 2


def test_names_of_columns_go_by_letters_not_by_case_and_are_not_passed_over(tree: Path) -> None:
    rows = [f"{s},9.9,{loss_at(s):.5f}" for s in STEPS]
    written(tree / "160m" / "log.csv", "\n".join(["iter,loss,val_ce", *rows]))
    written(tree / "notes.csv", "")  # no table, and none of ours
    (tree / "160m" / "trainer_state.json").unlink()
    found = import_results(tree, columns={"loss": "Val_CE", "step": "Iter"}, tokens_per_step=1e6)
    frame = found.records.to_frame().sort_values("step")
    assert frame["loss"].to_numpy() == pytest.approx([loss_at(s) for s in STEPS], abs=1e-5)
    with pytest.raises(DataError, match="no table among these files has the columns val"):
        import_results(tree, columns={"loss": "val", "step": "iter"}, tokens_per_step=1e6)


def test_a_folder_with_named_losses_on_the_command_line(tree: Path) -> None:
    rows = [f"{s},{loss_at(s):.5f}" for s in STEPS]
    (tree / "160m" / "trainer_state.json").unlink()
    written(tree / "160m" / "log.csv", "\n".join(["it,ce", *rows]))
    line = ["import", str(tree), "--column", "loss=ce", "--column", "step=it"]
    assert main([*line, "--tokens-per-step", "1e6", "-o", str(tree / "r.csv")]) == 0


def test_a_table_of_one_task_is_named_on_the_command_line(tmp_path: Path) -> None:
    rows = [f"a,160M,{k}B,{4 - k / 9:.3f},{0.2 + k / 20}" for k in range(1, 9)]
    written(tmp_path / "t.csv", "\n".join(["run,size,D,ce,y", *rows]))
    columns = ["loss=ce", "params=size", "tokens=D", "value=y"]
    line = ["import", str(tmp_path / "t.csv"), *(f"--column={c}" for c in columns)]
    line += ["--task", "mine", "--chance", "0.2", "-o", str(tmp_path / "r.csv")]
    assert main(line) == 0
    assert set(read_records(tmp_path / "r.csv").to_frame()["chance"]) == {0.2}
    curves = ["import", "a.csv", "b.csv", "--task", "t", "--column", "loss=y", "-o", "o.csv"]
    assert main(curves) == 2  # no option is passed over in silence


def test_brier_scores_are_no_percent(tmp_path: Path) -> None:
    rows = [f"a,160M,{k}B,{4 - k / 9:.3f},piqa,{1.7 - k / 10}" for k in range(1, 9)]
    written(tmp_path / "t.csv", "\n".join(["run,params,tokens,loss,task,value", *rows]))
    names = {name: name for name in ("params", "tokens", "loss", "task", "value")}
    frame = import_table(tmp_path / "t.csv", names, constants={"metric": "brier"}).records
    assert frame.to_frame()["value"].max() == pytest.approx(1.6)


def test_what_is_said_of_a_log(tmp_path: Path) -> None:
    found = read_any(written(tmp_path / "run-1-tag-eval_loss.csv", TABLES["tensorboard"]))
    assert found is not None
    assert {r["kind"] for r in found.losses} == {"held out"}
    written(tmp_path / "160m" / "v.json", v04(500, "160m"))
    log = "[step=500/1000]\n  eval/a/CrossEntropyLoss=3.1\n  eval/b/CrossEntropyLoss=3.2\n"
    written(tmp_path / "160m" / "train.log", log)
    told = import_results(tmp_path / "160m", tokens_per_step=1e6).assumed
    assert any("of several losses (a, b) a was taken" in line for line in told)
    with pytest.raises(RecordsError, match="is not a number"):
        read_any(written(tmp_path / "x.csv", "step,val_loss\n500,oops\n"))
    written(tmp_path / "k.csv", "run,rev,ce,task,value\na,step1k,3,piqa,.5\n")
    with pytest.raises(RecordsError, match="step1k"):
        import_table(tmp_path / "k.csv", {"step": "rev", "loss": "ce"}, tokens_per_step=1e6)
