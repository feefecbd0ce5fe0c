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
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from machine import write

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import mutations

SLOW = 5.0  # seconds of one file that count as a hang
READ: dict[str, Callable[[Path, random.Random], None]] = {
    "damaged files": mutations.read_mutated,
    "quoted tables": mutations.read_table,
    "damaged files of other tools": mutations.import_mutated,
    "odd arrays": mutations.fit_arrays,
}


def one(what: str, seed: int, i: int) -> tuple[str | None, float]:
    """Kind of fault of one case, if any, and its seconds; its own seed makes it again alone."""
    rng, begun, fault = random.Random(f"{what} {seed} {i}"), time.perf_counter(), None
    with tempfile.TemporaryDirectory() as place, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            READ[what](Path(place), rng)
        except AssertionError:
            fault = "rows lost"
            traceback.print_exc()
        except Exception as error:
            fault = type(error).__name__
            traceback.print_exc()
    took = time.perf_counter() - begun
    return fault or ("hang" if took > SLOW else None), took


def row(what: str, seed: int, found: Iterable[tuple[str | None, float]]) -> str:
    """Line of the table; faults are named with their seeds as they come."""
    faults: Counter[str] = Counter()
    start, slowest, count = time.perf_counter(), 0.0, 0
    for i, (fault, took) in enumerate(found):
        count, slowest = i + 1, max(slowest, took)
        if fault:
            print(f"{what}, seed {seed}, case {i}: {fault}", flush=True)
            faults[fault] += 1
    said = ", ".join(f"{n} {kind}" for kind, n in faults.items()) or "none"
    seconds = time.perf_counter() - start
    return f"| {what} | {count:,} | {said} | {slowest:.2f} s | {seconds:.0f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--tables", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    half = args.files // 2
    counts = dict(zip(READ, (args.files, args.tables, half, half), strict=True))
    lines = ["| what | tried | faults | slowest | seconds |", "|---|---|---|---|---|"]
    with ProcessPoolExecutor(args.workers) as pool:
        for what, count in counts.items():
            found = pool.map(partial(one, what, args.seed), range(count), chunksize=100)
            lines.append(row(what, args.seed, found))
            print(lines[-1], flush=True)
    write("fuzz", "Damaged and quoted files", "\n".join(lines))


if __name__ == "__main__":
    main()
