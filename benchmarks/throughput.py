"""Throughput: our loop beside transformers' Trainer, on the same model, data and cores.

    pip install -e '.[train,bench]'
    python benchmarks/throughput.py

Both train the same GlmForCausalLM on the same rows, batch, optimiser and schedule, in fresh
processes, one after the other.  Ours runs as ``emergence sweep`` does: one run for each core,
one thread each, compiled, in the arithmetic that suits the processor (``precision = "auto"``).
The Trainer has all cores for one run and float32, which are its defaults; ours in float32 and
the Trainer in bfloat16 are beside them.  Tokens per second are those of the steps after warm-up
(for ours: after compiling, which is stated apart), evaluation left out.  On a GPU one run has it
alone, both in bfloat16, and model FLOP utilisation is given.  The table goes to
benchmarks/results/throughput.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import write

from emergence.train.config import TrainConfig
from emergence.train.corpus.corpus import Corpus, train_tokenizer
from emergence.train.folder import LOG
from emergence.train.loop import train
from emergence.train.model import build_model, takes_bfloat16
from emergence.train.state import read_lines
from emergence.train.sweeps.presets import sized

_SKIP = 100  # steps of warm-up
_PEAK = {"NVIDIA H100": 989e12, "NVIDIA H200": 989e12}  # dense bf16, from the data sheets


def config_of(size: str, steps: int, precision: Any) -> TrainConfig:
    """The same for both."""
    gpu = torch.cuda.is_available()
    rows = 256 if gpu else 12
    return sized(
        size,
        steps * rows * sized(size, 1).model.context,
        rows=rows,
        evaluations=1,
        items=4,
        loss_rows=4,
        log_every=50,
        save_every=10**9,
        compile=True,
        precision=precision,
    )


def ours(size: str, steps: int, precision: str) -> dict[str, float]:
    """Tokens per second of one run, and the seconds until the first step was through."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        config, began = config_of(size, steps, precision), time.perf_counter()
        train(config, Path(folder) / "run", progress=False)
        rows = [r for r in read_lines(Path(folder) / "run" / LOG) if r["step"] > _SKIP]
        speed = float(np.median([r["tokens_per_second"] for r in rows]))
        total = time.perf_counter() - began
    return {"speed": speed, "start": total - config.tokens / speed}


class Rows(torch.utils.data.Dataset[dict[str, torch.Tensor]]):
    """Rows of our corpus, made when asked for, as our loop makes them."""

    def __init__(self, config: TrainConfig) -> None:
        tokenizer = train_tokenizer(config.model.vocab_size)
        self.corpus = Corpus(tokenizer, config.model.context, 1, config.seed)
        self.length = config.steps * config.rows

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, i: int) -> dict[str, torch.Tensor]:
        row = torch.from_numpy(self.corpus.batch(i)[0, :-1])
        return {"input_ids": row, "labels": row}


def theirs(size: str, steps: int, precision: str) -> dict[str, float]:
    """Tokens per second of the Trainer."""
    from transformers import Trainer, TrainerCallback, TrainingArguments

    config = config_of(size, steps, precision)
    times: list[float] = []

    class Clock(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            times.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=config.rows,
            max_steps=steps,
            learning_rate=config.lr,
            lr_scheduler_type="cosine",
            warmup_steps=config.warmup,
            adam_beta1=config.betas[0],
            adam_beta2=config.betas[1],
            weight_decay=config.weight_decay,
            max_grad_norm=config.clip,
            bf16=config.precision == "bfloat16",
            use_cpu=not torch.cuda.is_available(),  # which bfloat16 there asks for
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            logging_steps=50,
        )
        model = build_model(config.model, config.seed)
        Trainer(model, arguments, train_dataset=Rows(config), callbacks=[Clock()]).train()
    step = np.median(np.diff(times[_SKIP:]))
    return {"speed": float(config.rows * config.model.context / step)}


def in_processes(
    what: str, size: str, steps: int, precision: str, n: int
) -> list[dict[str, float]]:
    """Run n fresh processes at once."""
    command = [sys.executable, __file__, "--child", what, "--sizes", size, "--steps", str(steps)]
    command += ["--precision", precision]
    children = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(n)]
    return [json.loads(c.communicate()[0].splitlines()[-1]) for c in children]


def row(size: str, steps: int, at_once: int, mine: str, other: str) -> str:
    """One row of the table: ours in one arithmetic, the Trainer in one."""
    runs = in_processes("ours", size, steps, mine, at_once)
    trainer = in_processes("theirs", size, steps, other, 1)[0]["speed"]
    total, start = sum(r["speed"] for r in runs), max(r["start"] for r in runs)
    cells = f"| {size} | {mine} | {total:,.0f} | {other} | {trainer:,.0f} "
    line = f"{cells}| {total / trainer:.2f} | {start:.0f} |"
    if torch.cuda.is_available():
        peak = _PEAK[torch.cuda.get_device_name().rsplit(" ", 1)[0]]
        line += f" {6 * sized(size, 1).model.params * total / peak:.1%} |"
    return line


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", nargs="+", default=["102k", "908k"])
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--child", choices=("ours", "theirs"))
    args = parser.parse_args()
    if args.child:
        run = ours if args.child == "ours" else theirs
        print(json.dumps(run(args.sizes[0], args.steps, args.precision)))
        return
    gpu = torch.cuda.is_available()
    at_once = 1 if gpu else os.cpu_count() or 1
    header = f"| model | ours | {at_once} runs at once, tokens/s | Trainer | tokens/s | ratio "
    header += "| start-up of ours, s |" + (" share of peak FLOP |" if gpu else "")
    # What each does by itself comes first, then the same arithmetic for both.
    half = "bfloat16" if takes_bfloat16(torch.device("cuda" if gpu else "cpu")) else "float32"
    pairs = dict.fromkeys(
        [(half, half if gpu else "float32"), ("float32", "float32"), (half, half)]
    )
    lines = [row(size, args.steps, at_once, *pair) for size in args.sizes for pair in pairs]
    write(
        "throughput",
        "Throughput: tokens per second of training",
        "\n".join([header, "|---" * (header.count("|") - 1) + "|", *lines]),
        ("torch", "transformers", "accelerate"),
    )


if __name__ == "__main__":
    main()
