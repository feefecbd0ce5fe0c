"""Bring the records of a finished sweep into ``data/runs``, with what made them beside them.

    emergence sweep paper3-cpu -o out/paper3-cpu
    python data/make_runs.py out/paper3-cpu

writes ``data/runs/paper3-cpu.csv.gz`` and ``data/runs/paper3-cpu.json`` (command, commit,
versions, and the config of every run).  With

    python data/make_runs.py out/vocabularies-cpu --beside out/paper3-cpu/285k-seed*

these runs come into the same file, and ``data/losses/vocabularies-cpu.csv.gz`` has further losses
of all checkpoints: bits per byte of the run's own text, and, where they differ in their mixture, of
the text of the usual one, which is the same for all.
"""

from __future__ import annotations

import argparse
import json
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from emergence import Records, read_records
from emergence.train.config import read_config
from emergence.train.corpus.corpus import documents, read_tokenizer
from emergence.train.corpus.mixture import MIXTURE, Mixture

DATA = Path(__file__).parent
_DIGITS = "%.6g"  # a score of 1,000 items is known to three
_WHOLE = ("params", "tokens", "step", "seed", "flops")
_ROWS, _DOCUMENTS = 200, 50  # whose lengths are measured


def text_sizes(tokenizer: Path, mixture: Mixture) -> pd.DataFrame:
    """Tokens and bytes of each domain in documents of a mixture, the same for every tokenizer."""
    read = read_tokenizer(tokenizer)
    rows = []
    for row in range(_ROWS):
        for domain, text in islice(documents("held-out", row, mixture, True), _DOCUMENTS):
            rows.append((domain, len(read.encode(text).ids) + 1, len(text.encode())))  # its end
    return pd.DataFrame(rows, columns=["domain", "tokens", "bytes"]).groupby("domain").sum()


def further_losses(folder: Path) -> pd.DataFrame:
    r"""Losses of a run's checkpoints in bits per byte, of its own text and of that of all.

    .. math:: \frac{\sum_d T_d L_d}{B \ln 2}

    over the domains of documents of B bytes, T tokens of this tokenizer in each domain.
    """
    config = read_config(folder / "config.json")
    frame = pd.read_json(folder / "records.jsonl", lines=True)
    of_domain = frame[(frame["metric"] == "loss") & (frame["task"] != "mixture")]
    by_step = of_domain.pivot_table(index="tokens", columns="task", values="value")
    keys = ["family", "model", "run", "params", "tokens"]
    out = frame.drop_duplicates("tokens")[keys].set_index("tokens", drop=False).loc[by_step.index]
    for name, mixture in (
        ("bits_per_byte", Mixture(config.mixture, config.english)),
        ("common_bits_per_byte", MIXTURE),
    ):
        size = text_sizes(folder / "tokenizer.json", mixture)
        nats = by_step[size.index].to_numpy() @ size["tokens"].to_numpy()
        out[name] = nats / size["bytes"].sum() / np.log(2)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sweep", type=Path, help="folder of a finished sweep")
    parser.add_argument("--beside", type=Path, nargs="+", default=[], help="runs of another sweep")
    args = parser.parse_args()
    folder, beside = args.sweep, sorted(args.beside)
    name = folder.name
    files = [folder / "records.csv", *(f / "records.jsonl" for f in beside)]
    tables = [read_records(f).to_frame() for f in files]
    records = Records(pd.concat(tables, ignore_index=True))
    about: dict[str, object] = {"command": f"emergence sweep {name}"}
    about |= json.loads((folder / "sweep.json").read_text(encoding="utf-8"))
    if beside:
        about["beside"] = [json.loads((f / "config.json").read_text()) for f in beside]
    (DATA / "runs").mkdir(exist_ok=True)
    write(records.to_frame(), DATA / "runs" / f"{name}.csv.gz")
    text = json.dumps(about, indent=1) + "\n"
    (DATA / "runs" / f"{name}.json").write_text(text, encoding="utf-8")
    print(f"{records!r} in {DATA / 'runs' / name}.csv.gz")
    if beside:
        runs = [*beside, *sorted(p.parent for p in folder.glob("*/records.jsonl"))]
        losses = pd.concat([further_losses(f) for f in runs])
        own, common = losses["bits_per_byte"], losses["common_bits_per_byte"]
        if np.allclose(own, common):  # all were trained on one mixture
            losses = losses.drop(columns="common_bits_per_byte")
        write(losses, DATA / "losses" / f"{name}.csv.gz")
        print(f"{len(losses)} checkpoints in {DATA / 'losses' / name}.csv.gz")


def write(frame: pd.DataFrame, path: Path) -> None:
    """Write a packed table whose bytes depend on its numbers alone; whole numbers stay whole."""
    whole = [c for c in _WHOLE if c in frame and frame[c].notna().all()]
    frame = frame.astype(dict.fromkeys(whole, "int64"))
    frame.assign(source="own run").to_csv(
        path,
        index=False,
        lineterminator="\n",
        float_format=_DIGITS,
        compression={"method": "gzip", "mtime": 0},
    )


if __name__ == "__main__":
    main()
