"""Damaged files of records and of other tools, and tables with every kind of quoting, by seed."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import re
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from emergence import read_records, simulate
from emergence.errors import EmergenceError
from emergence.readers.hints import import_line
from emergence.readers.importing import import_results, import_table
from emergence.records.as_points import as_points

JUNK = (b'"', b'""', b"\n", b"\r", b"\r\n", b"\0", b",", b";", b"\t", b"nan", b"inf", b"-1",
        b"1e309", b"9" * 400, b"{", b"[", b"}", b'{"a":1,"a":2}', b"\xff", b"\xef\xbb\xbf",
        b"\\ud800", b"null", b"true", b" ", b"\n\n", b"[]" * 3, b"0x1F", b"1_000", b"'",
        b"#")  # fmt: skip
ENCODINGS = ("utf-16", "punycode", "idna", "a\0b", "latin-1", "utf-7", "cp037", "rot13", "")
NOTES = (
    "",
    "plain",
    'a "quoted" word',
    "one, two",
    "over\ntwo lines",
    "tab\there",
    "'",
    '"',
    "'\"'",
)


@cache
def samples() -> dict[str, bytes]:
    """One sound file in every format."""
    frame = simulate("hinge", n=12, n_runs=3, rng=0).to_frame()
    frame = frame.assign(source='a "b", c', n_items=500)
    text = frame.to_csv(index=False).encode()
    return {
        "csv": text,
        "tsv": frame.to_csv(index=False, sep="\t").encode(),
        "jsonl": frame.to_json(orient="records", lines=True).encode(),
        "parquet": frame.to_parquet(),
        "csv.gz": gzip.compress(text, mtime=0),
    }


def mutated(data: bytes, rng: random.Random) -> bytes:
    """File with a few bits flipped, parts doubled, cut or gone, or junk in it."""
    out = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 3, 8])):
        kind, k = rng.random(), rng.randrange(len(out) + 1)
        if kind < 0.3 and out:
            out[min(k, len(out) - 1)] ^= 1 << rng.randrange(8)
        elif kind < 0.6:
            out[k:k] = rng.choice(JUNK)
        elif kind < 0.75:
            del out[k : k + rng.randrange(1, 60)]
        elif kind < 0.85:
            del out[k:]
        elif kind < 0.95:
            j = rng.randrange(len(out) + 1)
            out[k:k] = out[j : j + rng.randrange(1, 200)]
        else:
            out[k:k] = rng.choice(JUNK) * rng.choice([2, 50, 2000])
    return bytes(out)


def lines_of(data: bytes) -> int:
    """Lines of a file without quotes that are not blank."""
    text = data.decode("utf-8-sig" if data.startswith(b"\xef\xbb\xbf") else "utf-8")
    return len([line for line in re.split(r"\r\n|\r|\n", text) if line.strip()])


def read_mutated(folder: Path, rng: random.Random) -> None:
    """Read one damaged file: an error of ours, or as many records as there are lines."""
    found = samples()
    kind = rng.choice(list(found))
    data = mutated(found[kind], rng)
    path = folder / f"x.{kind}"
    path.write_bytes(data)
    encoding = rng.choice([None] * 9 + list(ENCODINGS))
    try:
        records = read_records(path, encoding=encoding)
    except EmergenceError:
        return
    plain = kind in ("csv", "tsv") and not encoding and b'"' not in data and b"\0" not in data
    assert not plain or len(records) == lines_of(data) - 1, data


def table(rng: random.Random) -> tuple[pd.DataFrame, str]:
    """A sound table with notes that need quoting, and its text, with stray quotes now and then."""
    n = rng.randrange(5, 30)
    frame = simulate("hinge", n=n, rng=rng.randrange(10**6)).to_frame()
    frame["source"] = [rng.choice(NOTES) for _ in range(n)]
    frame = frame[sorted(frame, key=lambda _: rng.random())]
    quoting = rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
    text = frame.to_csv(index=False, quoting=quoting, lineterminator=rng.choice(["\n", "\r\n"]))
    return frame, text


def read_table(folder: Path, rng: random.Random) -> None:
    """Read a generated table, strayed or not: all rows, or an error."""
    frame, text = table(rng)
    strays = rng.choice([0, 0, 1, 2, 2])
    for _ in range(strays):
        k = rng.randrange(
            rng.choice([text.index("\n"), len(text)])
        )  # of many rows one is the header
        k = text.find(",", k) + 1
        text = text[:k] + '"' + text[k:]
    path = folder / "t.csv"
    path.write_text(text, newline="")
    try:
        records = read_records(path)
    except EmergenceError:
        if not strays:
            raise
        return
    if not strays:
        notes = records.to_frame().get("source", pd.Series(dtype=str))
        assert len(records) == len(frame)
        assert set(notes) <= {note.strip() for note in NOTES}
        assert np.allclose(np.sort(records.to_frame()["value"]), np.sort(frame["value"]))
        return
    # What a quote may join are lines of one note, never records.
    count = len(list(csv.reader(io.StringIO(text, newline="")))) - 1
    assert len(records) == count, text
    assert len(records) >= len(frame), text


STEPS = (100, 200, 300)


@cache
def foreign() -> dict[str, bytes]:
    """One sound file of every other tool, by its name."""
    name = {"pretrained": "a/160m/checkpoint-200", "revision": "step200"}
    of_tools: dict[str, object] = {
        "v04.json": {
            "results": {"piqa": {"acc,none": 0.6, "acc_stderr,none": "N/A", "alias": "piqa"}},
            "n-samples": {"piqa": {"original": 100, "effective": 100}},
            "config": {"model_args": name, "model_num_parameters": 160_000_000},
        },
        "v03.json": {
            "results": {"piqa": {"acc": 0.6, "acc_norm": 0.61}, "lambada_openai": {"ppl": 9.5}},
            "config": {"model_args": "pretrained=a/160m,revision=step200"},
        },
        "trainer_state.json": {
            "log_history": [{"step": s, "eval_loss": 4 - s / 200, "loss": 4.1} for s in STEPS],
            "num_input_tokens_seen": 3000,
        },
        "light.json": {
            "config_general": {"model_name": "a/160m/checkpoint-200"},
            "results": {"leaderboard|arc:easy|25": {"acc": 0.3, "acc_stderr": 0.01}},
            "config_tasks": {"leaderboard|arc:easy": {"effective_num_docs": 100}},
        },
        "inspect.json": {
            "status": "success",
            "eval": {"task": "x/arc_easy", "model": "hf/160m-step200"},
            "results": {
                "total_samples": 100, "scores": [{"metrics": {"accuracy": {"value": 0.3}}}]},
        },
        "ever.json": {
            "model_info": {"id": "org/160m-step200"},
            "evaluation_results": [
                {"evaluation_name": "piqa", "metric_config": {"max_score": 100},
                 "score_details": {"score": 60}}],
        },
    }  # fmt: skip
    rows = [{"doc_id": i, "target": "0", "filtered_resps": [["-1.5", "False"], ["-2.0", "False"]]}
            for i in range(3)]  # fmt: skip
    texts = {
        "samples_piqa_2024.jsonl": "\n".join(map(json.dumps, rows)),
        "log.jsonl": "\n".join(json.dumps({"step": s, "val_loss": 3.2}) for s in STEPS),
        "nanogpt.log": "".join(f"step {s}: train loss 3.1, val loss 3.2\n" for s in STEPS),
        "megatron.log": "".join(
            f" validation loss at iteration {s} | lm loss value: 3.2E+00 |\n" for s in STEPS
        ),
        "olmo.log": "".join(f"[step={s}/1000]\n    eval/CrossEntropyLoss=3.2\n" for s in STEPS),
        "wandb.csv": "Step,160m - eval/loss,160m - eval/loss__MIN\n200,3.2,3\n300,3.1,3\n",
        "tensorboard.csv": "Wall time,Step,Value\n1.0,200,3.2\n2.0,300,3.1\n",
        "metrics.csv": "epoch,step,train_loss,val_loss\n0,200,3.1,3.2\n0,250,3.0,\n",
        "table.csv": "model,size,D,ce,bench,acc\n"
        + "".join(f"a,160M,{k}B,{4 - k / 5},piqa,{50 + k}%\n" for k in range(1, 6)),
    }
    found = {path: json.dumps(data).encode() for path, data in of_tools.items()}
    return found | {path: text.encode() for path, text in texts.items()}


COLUMNS = {"model": "model", "params": "size", "tokens": "D", "loss": "ce", "task": "bench",
           "value": "acc"}  # fmt: skip


def import_mutated(folder: Path, rng: random.Random) -> None:
    """Import one damaged file of another tool beside sound ones: records, or an error of ours."""
    found, place = foreign(), folder / "160m"
    place.mkdir(exist_ok=True)
    name = rng.choice(list(found))
    for other in ("v04.json", "trainer_state.json"):
        (place / other).write_bytes(found[other])
    path = place / name
    path.write_bytes(mutated(found[name], rng))
    try:
        if name == "table.csv":
            import_table(path, COLUMNS)
        else:
            import_results(place, tokens_per_step=1e6, params=1.6e8)
    except EmergenceError:
        import_line(path)
    finally:
        if name not in ("v04.json", "trainer_state.json"):
            path.unlink()


def fit_arrays(_: Path, rng: random.Random) -> None:
    """Give arrays that hold anything a table may hold to the door for arrays."""
    n = rng.choice([0, 1, 3, 12, 12, 12])
    odd: list[object] = [float("nan"), float("inf"), -1.0, 0.0, None, "x", "3.1", 1e300, 1e-300,
                         True, 10**400, 1 + 2j, b"2", [1.0], np.datetime64("2024-01-01"),
                         np.ma.masked]  # fmt: skip

    def column(low: float, high: float) -> object:
        values: list[object] = [rng.uniform(low, high) for _ in range(n)]
        for _ in range(rng.choice([0, 0, 1, 2])):
            if values:
                values[rng.randrange(n)] = rng.choice(odd)
        kind = rng.choice([list, tuple, pd.Series, np.asarray, np.ma.asarray, lambda v: [v]])
        with np.errstate(all="ignore"):
            try:
                return kind(values)
            except (ValueError, TypeError, OverflowError):  # of numpy, before our door
                return values

    named = {"chance": 0.25, "n_items": 100, "run": ["a"] * n, "tokens": list(range(1, n + 1))}
    given = {k: column(0, 1) if rng.random() < 0.3 else v for k, v in named.items()
             if rng.random() < 0.4}  # fmt: skip
    try:
        as_points(column(2.0, 3.0), column(0.0, 1.0), **given)  # type: ignore[arg-type]
    except EmergenceError:
        return
