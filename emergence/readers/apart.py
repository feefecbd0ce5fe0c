"""Apart: what one name would mix is told apart by what else the files say.

Two folders may hold a run of one name, two files of one folder the logs of two runs, one checkpoint
may have been evaluated with several numbers of examples, or again.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from emergence.readers.found import Found

# Logs of one run may overlap, where one goes on from the other; of so large a share of the shorter,
# and with losses that differ by so much, they are of two.
_OVERLAP, _DIFFERENT = 0.5, 1e-3
_UNIT = 1e9  # tokens, to which names round them


def tell_apart(found: Found, *, one_run: bool = False) -> None:
    """Name runs and tasks so that no two are one; the last of the scores are those that count.

    ``one_run``: all is known to be of one.
    """
    _by_examples(found)
    if not one_run:
        _by_place(found)
        _by_file(found)
    _by_step(found)
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


def _by_step(found: Found) -> None:
    """Checkpoints of several steps whose names say the same tokens, to the billion, have others."""
    runs: dict[tuple[str, str], dict[float, float]] = defaultdict(dict)
    for row in found.scores:
        p = row["place"]
        if p.step and p.tokens is not None:
            runs[p.run, p.of][p.step] = p.tokens
    each: dict[tuple[str, str], float] = {}
    for run, tokens in runs.items():
        last = max(tokens)
        ratio = tokens[last] / last
        rounded = len(set(tokens.values())) < len(tokens) or 0.0 in tokens.values()
        # Where the batch grew, or two runs go by one name, no ratio gives what the names say.
        if rounded and all(abs(at * ratio - said) <= _UNIT for at, said in tokens.items()):
            each[run] = ratio
    for row in found.scores:
        p = row["place"]
        if (p.run, p.of) in each and p.step:
            row["place"] = replace(p, tokens=p.step * each[p.run, p.of] or None)
    found.assumed += [
        f"{run}: its names round the tokens, so they are counted by its steps, {ratio:.3g} each"
        for (run, _), ratio in sorted(each.items())
        if ratio
    ]


def without_examples(task: str) -> str:
    """Name of a task as it was before its number of examples was put to it."""
    return re.sub(r"@\d+-shot$", "", task)


def _by_place(found: Found) -> None:
    """Runs of one name in two folders or stages are two, where a score or their logs say so."""
    homes, logs = defaultdict(set), {(row["place"].run, row["place"].of) for row in found.losses}
    by_run: dict[str, set[str]] = defaultdict(set)
    for row in found.scores:
        p = row["place"]
        if p.of:
            homes[p.run, p.step, p.tokens, row["task"], row["metric"]].add(p.of)
            by_run[p.run].add(p.of)
    mixed = {(key[0], of) for key, several in homes.items() if len(several) > 1 for of in several}
    for run, several in by_run.items():
        if sum((run, of) in logs for of in several) > 1:
            mixed |= {(run, of) for of in several}
        elif len(several) > 1 and not any((run, of) in mixed for of in several):
            found.assumed.append(
                f"{run} of {', '.join(sorted(several))} is one run; if it is not, import each alone"
            )
    for part in (found.scores, found.losses, found.perplexities):
        for row in part:
            p = row["place"]
            if (p.run, p.of) in mixed:
                row["place"] = replace(p, run=f"{p.of}/{p.run}")


def _by_file(found: Found) -> None:
    """Logs that give different losses of one step are of different runs, named by their files."""
    by_run: dict[str, dict[Path, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    runs_in = defaultdict(set)
    for row in found.losses:
        if row.get("file") is not None:
            by_run[row["place"].run][row["file"]].append(row)
            runs_in[row["file"]].add(row["place"].run)
    for run, files in by_run.items():
        if not _contradict(files.values()):
            continue
        own = {f: f.stem if len(runs_in[f]) == 1 else f"{f.stem}/{run}" for f in files}
        names = _unique(own)
        for file, rows in files.items():
            for row in rows:
                row["place"] = replace(row["place"], run=names[file])
        several = ", ".join(sorted(names.values()))
        found.assumed.append(
            f"the logs of {run} give different losses of one step, and are of runs of their own: "
            f"{several}"
        )


def _contradict(logs: Iterable[list[dict[str, Any]]]) -> bool:
    """Whether a log says otherwise than those before it of most of the steps that they share."""
    seen: dict[tuple[Any, ...], float] = {}
    for rows in logs:
        mine = {
            (r["kind"], r.get("name"), r["place"].step, r["place"].tokens): r["loss"] for r in rows
        }
        shared = mine.keys() & seen.keys()
        differ = sum(abs(mine[k] - seen[k]) > _DIFFERENT * abs(seen[k]) for k in shared)
        many = len(shared) >= _OVERLAP * min(len(mine), len(seen))
        if many and differ > _OVERLAP * len(shared):
            return True
        seen |= mine
    return False


def _unique(names: dict[Path, str]) -> dict[Path, str]:
    """Names that are all different, by as many folders before them as that takes."""
    most = max(len(file.parts) for file in names)
    for depth in range(most):
        longer = {
            file: "/".join([*file.parent.parts[len(file.parent.parts) - depth :], name])
            for file, name in names.items()
        }
        if len(set(longer.values())) == len(names):
            break
    return longer
