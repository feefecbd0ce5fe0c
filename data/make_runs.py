"""Bring the records of a finished sweep into ``data/runs``, with what made them beside them.

    emergence sweep paper3-cpu -o out/paper3-cpu
    python data/make_runs.py out/paper3-cpu

writes ``data/runs/paper3-cpu.csv.gz`` and ``data/runs/paper3-cpu.json`` (command, commit,
versions, and the config of every run).  With

    python data/make_runs.py out/vocabularies-cpu --beside paper3-cpu/285k

the runs of ``data/runs/paper3-cpu`` whose names begin so come into the same file.  Where the runs
differ in tokenizer or mixture, ``data/losses/vocabularies-cpu.csv.gz`` has further losses of all
checkpoints: bits per byte of the run's own text, and, where they differ in their mixture, of the
text of the usual one, which is the same for all.
"""

from __future__ import annotations

import argparse
import json
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
from tokenizers import Tokenizer

from emergence import Records, read_records
from emergence.train.config import TrainConfig
from emergence.train.corpus.corpus import documents, train_tokenizer
from emergence.train.corpus.mixture import MIXTURE, Mixture

DATA = Path(__file__).parent
_DIGITS = "%.6g"  # a score of 1,000 items is known to three
_WHOLE = ("params", "tokens", "step", "seed", "flops")
_ROWS, _DOCUMENTS = 200, 50  # whose lengths are measured


def shipped(beside: str) -> tuple[list[TrainConfig], pd.DataFrame]:
    """Runs of a sweep in ``data/runs`` whose names begin as said: their configs and records."""
    name, _, begins = beside.partition("/")
    about = json.loads((DATA / "runs" / f"{name}.json").read_text(encoding="utf-8"))
    configs = [TrainConfig.model_validate(c) for c in about["configs"]]
    configs = [c for c in configs if c.name.startswith(begins)]
    frame = read_records(DATA / "runs" / f"{name}.csv.gz").to_frame()
    return configs, frame[frame["run"].isin([c.name for c in configs])]


def text_sizes(tokenizer: Tokenizer, mixture: Mixture) -> pd.DataFrame:
    """Tokens and bytes of each domain in documents of a mixture, the same for every tokenizer."""
    rows = []
    for row in range(_ROWS):
        for domain, text in islice(documents("held-out", row, mixture, True), _DOCUMENTS):
            rows.append((domain, len(tokenizer.encode(text).ids) + 1, len(text.encode())))
    return pd.DataFrame(rows, columns=["domain", "tokens", "bytes"]).groupby("domain").sum()


def further_losses(config: TrainConfig, frame: pd.DataFrame) -> pd.DataFrame:
    r"""Losses of a run's checkpoints in bits per byte, of its own text and of that of all.

    .. math:: \frac{\sum_d T_d L_d}{B \ln 2}

    over the domains of documents of B bytes, T tokens of this tokenizer in each domain.
    """
    of_domain = frame[(frame["metric"] == "loss") & (frame["task"] != "mixture")]
    by_step = of_domain.pivot_table(index="tokens", columns="task", values="value")
    keys = ["family", "model", "run", "params", "tokens"]
    out = frame.drop_duplicates("tokens")[keys].set_index("tokens", drop=False).loc[by_step.index]
    own = Mixture(config.mixture, config.english)
    tokenizer = train_tokenizer(config.model.vocab_size, mixture=own)
    for name, mixture in (("bits_per_byte", own), ("common_bits_per_byte", MIXTURE)):
        size = text_sizes(tokenizer, mixture)
        nats = by_step[size.index].to_numpy() @ size["tokens"].to_numpy()
        out[name] = nats / size["bytes"].sum() / np.log(2)
    return out


def losses_of(configs: list[TrainConfig], frame: pd.DataFrame) -> pd.DataFrame | None:
    """Further losses of runs; None where nats per token are the same thing in all of them."""
    if len({(c.model.vocab_size, *c.mixture.items(), c.english) for c in configs}) == 1:
        return None
    losses = pd.concat([further_losses(c, frame[frame["run"] == c.name]) for c in configs])
    if np.allclose(losses["bits_per_byte"], losses["common_bits_per_byte"]):  # of one mixture
        return losses.drop(columns="common_bits_per_byte")
    return losses


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sweep", type=Path, help="folder of a finished sweep")
    parser.add_argument("--beside", metavar="NAME/RUNS", help="runs of a sweep that is here")
    args = parser.parse_args()
    folder, name = args.sweep, args.sweep.name
    about: dict[str, object] = {"command": f"emergence sweep {name}"}
    found = json.loads((folder / "sweep.json").read_text(encoding="utf-8"))
    about |= found
    configs = [TrainConfig.model_validate(c) for c in found["configs"]]
    tables = [read_records(folder / "records.csv").to_frame()]
    if args.beside:
        others, table = shipped(args.beside)
        about["beside"] = [c.model_dump() for c in others]
        configs, tables = [*others, *configs], [*tables, table]
    records = Records(pd.concat(tables, ignore_index=True))
    (DATA / "runs").mkdir(exist_ok=True)
    write(records.to_frame(), DATA / "runs" / f"{name}.csv.gz")
    text = json.dumps(about, indent=1) + "\n"
    (DATA / "runs" / f"{name}.json").write_text(text, encoding="utf-8")
    print(f"{records!r} in {DATA / 'runs' / name}.csv.gz")
    if (losses := losses_of(configs, records.to_frame())) is not None:
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
