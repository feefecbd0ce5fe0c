"""Fuzz: does any damaged file, quoted table or odd array end in a traceback, a hang or a lost row?

    python benchmarks/fuzz.py --files 100000 --tables 100000

Damaged files of every format of ours and of other tools, tables with every kind of quoting and
stray quotes, and arrays that hold anything, by seed; the same that tests/test_fuzz.py reads a few
of.  The table goes to benchmarks/results/fuzz.md.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from machine import write

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import mutations

SLOW = 5.0  # seconds of one file that count as a hang


def tried(read: Callable[[], None], count: int) -> tuple[Counter[str], float, float]:
    """Faults by kind, seconds in all, and of the slowest."""
    faults: Counter[str] = Counter()
    start, slowest = time.perf_counter(), 0.0
    for i in range(count):
        begun = time.perf_counter()
        try:
            read()
        except AssertionError:
            faults["rows lost"] += 1
        except Exception as error:
            if faults.total() < 5:
                traceback.print_exc()
            faults[type(error).__name__] += 1
        took = time.perf_counter() - begun
        slowest = max(slowest, took)
        faults["hang"] += took > SLOW
        if i % 5000 == 0:
            print(i, dict(faults), flush=True)
    return +faults, time.perf_counter() - start, slowest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--tables", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    lines = ["| what | tried | faults | slowest | seconds |", "|---|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as place, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folder = Path(place)
        found, others = mutations.samples(folder), mutations.foreign()
        for what, count, read in (
            ("damaged files", args.files, lambda: mutations.read_mutated(folder, found, rng)),
            ("quoted tables", args.tables, lambda: mutations.read_table(folder, rng)),
            (
                "damaged files of other tools",
                args.files // 2,
                lambda: mutations.import_mutated(folder, others, rng),
            ),
            ("odd arrays", args.files // 2, lambda: mutations.fit_arrays(rng)),
        ):
            faults, seconds, slowest = tried(read, count)
            said = ", ".join(f"{n} {kind}" for kind, n in faults.items()) or "none"
            lines.append(f"| {what} | {count:,} | {said} | {slowest:.2f} s | {seconds:.0f} |")
    write("fuzz", "Damaged and quoted files", "\n".join(lines))


if __name__ == "__main__":
    main()
