from __future__ import annotations

import ast
import multiprocessing
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the trainer needs the extra 'train'")
pytest.importorskip("transformers", reason="the trainer needs the extra 'train'")

import torch
from safetensors.torch import load_file

import emergence.train
from emergence import read_records
from emergence._files import locked
from emergence.errors import DataError, OutputError
from emergence.train import batches, checkpoint, loop
from emergence.train.config import check_branch
from emergence.train.corpus.tasks import TASKS
from emergence.train.folder import LOG, RECORDS, STATE, check_folder, is_finished
from emergence.train.loop import train
from emergence.train.state import read_lines
from emergence.train.stopping import Interrupted, TrainingStopped

# A server that has imported torch once: each child is there in milliseconds.
FORK = multiprocessing.get_context("forkserver")
FORK.set_forkserver_preload(["emergence.train.loop"])
torch.set_num_threads(1)  # sums in one order, in all processes


def alone(config, folder: Path, limit: int | None = None) -> None:
    """Train in a process of its own; the exit status says how it ended."""
    torch.set_num_threads(1)
    if limit is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        train(config, folder, progress=False)
    except TrainingStopped as error:
        (folder.parent / "message.txt").write_text(str(error))
        os._exit(3)


def start(*args) -> multiprocessing.process.BaseProcess:
    child = FORK.Process(target=alone, args=args)
    child.start()
    return child


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model" / "model.safetensors")


def assert_same(one: Path, other: Path) -> None:
    a, b = weights(one), weights(other)
    assert a.keys() == b.keys()
    assert all(torch.equal(a[k], b[k]) for k in a)
    assert read_lines(one / RECORDS) == read_lines(other / RECORDS)
    steps = [(r["step"], r["loss"]) for r in read_lines(one / LOG)]
    assert steps == [(r["step"], r["loss"]) for r in read_lines(other / LOG)]


@pytest.fixture(scope="module")
def config(tiny_config):
    return tiny_config


@pytest.fixture(scope="module")
def whole(config, tmp_path_factory) -> Path:
    """The run that nothing interrupts, and how long it took in a process of its own."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    child = start(config, folder)
    child.join()
    assert child.exitcode == 0
    return folder


def test_records_are_complete_and_valid(config, whole) -> None:
    records = read_records(whole / RECORDS)
    frame = records.to_frame()
    assert sorted(frame["step"].unique()) == config.checkpoints
    assert not frame.duplicated(["step", "task", "metric"]).any()
    scores = frame[frame["task"].isin(list(TASKS))]
    metrics = Counter(scores["metric"])
    n = len(config.checkpoints)
    assert metrics["acc"] == 10 * n
    assert metrics["exact_match"] == 2 * n
    assert all(
        metrics[m] == 12 * n
        for m in ("choice_prob", "brier", "perplexity_correct", "perplexity_wrong")
    )
    assert (frame["flops"] == 6 * frame["params"] * frame["tokens"]).all()
    assert frame["tokens"].max() == config.steps * config.rows * config.model.context
    mixture = frame[(frame["task"] == "mixture") & (frame["metric"] == "loss")]
    np.testing.assert_array_equal(mixture["loss"], mixture["value"])
    assert {"train_loss", "loss"} <= set(frame["metric"])


def test_only_the_tasks_that_are_asked_for_are_scored(config, whole, tmp_path) -> None:
    few = config.model_copy(update={"tasks": ("cloze_en", "arithmetic_zh")})
    frame, every = (
        read_records(folder / RECORDS).to_frame()
        for folder in (train(few, tmp_path / "few", progress=False), whole)
    )
    scored = frame[~frame["metric"].isin(["loss", "train_loss"])]  # losses are of domains
    assert set(scored["task"]) == {"cloze_en", "arithmetic_zh"}
    same = every.merge(frame, on=["step", "task", "metric"], suffixes=("", "_few"))
    assert len(same) == len(frame)
    np.testing.assert_array_equal(same["value"], same["value_few"])


def test_the_loss_falls(whole) -> None:
    losses = [row["loss"] for row in read_lines(whole / LOG)]
    assert losses[-1] < losses[0] - 0.5


def test_a_finished_run_is_left_alone(config, whole) -> None:
    before = {p: p.stat().st_mtime_ns for p in whole.rglob("*")}
    train(config, whole, progress=False)
    assert before == {p: p.stat().st_mtime_ns for p in whole.rglob("*")}


def test_killed_twenty_times_it_ends_as_if_nothing_had_been(config, tmp_path) -> None:
    long = config.model_copy(update={"tokens": 400_000, "evaluations": 10, "save_every": 50})
    child = start(long, tmp_path / "whole")
    child.join()
    rng = np.random.default_rng(0)
    log = tmp_path / "killed" / LOG
    for kill in range(20):
        size = log.stat().st_size if log.exists() else 0
        child = start(long, tmp_path / "killed")
        # Every other kill comes while the run starts or resumes, the others when it has got on.
        while kill % 2 and child.is_alive() and not (log.exists() and log.stat().st_size > size):
            time.sleep(0.002)
        child.join(float(rng.uniform(0.0, 0.1)))
        assert child.exitcode is None, f"the run ended before kill {kill}"
        os.kill(child.pid, signal.SIGKILL)
        child.join()
    on_the_way = read_lines(tmp_path / "killed" / RECORDS)
    child = start(long, tmp_path / "killed")
    child.join()
    assert on_the_way  # some kills came after the first checkpoint
    assert_same(tmp_path / "whole", tmp_path / "killed")


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_saves_and_says_how_to_go_on(config, whole, tmp_path, sent) -> None:
    folder = tmp_path / "run"
    child = start(config, folder)
    while not (folder / LOG).exists():
        time.sleep(0.01)
    os.kill(child.pid, sent)
    child.join()
    assert child.exitcode == 3
    message = (tmp_path / "message.txt").read_text()
    assert "was interrupted at step" in message
    assert "same command again" in message
    train(config, folder, progress=False)
    assert is_finished(folder)
    assert [r["step"] for r in read_lines(folder / LOG)] == [
        r["step"] for r in read_lines(whole / LOG)
    ]


def test_a_full_disk_leaves_a_run_that_resumes(config, whole, tmp_path) -> None:
    folder = tmp_path / "run"
    limit = (whole / STATE).stat().st_size // 2  # the config fits, a state does not
    child = start(config, folder, limit)
    child.join()
    assert child.exitcode == 3
    assert "File too large" in (tmp_path / "message.txt").read_text()
    assert not list(folder.glob("*.part"))
    child = start(config, folder)
    child.join()
    assert_same(whole, folder)


def test_a_disk_that_is_full_at_the_very_end_leaves_a_run_that_ends(
    config, whole, tmp_path, monkeypatch
) -> None:
    folder = tmp_path / "run"
    real = checkpoint.write_whole

    def full(path: Path, data: bytes) -> None:
        if path.parent.name == "model" and path.name == "tokenizer.json":
            raise OSError(28, "No space left on device")
        real(path, data)

    monkeypatch.setattr(checkpoint, "write_whole", full)
    with pytest.raises(TrainingStopped, match=r"No space left on device.*same command again"):
        train(config, folder, progress=False)
    assert not is_finished(folder)
    monkeypatch.undo()
    train(config, folder, progress=False)
    assert_same(whole, folder)


def test_ctrl_c_before_the_first_step_is_no_traceback(config, tmp_path, monkeypatch) -> None:
    def interrupted(*_, **__) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "train_tokenizer", interrupted)
    with pytest.raises(Interrupted, match="run tiny was interrupted; give the same command again"):
        train(config, tmp_path / "run", progress=False)


def test_rows_that_other_processes_write_are_the_same(config, whole, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(batches, "text_workers", lambda _: 2)
    assert_same(whole, train(config, tmp_path / "run", progress=False))


def test_a_loss_that_is_not_finite_is_never_saved(config, tmp_path) -> None:
    wild = config.model_copy(update={"lr": 1e30, "warmup": 0, "log_every": 1})
    with pytest.raises(TrainingStopped, match=r"step \d+; the state before it is kept.*Lower lr"):
        train(wild, tmp_path / "run", progress=False)
    state = tmp_path / "run" / STATE
    if state.exists():
        assert all(torch.isfinite(t).all() for t in load_file(state).values())


def test_another_config_in_the_folder_is_refused(config, whole, tmp_path) -> None:
    other = config.model_copy(update={"lr": 1.0, "tokens": config.tokens * 2})
    with pytest.raises(DataError, match=r"another config \(tokens, lr differ\)"):
        train(other, whole, progress=False)
    # A run that was refused before it began binds nobody.
    many = config.model_copy(update={"items": 10_000})
    with pytest.raises(DataError, match="ask for fewer"):
        train(many, tmp_path, progress=False)
    check_folder(config, tmp_path)
    (tmp_path / "model").mkdir()
    with pytest.raises(DataError, match="has a folder 'model' of something else"):
        train(config, tmp_path, progress=False)


def test_a_folder_is_trained_by_one_process(config, tmp_path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    with locked(folder, "trains in"), pytest.raises(OutputError, match="another process trains in"):
        train(config, folder, progress=False)
    train(config.model_copy(update={"tokens": 500}), folder, progress=False)


def test_items_longer_than_the_context_are_refused_at_once(config, tmp_path) -> None:
    short = config.model_copy(update={"model": config.model.model_copy(update={"context": 32})})
    with pytest.raises(DataError, match=r"task \w+: an item has \d+ tokens, the model reads 32"):
        train(short, tmp_path / "run", progress=False)


def test_a_branch_starts_where_its_trunk_was(config, tmp_path) -> None:
    base = config.model_copy(update={"schedule": "wsd", "decay": 0.5})
    branch = base.model_copy(
        update={"name": "branch", "tokens": config.tokens // 2, "trunk": "trunk", "evaluations": 2}
    )
    trunk = base.model_copy(update={"name": "trunk", "keep": (branch.decay_start,)})
    with pytest.raises(DataError, match=r"branches from .*which is not there"):
        train(branch, tmp_path / "branch", progress=False)
    train(trunk, tmp_path / "trunk", progress=False)
    for change, text in (
        ({"lr": 1e-3}, "lr differ"),
        ({"mixture": {"fact": 1.0}, "english": 1.0}, "mixture, english differ"),
        ({"tokens": 9000}, "to its keep"),
    ):
        with pytest.raises(DataError, match=text):
            check_branch(branch.model_copy(update=change), trunk)
    train(branch, tmp_path / "branch", progress=False)
    steps = [r["step"] for r in read_lines(tmp_path / "branch" / LOG)]
    assert min(steps) > branch.decay_start
    assert max(steps) == branch.steps
    # The trunk alone, cut short and decayed, is the same run.
    cut = branch.model_copy(update={"name": "cut", "trunk": None})
    train(cut, tmp_path / "cut", progress=False)
    a, b = weights(tmp_path / "branch"), weights(tmp_path / "cut")
    assert all(torch.equal(a[k], b[k]) for k in a)


def test_a_run_in_bfloat16_is_another_but_the_same_every_time(config, whole, tmp_path) -> None:
    half = config.model_copy(update={"precision": "bfloat16"})
    one, two = (weights(train(half, tmp_path / n, progress=False)) for n in ("one", "two"))
    full = weights(whole)
    assert all(torch.equal(one[k], two[k]) for k in one)
    assert all(one[k].dtype == torch.float32 for k in one)
    assert not all(torch.equal(one[k], full[k]) for k in one)
    final = [read_lines(f / LOG)[-1]["loss"] for f in (tmp_path / "one", whole)]
    assert final[0] == pytest.approx(final[1], rel=0.05)


@pytest.mark.parametrize("fsdp", [False, True], ids=["ddp", "fsdp2"])
def test_two_processes_agree_with_one(config, whole, tmp_path, fsdp) -> None:
    shared = config.model_copy(update={"fsdp": fsdp, "device": "cpu"})
    path = tmp_path / "config.json"
    path.write_text(shared.model_dump_json())
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2",
               "--standalone", "-m", "emergence", "train", str(path),
               "-o", str(tmp_path / "run")]  # fmt: skip
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr
    one, two = (read_lines(f / RECORDS) for f in (whole, tmp_path / "run"))
    assert [(r["step"], r["task"], r["metric"]) for r in one] == [
        (r["step"], r["task"], r["metric"]) for r in two
    ]
    for a, b in zip(one, two, strict=True):
        assert a["loss"] == pytest.approx(b["loss"], abs=1e-3)
    first, other = (read_lines(f / LOG)[0] for f in (whole, tmp_path / "run"))
    assert first["loss"] == pytest.approx(other["loss"], rel=1e-5)
    assert first["grad_norm"] == pytest.approx(other["grad_norm"], rel=1e-4)
    a, b = weights(whole), weights(tmp_path / "run")
    assert all(torch.allclose(a[k], b[k], atol=5e-3) for k in a)


def test_own_text_takes_the_place_of_prose(config, tmp_path) -> None:
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "a.txt").write_text(
        " ".join(f"It was the best of {i} times." for i in range(800))
    )
    (tmp_path / "text" / "b.jsonl").write_text(
        '{"text": "It was the worst\u2028of times."}\n\n' * 9
    )
    own = config.model_copy(update={"text": str(tmp_path / "text"), "tokens": 2000})
    frame = read_records(train(own, tmp_path / "run", progress=False) / RECORDS).to_frame()
    assert "text" in set(frame["task"])
    assert not {"prose_en", "prose_zh"} & set(frame["task"])
    assert re.search(r"\+text#[0-9a-f]{8}:0.2/", frame["family"].iloc[0])


def test_a_text_that_changed_under_a_run_is_refused(config, tmp_path) -> None:
    book = tmp_path / "book.txt"
    book.write_text(" ".join(f"It was the best of {i} times." for i in range(800)))
    own = config.model_copy(update={"text": str(book), "tokens": 2000})
    folder = train(own, tmp_path / "run", progress=False)
    shutil.rmtree(folder / "model")  # as if it had been killed before its end
    book.write_text(book.read_text().replace("best", "worst"))
    with pytest.raises(DataError, match=r"book.txt makes that world5\+book.txt#\w+:0.2"):
        train(own, folder, progress=False)


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.jsonl", '{"words": 1}', "a.jsonl, row 1, text: Field required; a line is"),
        ("a.jsonl", '{"text": null}', "row 1, text: Input should be a valid string, not 'None'"),
        ("a.txt", "too short", "too few to train on"),
        ("a.txt", b"fine\ncaf\xe9", "a.txt, row 2: byte 0xe9 is no UTF-8"),
        ("missing.txt", ..., "missing.txt: there is no such file or folder"),
        ("a.parquet", None, "no column 'text'; found: words"),
    ],
)
def test_text_that_cannot_be_used_says_why(config, tmp_path, name, content, text) -> None:
    path = tmp_path / name
    if content is None:
        import pandas as pd

        pd.DataFrame({"words": ["a"]}).to_parquet(path)
    elif content is not ...:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=text):
        train(config.model_copy(update={"text": str(path)}), tmp_path / "run", progress=False)


def test_nothing_of_a_run_folder_is_unpickled(whole) -> None:
    files = [p for p in whole.rglob("*") if p.is_file() and p.parent.name != "tensorboard"]
    kinds = {p.suffix for p in files if p.name != ".lock"}
    assert kinds <= {".json", ".jsonl", ".safetensors", ".jinja"}
    for path in Path(emergence.train.__file__).parent.glob("*.py"):
        tree = ast.parse(path.read_text())
        calls = {ast.unparse(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
        assert not calls & {"torch.load", "pickle.load", "pickle.loads", "joblib.load"}, path
