"""Kills: does any command, ended at any moment, leave a worker, half a file, or work that is lost?

    python benchmarks/kills.py

``report --jobs 2``, ``import`` and ``sweep`` are ended 20 times each, by SIGINT, SIGTERM and
SIGKILL in turn, at moments drawn at random over the time that they take.  Five seconds later no
process of theirs may run, and every file under its final name must be whole; the same command must
then end as if nothing had been.  Linux only.  The table goes to benchmarks/results/kills.md.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
from machine import write

from emergence import Records, read_records, simulate

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)
GRACE = 5.0  # seconds after which nothing may be left
MARK = "EMERGENCE_KILLS"  # in the environment of a command, which its workers inherit
_TAIL = {".html": b"</html>", ".pdf": b"%%EOF", ".png": b"IEND\xaeB`\x82"}


@dataclass(frozen=True)
class Tried:
    """A command, the folder that it writes to, and those of its files that must come out equal."""

    name: str
    command: list[str]
    output: Path
    same: str


def start(tried: Tried, number: int) -> subprocess.Popen[bytes]:
    """Begin a command in a session of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "emergence", *tried.command, "-q"],
        env=os.environ | {MARK: f"{tried.name}-{number}"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def left_over(tried: Tried, number: int) -> list[int]:
    """Processes of one trial that still run, by Linux's table of processes."""
    out, mark = [], f"{MARK}={tried.name}-{number}".encode()
    for place in Path("/proc").glob("[0-9]*"):
        try:
            mine = mark in (place / "environ").read_bytes().split(b"\0")
            if mine and (place / "stat").read_text().rpartition(")")[2].split()[0] != "Z":
                out.append(int(place.name))
        except OSError:  # it has ended
            continue
    return out


def is_whole(path: Path) -> bool:
    """Whether a file ends as one of its kind does."""
    tail = _TAIL.get(path.suffix)
    if tail is not None:
        return tail in path.read_bytes()[-64:]
    try:
        if path.suffix == ".svg":
            ElementTree.parse(path)
        elif path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
        elif path.suffix == ".csv":
            assert path.read_text(encoding="utf-8").endswith("\n")
            pd.read_csv(path)
    except (ElementTree.ParseError, ValueError, AssertionError):
        return False
    return True


def contents(tried: Tried) -> dict[str, bytes]:
    """Files of a command that must come out equal."""
    found = (p for p in tried.output.rglob(tried.same) if p.is_file())
    return {p.name: p.read_bytes() for p in found if not p.name.startswith(".")}


def row(tried: Tried, kills: int, rng: random.Random) -> str:
    """End one command so many times, then let it finish."""
    begun = time.monotonic()
    assert start(tried, -1).wait() == 0
    takes, wanted = time.monotonic() - begun, contents(tried)
    assert wanted
    shutil.rmtree(tried.output)
    tried.output.mkdir()
    orphans, halves, late = 0, set[str](), 0
    for number in range(kills):
        process = start(tried, number)
        time.sleep(rng.uniform(0.0, takes))
        process.send_signal(SIGNALS[number % len(SIGNALS)])
        deadline = time.monotonic() + GRACE
        while time.monotonic() < deadline and (process.poll() is None or left_over(tried, number)):
            time.sleep(0.1)
        left = left_over(tried, number)
        orphans += len(left)
        for orphan in left:
            os.kill(orphan, signal.SIGKILL)
        process.wait()
        late += process.returncode == 0
        if process.returncode == 0:  # it had ended: the next begins anew
            shutil.rmtree(tried.output)
            tried.output.mkdir()
        files = [p for p in tried.output.rglob("*") if p.is_file() and not p.name.startswith(".")]
        halves |= {p.name for p in files if not is_whole(p)}
    finished = start(tried, kills).wait() == 0 and contents(tried) == wanted
    said = "the same" if finished else "not the same"
    faults = f"{orphans} | {', '.join(sorted(halves)) or 'none'} | {said}"
    return f"| `{tried.name}` | {kills} | {takes:.1f} s | {late} | {faults} |"


def of_report(folder: Path) -> Tried:
    """Four tasks of eight runs."""
    shapes = ("jump", "hinge", "logistic", "linear")
    frames = [simulate(s, n=80, n_runs=8, task=s, rng=0).to_frame() for s in shapes]
    source = folder / "records.csv"
    Records(pd.concat(frames, ignore_index=True)).to_csv(source)
    output = folder / "page"
    return Tried("report", ["report", str(source), "--jobs", "2", "-o", str(output)], output, "*")


def of_import(folder: Path) -> Tried:
    """Results of 600 checkpoints and the log of their run."""
    results, output = folder / "run-160m", folder / "imported"
    results.mkdir()
    output.mkdir()
    for step in range(1, 601):
        data = {
            "results": {"piqa": {"acc,none": 0.5 + step / 2000}},
            "config": {"model_args": f"pretrained=run-160m/checkpoint-{step}"},
        }
        (results / f"results_{step}.json").write_text(json.dumps(data))
    log = [{"step": step, "eval_loss": 4.0 - step / 400} for step in range(1, 601)]
    (results / "trainer_state.json").write_text(json.dumps({"log_history": log}))
    table = output / "records.csv"
    command = ["import", str(results), "--tokens-per-step", "1M", "-o", str(table)]
    return Tried("import", command, output, "*.csv")


def of_sweep(folder: Path) -> Tried:
    """Two small runs, the second from the trunk of the first."""
    from emergence.train.config import ModelConfig, TrainConfig

    tiny = ModelConfig(hidden=16, layers=1, heads=1, kv_heads=1, vocab_size=300, context=128)
    trunk = TrainConfig(
        name="trunk", model=tiny, tokens=60_000, rows=4, items=8, loss_rows=8, evaluations=6,
        first=10_000, schedule="wsd", decay=0.5, save_every=7, lr=7e-3, precision="float32",
    )  # fmt: skip
    changed = {"name": "branch", "trunk": "trunk", "tokens": 30_000, "evaluations": 3}
    branch = trunk.model_copy(update=changed)
    trunk = trunk.model_copy(update={"keep": (branch.decay_start,)})
    configs, output = folder / "configs.json", folder / "runs"
    configs.write_text(json.dumps([c.model_dump() for c in (trunk, branch)]))
    return Tried(
        "sweep", ["sweep", str(configs), "--jobs", "2", "-o", str(output)], output, "records.csv"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    head = "| command | kills | takes | too late | alive after 5 s | half files | then it ends |"
    lines = [head, "|---|---|---|---|---|---|---|"]
    for make in (of_report, of_import, of_sweep):
        with tempfile.TemporaryDirectory() as place:
            tried = make(Path(place))
            lines.append(row(tried, args.kills, rng))
            print(lines[-1], flush=True)
            if tried.name != "report":
                assert len(read_records(tried.output / "records.csv")) > 0
    note = '"Too late": the command had ended before its signal came.'
    write("kills", "Commands ended at random moments", "\n".join([*lines, "", note]))


if __name__ == "__main__":
    main()
