"""Commands of the trainer: ``emergence train``, ``sweep`` and ``evaluate``."""

import argparse
import json
import os
from functools import partial
from pathlib import Path

from emergence.cli.arguments import Command, given, say


def _train(args: argparse.Namespace) -> None:
    from emergence.train.folder import MODEL, RECORDS
    from emergence.train.loop import train
    from emergence.train.sweeps.presets import one_run

    named = {"tokens": args.tokens, "text": args.text, "seed": args.seed}
    changes = [f"{k}={json.dumps(v)}" for k, v in named.items() if v is not None]
    config = one_run(args.what, [*changes, *args.set])
    folder = train(config, Path(args.output or f"out/{config.name}"), progress=True)
    if os.environ.get("RANK", "0") == "0":  # of several processes, one speaks
        places = {"records": str(folder / RECORDS), "model": str(folder / MODEL)}
        say(args, "\n".join(f"{name:<7} {path}" for name, path in places.items()), **places)


def _sweep(args: argparse.Namespace) -> None:
    from emergence.train.sweeps.presets import read_sweep
    from emergence.train.sweeps.sweep import sweep

    folder = Path(args.output or f"out/{Path(args.what).stem}")
    records = sweep(read_sweep(args.what), folder, n_jobs=args.jobs, retries=args.retries)
    path = folder / "records.csv"
    say(args, f"{records!r}\nrecords {path}", rows=len(records), records=str(path))


def _evaluate(args: argparse.Namespace) -> None:
    from emergence.train.checkpoint import evaluate_checkpoint
    from emergence.train.corpus.tasks import read_items

    records = evaluate_checkpoint(
        args.checkpoint,
        items=read_items(Path(args.items)) if args.items else None,
        text=Path(args.text) if args.text else None,
        **given(args, "revision tokens n_items device"),
    )
    frame = records.to_frame()
    loss = float(frame["loss"].iloc[0])
    scores = frame[["task", "metric", "value"]]
    text = scores.to_string(index=False, float_format="%.4f")
    text = f"loss {loss:.4f} nats per token\n{text}"
    say(args, text, loss=loss, scores=scores.to_dict("records"))
    if args.output:
        records.to_csv(args.output)
        say(args, f"written: {args.output}", output=args.output)


def add_commands(command: Command) -> None:
    """Add the commands to a parser; ``command(name, run, text)`` makes each."""
    command = partial(command, file=False, seed=False)
    sub = command("train", _train, "pre-train one small model and record its scores")
    sub.add_argument("what", help="a size, such as 102k, or the config of a run as JSON")
    sub.add_argument("--seed", type=int, help="seed of weights and text (default: the config's)")
    sub.add_argument("--tokens", type=float, help="training tokens (default 5e6, or the config's)")
    sub.add_argument("--text", help="own text: a file or folder of .txt, .jsonl, .parquet")
    sub.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="any field of the config, such as rows=16 or model.context=256",
    )
    sub.add_argument("-o", "--output", help="folder of the run (default out/NAME)")
    sub = command("sweep", _sweep, "train many models, several at a time")
    sub.add_argument(
        "what",
        help="demo, paper3-cpu, paper3-cpu-again, paper3-cpu-wsd, paper28-cpu, vocabularies-cpu, "
        "structures-cpu, mamba-cpu, corpora-cpu, paper28, or configs as JSON",
    )
    sub.add_argument("--jobs", type=int, default=-1, help="runs at a time (default: all cores)")
    sub.add_argument("--retries", type=int, default=1, help="times a run that died is resumed")
    sub.add_argument("-o", "--output", help="folder of the runs (default out/NAME)")
    sub = command("evaluate", _evaluate, "score any causal model of transformers")
    sub.add_argument("checkpoint", help="a folder, or a name on the hub")
    sub.add_argument("--revision", help="branch, tag or commit on the hub")
    sub.add_argument("--items", help="JSONL of multiple-choice items instead of our tasks")
    sub.add_argument("--text", help="text file to measure the loss on")
    sub.add_argument("--tokens", type=float, help="tokens that the model was trained on")
    sub.add_argument("--n-items", type=int, default=400, help="items per task of ours")
    sub.add_argument("--device", default="auto", help="cpu, cuda or auto (default)")
    sub.add_argument("-o", "--output", help="write the records as CSV")
