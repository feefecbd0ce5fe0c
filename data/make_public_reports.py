"""Select what ships from the full tables of published figures.

    python data/make_public_reports.py REFERENCE_FOLDER

REFERENCE_FOLDER holds olmo.csv, open_lm.csv, olmo_letter.csv.gz, olmo_losses.csv.gz and
gemstones.csv.gz in our schema (data/README.md says where the figures come from).  The selection is
by rule, never by value.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pandas as pd

LETTER = (
    "mmlu_test",
    "arc_challenge_test",
    "csqa_val",
    "socialiqa_val",
    "openbookqa_test",
    "piqa_val",
)
CLOZE = (*LETTER, "hellaswag_val", "arc_easy_test")
OPEN_LM = (
    "arc_challenge",
    "arc_easy",
    "bigbench_qa_wikidata",
    "boolq",
    "hellaswag",
    "jeopardy",
    "lambada_openai",
    "mmlu",
    "piqa",
    "simple_arithmetic_nospaces",
    "squad",
    "winogrande",
)
# Of the dense checkpoints of OLMo 2 every third is enough to see the curves.
EVERY = 3
OLMO = "allenai/OLMo-ladder@67a3f44"
COLUMNS = [
    "family", "model", "run", "params", "tokens", "flops", "loss", "task", "metric", "value",
    "n_items", "chance", "source",
]  # fmt: skip


def select_olmo(table: pd.DataFrame, *, letter: bool, every: int, whole: bool) -> pd.DataFrame:
    """Checkpoints of 7B and 13B, and the ladder models, the whole runs or the final ones."""
    table = table[(table["metric"] == "acc") & (table["tokens"] > 0)]
    tasks = [f"{t}_mc_5shot" for t in LETTER if letter] + [f"{t}_rc_5shot" for t in CLOZE]
    table = table[table["task"].isin(tasks)]
    ladder = table["model"].str.startswith("OLMo-ladder")
    last = table.groupby("run")["tokens"].transform("max")
    small = table[ladder & (whole | (table["tokens"] == last))]
    # The annealed 7B has one evaluation under another schedule: no curve.
    dense = table[~ladder & ~table["run"].str.contains("anneal")]
    # Counted from the end, for the last checkpoint of a run is the one that scaling laws use.
    rank = dense.groupby(["run", "task"])["tokens"].rank(method="first", ascending=False) - 1
    return pd.concat([dense[rank % every == 0], small])


def select_open_lm(table: pd.DataFrame) -> pd.DataFrame:
    """A dozen tasks of all 104 models."""
    return table[table["task"].isin(OPEN_LM) & (table["metric"] == "acc")]


def with_source(letters: pd.DataFrame) -> pd.DataFrame:
    """Letter forms of the three large runs, every task and checkpoint."""
    table = letters[letters["tokens"] > 0]
    return table.assign(flops=6.0 * table["params"] * table["tokens"], source=OLMO)


def write(table: pd.DataFrame, name: str) -> None:
    """Write a selection in one order, whatever that of the source."""
    table = table[[c for c in COLUMNS if c in table]]
    save(table.sort_values(["family", "task", "run", "tokens"], kind="stable"), name, "%.10g")


def save(table: pd.DataFrame, name: str, digits: str) -> None:
    """Write a table, packed where its name says so, the same bytes each time."""
    target = Path(__file__).parent / name
    target.parent.mkdir(exist_ok=True)
    packed: Any = {"method": "gzip", "mtime": 0} if name.endswith(".gz") else None
    table.to_csv(target, index=False, float_format=digits, lineterminator="\n", compression=packed)
    print(f"{len(table)} rows written to {name}")


def main(folder: str) -> None:
    """Read the full tables, write the selections."""
    reference = Path(folder)
    olmo = pd.read_csv(reference / "olmo.csv")
    open_lm = select_open_lm(pd.read_csv(reference / "open_lm.csv"))
    reports = [select_olmo(olmo, letter=True, every=EVERY, whole=False), open_lm]
    write(pd.concat(reports), "public_reports.csv")
    write(select_olmo(olmo, letter=False, every=1, whole=True), "olmo_ladder.csv")
    letters = pd.read_csv(reference / "olmo_letter.csv.gz")
    write(with_source(letters), "olmo_letter.csv.gz")
    write(pd.read_csv(reference / "gemstones.csv.gz"), "gemstones.csv.gz")
    losses = pd.read_csv(reference / "olmo_losses.csv.gz")
    save(losses[losses["tokens"] > 0].assign(source=OLMO), "losses/olmo.csv.gz", "%.7g")


if __name__ == "__main__":
    main(sys.argv[1])
