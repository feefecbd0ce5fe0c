"""Bring the records of a finished sweep into ``data/runs``, with what made them beside them.

    emergence sweep paper3-cpu -o out/paper3-cpu
    python data/make_runs.py out/paper3-cpu

writes ``data/runs/paper3-cpu.csv`` and ``data/runs/paper3-cpu.json`` (command, commit,
versions, and the config of every run).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from emergence import read_records

RUNS = Path(__file__).parent / "runs"
_DIGITS = "%.6g"  # a score of 400 items is known to three


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sweep", type=Path, help="folder of a finished sweep")
    folder: Path = parser.parse_args().sweep
    name = folder.name
    records = read_records(folder / "records.csv")
    about = {"command": f"emergence sweep {name}"}
    about |= json.loads((folder / "sweep.json").read_text(encoding="utf-8"))
    RUNS.mkdir(exist_ok=True)
    frame = records.to_frame().assign(source="own run")
    frame.to_csv(RUNS / f"{name}.csv", index=False, lineterminator="\n", float_format=_DIGITS)
    (RUNS / f"{name}.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    print(f"{records!r} in {RUNS / name}.csv")


if __name__ == "__main__":
    main()
