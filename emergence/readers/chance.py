"""Chance: the number of options of well-known tasks, which no file of results gives.

0 stands for answers that are written, where guessing scores nothing.  Counted from the data sets'
own descriptions; a task whose items differ in their number has that of most.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from emergence.errors import DataError
from emergence.metrics import known_metric
from emergence.readers.apart import without_examples
from emergence.readers.found import Found

# By the beginning of the name as the common harnesses call the task.
OPTIONS: dict[str, int] = {
    "agieval_gaokao": 4, "agieval_gaokao_mathcloze": 0, "agieval_math": 0,
    "agieval_logiqa": 4, "agieval_lsat": 5, "agieval_sat": 4,
    "anli": 3, "arc": 4, "arithmetic": 0, "babi": 0, "bbh": 0, "belebele": 4, "blimp": 2,
    "boolq": 2, "c3": 4, "cb": 3, "ceval": 4, "chid": 10, "cluewsc": 2, "cmmlu": 4, "cmnli": 3,
    "cola": 2, "commonsense_qa": 5, "commonsenseqa": 5, "copa": 2, "coqa": 0, "csqa": 5,
    "drop": 0, "global_mmlu": 4, "gpqa": 4, "gsm8k": 0, "gsm_plus": 0, "headqa": 4,
    "hellaswag": 4, "hendrycks_math": 0, "hendryckstest": 4, "humaneval": 0, "kobest_copa": 2,
    "lambada": 0, "logiqa": 4, "math": 0, "math_qa": 5, "mathqa": 5, "mbpp": 0, "mc_taco": 2,
    "medmcqa": 4, "medqa": 4, "mgsm": 0, "minerva_math": 0, "mmlu": 4, "mmlu_pro": 10, "mnli": 3,
    "mrpc": 2, "multirc": 2, "naturalqs": 0, "natural_questions": 0, "nq_open": 0, "openbookqa": 4,
    "paws": 2, "piqa": 2, "prost": 4, "pubmedqa": 3, "qa4mre": 5, "qasper": 0, "qnli": 2, "qqp": 2,
    "race": 4, "record": 0, "rte": 2, "sciq": 4, "siqa": 3, "social_i_qa": 3, "social_iqa": 3,
    "socialiqa": 3, "squad": 0, "sst": 2, "storycloze": 2, "swag": 4, "toxigen": 2, "triviaqa": 0,
    "webqs": 0, "wic": 2, "winogrande": 2, "winogender": 2, "wnli": 2, "wsc": 2, "xcopa": 2,
    "xnli": 3, "xstory_cloze": 2, "xstorycloze": 2, "xwinograd": 2,
}  # fmt: skip


def options_of(task: str) -> int | None:
    """Options of a task by its name, whatever is added to it; None for one that is not known.

    Examples
    --------
    >>> options_of("hendrycksTest-anatomy"), options_of("ARC-Challenge"), options_of("mine")
    (4, 4, None)
    """
    name = re.sub(r"[^a-z0-9]+", "_", task.lower()).strip("_")
    said = re.search(r"(?<![a-z0-9])(\d{1,2})_?(?:options?|way|choices?)(?![a-z])", name)
    if said and int(said[1]) > 1:
        return int(said[1])
    known = [key for key in OPTIONS if name == key or name.startswith(key + "_")]
    # arceasy, hellaswagzh: a name without a mark between, where it is long enough to be meant.
    known = known or [key for key in OPTIONS if len(key) > 4 and name.startswith(key)]
    found = OPTIONS[max(known, key=len)] if known else None
    # Written answers that are asked for as a choice (drop:mc) have options that nobody says here.
    return None if found == 0 and re.search(r"_mc(_|$)", name) else found


def chance_of(task: str, metric: str, given: Mapping[str, float]) -> float | None:
    """Score of guessing: as given for the task (its accuracy), else by its number of options.

    What is ``given`` under no name is of every task.
    """
    known, said = known_metric(metric), given.get(task, given.get(""))
    if known is None:
        return said
    if known.name == "exact_match":
        return given.get(task, 0.0)
    if said is not None:
        return 1.0 - said if known.best == 0 else said
    options = options_of(task)
    return None if options is None else known.chance(options)


def check_tasks(chance: Mapping[str, float], tasks: Iterable[Any]) -> None:
    """DataError for a chance of no task that is there; under no name it is of all."""
    there = sorted({str(task) for task in tasks} | {without_examples(str(t)) for t in tasks})
    if other := [task for task in chance if task and task not in there]:
        raise DataError(f"chance is given for {other[0]!r}; there is {', '.join(there)}")


def with_chance(
    rows: list[dict[str, Any]], given: Mapping[str, float], found: Found
) -> list[dict[str, Any]]:
    """Rows with the score of guessing; tasks whose is unknown are left out, with what to give."""
    out, unknown = [], set()
    # Samples count the options of a task, whatever else is measured on it.
    counted = {
        row["task"]: row["chance"]
        for row in rows
        if row["metric"] == "choice_prob" and row.get("chance") is not None and "" not in given
    }
    for row in rows:
        if row.get("chance") is None:
            known = known_metric(row["metric"])
            of_items = known is not None and known.name != "exact_match"
            said = {**(counted if of_items else {}), **given}
            task = row["task"] if row["task"] in said else without_examples(row["task"])
            row["chance"] = chance_of(task, row["metric"], said)
        if row["chance"] is None:
            unknown.add(row["task"])
        else:
            out.append(row)
    found.left_out += [
        f"task {task}: its chance is not known; give --chance {task}=0.25 (1/k for k options)"
        for task in sorted(unknown)
    ]
    return out
