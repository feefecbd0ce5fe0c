from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("torch", reason="the trainer needs the extra 'train'")
pytest.importorskip("transformers", reason="the trainer needs the extra 'train'")

from emergence import read_records
from emergence._files import locked
from emergence.cli.main import main
from emergence.errors import DataError
from emergence.train.folder import LOG, STATE, is_finished
from emergence.train.stopping import TrainingStopped
from emergence.train.sweeps import process as process_module
from emergence.train.sweeps.presets import PRESETS, SIZES, peak_rate, preset, read_sweep
from emergence.train.sweeps.process import Crew, train_apart
from emergence.train.sweeps.sweep import sweep


@pytest.fixture(scope="module")
def configs(tiny_config):
    trunk = tiny_config.model_copy(
        update={"name": "trunk", "schedule": "wsd", "decay": 0.5, "tokens": 8000}
    )
    branch = trunk.model_copy(
        update={"name": "branch", "trunk": "trunk", "tokens": 4000, "evaluations": 2}
    )
    trunk = trunk.model_copy(update={"keep": (branch.decay_start,)})
    return [branch, trunk]  # the wrong way round: the sweep knows what comes first


@pytest.fixture(scope="module")
def done(configs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    return folder, sweep(configs, folder, n_jobs=2, progress=False)


def test_a_sweep_collects_the_records_of_all_runs(configs, done) -> None:
    folder, records = done
    frame = records.to_frame()
    assert set(frame["run"]) == {"trunk", "branch"}
    assert len(read_records(folder / "records.csv")) == len(frame)
    about = json.loads((folder / "sweep.json").read_text())
    assert [c["name"] for c in about["configs"]] == ["branch", "trunk"]
    assert len(about["made_by"]) == 1
    assert read_sweep(str(folder / "sweep.json")) == configs


def test_what_is_finished_is_skipped(configs, done) -> None:
    folder, records = done
    before = {p: p.stat().st_mtime_ns for c in configs for p in (folder / c.name).rglob("*")}
    again = sweep(configs, folder, n_jobs=1, progress=True)
    assert again.to_frame().equals(records.to_frame())
    assert before == {
        p: p.stat().st_mtime_ns for c in configs for p in (folder / c.name).rglob("*")
    }


def test_a_run_that_fails_is_named_and_the_others_end(tiny_config, tmp_path) -> None:
    good = tiny_config.model_copy(update={"name": "good", "tokens": 3000})
    wild = good.model_copy(update={"name": "wild", "lr": 1e30, "warmup": 0})
    with pytest.raises(TrainingStopped, match=r"1 of 2 runs failed(.|\n)*wild: .*Lower lr"):
        sweep([wild, good], tmp_path, n_jobs=1, progress=False)
    assert is_finished(tmp_path / "good")
    assert set(read_records(tmp_path / "records.csv").to_frame()["run"]) == {"good"}


@pytest.fixture
def interruptible():
    """Children that an interrupt reaches, also where the tests themselves run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize("whole_group", [True, False], ids=["terminal", "process"])
def test_an_interrupt_saves_every_run_and_starts_nothing_more(
    tiny_config, tmp_path, whole_group
) -> None:
    longer = {"tokens": 10_000_000, "evaluations": 1, "log_every": 5, "save_every": 1_000_000}
    names = ("a", "b", "c")
    configs = [tiny_config.model_copy(update=longer | {"name": n}) for n in names]
    path = tmp_path / "three.json"
    path.write_text(json.dumps([c.model_dump() for c in configs]))
    command = [sys.executable, "-m", "emergence", "sweep", str(path), "--jobs", "2"]
    process = subprocess.Popen(
        [*command, "-o", str(tmp_path / "out")],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    logs = [tmp_path / "out" / name / LOG for name in "ab"]
    while not all(log.exists() for log in logs):
        assert process.poll() is None
        time.sleep(0.05)
    (os.killpg if whole_group else os.kill)(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the sweep was interrupted; give the same command again" in said
    assert "Traceback" not in said
    assert all((log.parent / STATE).exists() for log in logs)
    assert not (tmp_path / "out" / "c").exists()
    for log in logs:  # nobody trains there any more
        with locked(log.parent, "reads"):
            pass


def test_any_error_of_a_run_is_told_and_tried_again(tiny_config, tmp_path, monkeypatch) -> None:
    tries = []

    def fail(config, folder, gpu, crew) -> tuple[int, str]:
        tries.append(config.name)
        return 1, "MemoryError: no room"

    monkeypatch.setattr(process_module, "_attempt", fail)
    with pytest.raises(TrainingStopped, match="tiny: MemoryError: no room"):
        sweep([tiny_config], tmp_path, n_jobs=1, retries=2, progress=False)
    assert len(tries) == 3


def test_the_last_line_of_a_traceback_is_the_error(tiny_config, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(process_module, "CONFIG", "config.txt")  # no config: a size, to the child
    (tmp_path / "sitecustomize.py").write_text("raise SystemExit('a\\nbroken environment')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    why = train_apart(tiny_config, tmp_path, 0, Crew())
    assert why == "broken environment"


@pytest.mark.parametrize(("retries", "why"), [(1, None), (0, "its process was killed: Killed")])
def test_a_process_that_died_is_tried_again(tiny_config, tmp_path, retries, why) -> None:
    config = tiny_config.model_copy(update={"tokens": 200_000, "save_every": 20})
    crew = Crew()
    with ThreadPoolExecutor() as pool:
        result = pool.submit(train_apart, config, tmp_path, retries, crew)
        while not (tmp_path / "tiny" / STATE).exists():
            assert not result.done()
            time.sleep(0.01)
        crew.running[0].kill()
        assert result.result() == why
    assert is_finished(tmp_path / "tiny") == (retries == 1)


def test_a_sweep_that_cannot_end_well_is_refused_at_once(configs, tiny_config, tmp_path) -> None:
    branch, trunk = configs
    for bad, text in (
        ([branch], "its trunk trunk is not in the sweep"),
        ([branch, trunk.model_copy(update={"keep": ()})], "add step 8 to its keep"),
        ([branch.model_copy(update={"seed": 5}), trunk], "seed differ"),
    ):
        with pytest.raises(DataError, match=text):
            sweep(bad, tmp_path, progress=False)
    assert not list(tmp_path.iterdir())
    with pytest.raises(DataError, match="several runs are called tiny"):
        sweep([tiny_config, tiny_config], tmp_path)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_sweeps(name) -> None:
    configs = preset(name)
    assert len({c.name for c in configs}) == len(configs)
    trunks = {c.name: c for c in configs if c.trunk is None}
    for c in configs:
        if c.trunk:
            assert c.decay_start in trunks[c.trunk].keep
            assert c.decay_start <= trunks[c.trunk].decay_start  # still the constant rate
            assert c.model == trunks[c.trunk].model
    if name.startswith("paper28"):
        assert len(configs) == 28
        assert len({c.model.params for c in configs}) >= 6
    with pytest.raises(DataError, match="no preset 'x'; there is demo"):
        preset("x")


def test_a_variant_differs_from_the_long_run_of_its_size_in_what_it_is_named_after() -> None:
    long = {c.name: c.model_dump() for c in preset("paper3-cpu")}
    changed = {}
    kinds = ("vocabularies-cpu", "structures-cpu", "mamba-cpu", "corpora-cpu")
    for config in [c for kind in kinds for c in preset(kind)]:
        name, seed = config.name.split("-")
        base, varied = long[f"285k-{seed}"], config.model_dump()
        changed[name] = {k for k in base.keys() - {"name", "lr"} if base[k] != varied[k]}
        if "model" in changed[name]:
            model = {k for k, v in base["model"].items() if v != varied["model"][k]}
            changed[name] = changed[name] - {"model"} | model
        assert config.model.params == pytest.approx(285_000, rel=0.1)
    assert changed == {
        "vocab800": {"vocab_size"},
        "vocab3000": {"vocab_size"},
        "rotary0": {"rotary"},
        "rotary1": {"rotary"},
        "ungrouped": {"kv_heads"},
        "mamba2": {"mixer", "layers", "heads", "compile"},
        "english50": {"english"},
        "prose20": {"mixture"},
    }


def test_one_rule_gives_the_learning_rate() -> None:
    assert peak_rate(37_000) == 7e-3
    assert len(SIZES) >= 10


def test_commands_train_sweep_and_evaluate(tiny_config, tmp_path, capsys) -> None:
    run = tmp_path / "run"
    sets = [
        f"{k}={v}" for k, v in (("rows", 2), ("items", 4), ("loss_rows", 4), ("evaluations", 2))
    ]
    options = [x for s in sets for x in ("--set", s)]
    assert main(["train", "25k", "--tokens", "600", *options, "-o", str(run)]) == 0
    assert "records.jsonl" in capsys.readouterr().out
    table = tmp_path / "table.csv"
    model = str(run / "model")
    assert main(["evaluate", model, "--n-items", "4", "-o", str(table)]) == 0
    assert "nats per token" in capsys.readouterr().out
    assert len(read_records(table)) == 12 * 5
    listed = tmp_path / "two.json"
    listed.write_text(json.dumps([tiny_config.model_copy(update={"tokens": 500}).model_dump()]))
    assert main(["sweep", str(listed), "--jobs", "1", "-o", str(tmp_path / "two")]) == 0
    assert (tmp_path / "two" / "records.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["train", "102k", "--set", "rows"], "'rows': write field=value"),
        (["train", "102k", "--set", "rows=many"], "102k: rows: Input should be a valid integer"),
        (["train", "102k", "--set", "speed=9"], "speed: Extra inputs are not permitted"),
        (["train", "100k"], "no size '100k'; there is 25k"),
        (["train", "102k", "--set", "name=.."], "name: String should match pattern"),
        (["train", "102k", "--set", "loss_rows=1"], "loss_rows: Input should be greater"),
        (["train", "102k", "--set", "device=gpu"], "device 'gpu'"),
        (["sweep", "x"], "no preset 'x'"),
    ],
)
def test_a_bad_command_ends_with_status_2(arguments, text, capsys) -> None:
    assert main(arguments) == 2
    assert text in capsys.readouterr().err


def test_a_bad_list_of_configs_is_named(tmp_path, tiny_config) -> None:
    path = tmp_path / "list.json"
    for content, text in (
        ("{", "no JSON"),
        ("[]", "a list of configs is expected"),
        ('[{"name": "a"}]', "list.json, run 1: model: Field required; tokens: Field required"),
    ):
        path.write_text(content)
        with pytest.raises(DataError, match=text):
            read_sweep(str(path))
