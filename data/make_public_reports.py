"""Select data/public_reports.csv from the full tables of published figures.

    python data/make_public_reports.py REFERENCE_FOLDER

REFERENCE_FOLDER holds olmo.csv and open_lm.csv in our schema (data/README.md says where the
figures come from).  The selection is by rule, never by value.
"""

from __future__ import annotations

import sys
from pathlib import Path

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
COLUMNS = [
    "family", "model", "run", "params", "tokens", "flops", "loss", "task", "metric", "value",
    "n_items", "chance", "source",
]  # fmt: skip


def select_olmo(table: pd.DataFrame) -> pd.DataFrame:
    """Every third checkpoint of 7B and 13B in both forms, and the final ladder models."""
    table = table[(table["metric"] == "acc") & (table["tokens"] > 0)]
    tasks = [f"{t}_mc_5shot" for t in LETTER] + [f"{t}_rc_5shot" for t in CLOZE]
    table = table[table["task"].isin(tasks)]
    ladder = table["model"].str.startswith("OLMo-ladder")
    last = table.groupby("run")["tokens"].transform("max")
    final = table[ladder & (table["tokens"] == last)]
    # The annealed 7B has one evaluation under another schedule: no curve.
    dense = table[~ladder & ~table["run"].str.contains("anneal")]
    # Counted from the end, for the last checkpoint of a run is the one that scaling laws use.
    rank = dense.groupby(["run", "task"])["tokens"].rank(method="first", ascending=False) - 1
    return pd.concat([dense[rank % EVERY == 0], final])


def select_open_lm(table: pd.DataFrame) -> pd.DataFrame:
    """A dozen tasks of all 104 models."""
    return table[table["task"].isin(OPEN_LM) & (table["metric"] == "acc")]


def main(folder: str) -> None:
    """Read the full tables, write the selection."""
    reference = Path(folder)
    olmo = select_olmo(pd.read_csv(reference / "olmo.csv"))
    open_lm = select_open_lm(pd.read_csv(reference / "open_lm.csv"))
    table = pd.concat([olmo, open_lm])[COLUMNS]
    table = table.sort_values(["family", "task", "run", "tokens"], kind="stable")
    target = Path(__file__).with_name("public_reports.csv")
    table.to_csv(target, index=False, float_format="%.10g", lineterminator="\n")
    print(f"{len(table)} rows written to {target.name}")


if __name__ == "__main__":
    main(sys.argv[1])
