"""Apart: what one name would mix is told apart by what else the files say.

Two folders may hold a run of one name, two files of one folder the logs of two runs, one checkpoint
may have been evaluated with several numbers of examples, or again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

from emergence.readers.found import Found

# Logs of one run may overlap, where one goes on from the other; of so large a share of the shorter,
# and with losses that differ by so much, they are of two.
_OVERLAP, _DIFFERENT = 0.5, 1e-3


def tell_apart(found: Found) -> None:
    """Name runs and tasks so that no two are one; the last of the scores are those that count."""
    _by_examples(found)
    _by_place(found)
    _by_file(found)
    # A whole evaluation counts for more than a part of it, a later one more than an earlier.
    found.scores.sort(key=lambda row: (not row.get("limited"), row.get("when") or ""))


def _by_examples(found: Found) -> None:
    """A task that was asked after several numbers of examples is several tasks."""
    numbers = defaultdict(set)
    for row in found.scores:
        if row.get("examples") is not None:
            numbers[row["task"]].add(row["examples"])
    for row in found.scores:
        if len(numbers[row["task"]]) > 1 and row.get("examples") is not None:
            row["task"] = f"{row['task']}@{row['examples']}-shot"


def _by_place(found: Found) -> None:
    """Runs of one name, of which two folders or stages have the same score, are two."""
    homes = defaultdict(set)
    for row in found.scores:
        p = row["place"]
        if p.of:
            homes[p.run, p.step, p.tokens, row["task"], row["metric"]].add(p.of)
    mixed = {key[0] for key, of in homes.items() if len(of) > 1}
    for part in (found.scores, found.losses, found.perplexities):
        for row in part:
            p = row["place"]
            if p.run in mixed and p.of:
                row["place"] = replace(p, run=f"{p.of}/{p.run}")


def _by_file(found: Found) -> None:
    """Logs that give different losses of one step are of different runs, named by their files."""
    by_run: dict[str, dict[Path, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for row in found.losses:
        if row.get("file") is not None:
            by_run[row["place"].run][row["file"]].append(row)
    for run, files in by_run.items():
        if not any(_contradict(*pair) for pair in combinations(files.values(), 2)):
            continue
        names = _names(run, list(files))
        for file, rows in files.items():
            for row in rows:
                row["place"] = replace(row["place"], run=names[file])
        several = ", ".join(sorted(names.values()))
        found.assumed.append(
            f"the logs of {run} give different losses of one step, and are of runs of their own: "
            f"{several}"
        )


def _contradict(one: Iterable[dict[str, Any]], other: Iterable[dict[str, Any]]) -> bool:
    first, second = (
        {(r["kind"], r.get("name"), r["place"].step, r["place"].tokens): r["loss"] for r in rows}
        for rows in (one, other)
    )
    shared = first.keys() & second.keys()
    if len(shared) < _OVERLAP * min(len(first), len(second)):
        return False
    differ = sum(abs(first[k] - second[k]) > _DIFFERENT * abs(first[k]) for k in shared)
    return differ > _OVERLAP * len(shared)


def _names(run: str, files: list[Path]) -> dict[Path, str]:
    """Names of the runs of some files: their own, or with those of their folders."""
    own = {file: file.stem for file in files}
    if len(set(own.values())) == len(files):
        return own
    return {file: f"{run}/{file.parent.name}" for file in files}
