"""lm-evaluation-harness: results of versions 0.3 and 0.4, and the samples of 0.4.

A result says the model, its revision and every metric of every task; groups that average other
tasks stand beside these and are tasks of their own here, their items those of all.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from emergence.errors import DataError
from emergence.metrics import brier_score, correct_choice_prob, known_metric
from emergence.readers.found import Found, Place, number, place_of, size_in, time_in

_BLANK: tuple[Any, ...] = (None, "N/A", "", [], "nan")
# So many samples without a target, for each with one, are left out alone.
_FEW = 0.1
# What stands in results beside the metrics.
_NO_METRICS = ("alias", "name", "sample_len", "sample_count")


def is_results(data: Any) -> bool:
    """Whether an object of JSON holds results of the harness."""
    if not isinstance(data, dict) or not isinstance(data.get("results"), dict):
        return False
    return "config_general" not in data and all(
        isinstance(v, dict) for v in data["results"].values()
    )


def read_results(data: dict[str, Any], path: Path) -> Found:
    """Scores of one file of results."""
    place, params, assumed = _model(data, path)
    found = Found(assumed=assumed)
    if place.step == 0 or (place.step is None and place.tokens == 0):
        found.left_out.append(f"{path.name}: step 0, before any training: no loss belongs to it")
        return found
    samples, groups = data.get("n-samples") or {}, data.get("group_subtasks") or {}
    shots = data.get("n-shot") or {}
    made = {"when": time_in(path.name), "limited": bool((data.get("config") or {}).get("limit"))}
    for task, cells in data["results"].items():
        for name, value in cells.items():
            if "_stderr" in name or name in _NO_METRICS or " " in name:
                continue
            metric, _, how = name.partition(",")
            row: dict[str, Any] = {"place": place, "params": params, "source": path.name}
            row |= {"task": _task(task, how, cells, metric), "metric": metric, **made}
            row["examples"] = shots.get(task)
            if metric in ("ppl", "perplexity") and value not in _BLANK and number(value) > 1:
                row |= {"loss": float(np.log(number(value)))}
                found.perplexities.append(row)
                continue
            if known_metric(metric) is None:
                found.left_out.append(f"{task} {metric}: no metric that a fit takes")
                continue
            if value in _BLANK:
                found.left_out.append(f"{path.name}: {task} {metric} is blank")
                continue
            row["value"] = number(value)
            error = cells.get(f"{metric}_stderr,{how}" if how else f"{metric}_stderr")
            row["stderr"] = None if error in _BLANK else number(error)
            row["n_items"] = _items(task, samples, groups)
            found.scores.append(row)
    return found


def _task(task: str, how: str, cells: dict[str, Any], metric: str) -> str:
    """Name of the task; that of the filter is added where there are several and it is not first."""
    several = [name for name in cells if name.startswith(f"{metric},")]
    return (
        task if not how or len(several) < 2 or several[0] == f"{metric},{how}" else f"{task}@{how}"
    )


def _items(task: str, samples: dict[str, Any], groups: dict[str, Any]) -> float | None:
    if task in samples:
        count = samples[task]
        if isinstance(count, dict):
            count = count.get("effective", count.get("original"))
        return number(count)
    parts = [_items(sub, samples, groups) for sub in groups.get(task, [])]
    return sum(parts) if parts and None not in parts else None  # type: ignore[arg-type]


def _model(data: dict[str, Any], path: Path) -> tuple[Place, float | None, list[str]]:
    """Checkpoint, size, and what was taken for granted."""
    config = data.get("config") or {}
    args = config.get("model_args") or {}
    if isinstance(args, str):
        args = dict(part.partition("=")[::2] for part in args.split(",") if "=" in part)
    name = (
        args.get("pretrained") or args.get("path") or data.get("model_name") or config.get("model")
    )
    if not isinstance(name, str) or not name:
        name = path.parent.name
    revision = args.get("revision") or config.get("model_revision")
    place = place_of(name, revision)
    if place.step is None and place.tokens is None:
        beside = place_of(str(path.parent)) if path.parent.name else place
        named = place_of(path.stem)
        step = named.step if named.step is not None else beside.step
        place = Place(place.run, step, named.tokens or beside.tokens)
    said = config.get("model_num_parameters")
    if said and number(said) > 0:  # -1 where the harness does not know
        return place, number(said), []
    size = size_in(name)
    assumed = [f"{place.run}: {size:.3g} parameters, by its name"] if size else []
    return place, size, assumed


def is_samples(row: Any) -> bool:
    """Whether a line of JSON is a sample of the harness."""
    return isinstance(row, dict) and "doc_id" in row and ("filtered_resps" in row or "resps" in row)


def read_samples(path: Path) -> Found:
    """CorrectChoiceProb and Brier score of a task from the log-likelihoods of its options."""
    task = re.sub(r"_\d{4}-\d{2}-\d{2}T[\d.\-:]+$", "", path.stem.removeprefix("samples_"))
    # The harness writes the name of a model with "__" for "/".
    place, found = place_of(str(path.parent).replace("__", "/")), Found()
    seen, no_target = _answered(path)
    by_options: dict[int, list[tuple[list[float], int]]] = defaultdict(list)
    for loglik, target in seen.values():
        by_options[len(loglik)].append((loglik, target))
    if no_target:
        found.left_out.append(
            f"{path.name}: {len(no_target)} of {len(no_target) + len(seen)} samples, whose target "
            "is no number of an option"
        )
        if len(no_target) > _FEW * len(seen):
            return found  # the others may be of another kind
    total = sum(map(len, by_options.values()))
    if not total:
        found.left_out.append(f"{path.name}: no options with log-likelihoods, so no probabilities")
        return found
    chance = sum(len(v) / k for k, v in by_options.items()) / total
    base = {
        "place": place,
        "task": task,
        "n_items": float(total),
        "source": path.name,
        "params": None,
        "when": time_in(path.name),
    }
    for metric, measure, guess in (
        ("choice_prob", correct_choice_prob, chance),
        ("brier", brier_score, 1.0 - chance),
    ):
        parts = [
            len(v) * measure(np.array([x for x, _ in v]), np.array([g for _, g in v]))
            for v in by_options.values()
        ]
        row = {"metric": metric, "value": sum(parts) / total, "chance": guess, "stderr": None}
        found.scores.append(base | row)
    return found


def _answered(path: Path) -> tuple[dict[Any, tuple[list[float], int]], set[Any]]:
    """Log-likelihoods and target of every document, and the documents without a target."""
    seen: dict[Any, tuple[list[float], int]] = {}
    no_target = set()
    with path.open(encoding="utf-8") as lines:
        for line_number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
                loglik = _loglik(row)
                gold = row.get("target", row.get("doc", {}).get("label"))
            except (ValueError, TypeError, AttributeError, KeyError) as error:
                raise DataError(f"{path.name}, row {line_number}: no sample: {error}") from error
            if loglik is None or len(loglik) < 2:
                continue
            if not np.isfinite(loglik).all():
                raise DataError(f"{path.name}, row {line_number}: its log-likelihoods are {loglik}")
            known = str(gold).isascii() and str(gold).isdecimal()
            if not known or int(gold) > len(loglik):
                no_target.add(row["doc_id"])
                continue
            if int(gold) == len(loglik):
                raise DataError(
                    f"{path.name}, row {line_number}: its target is {gold}, but its "
                    f"{len(loglik)} options count from 0"
                )
            # Several filters repeat a document.
            seen.setdefault(row["doc_id"], (loglik, int(gold)))
    return seen, no_target


def _loglik(row: dict[str, Any]) -> list[float] | None:
    """Log-likelihood of every option of a sample; None where answers were written."""
    responses = row.get("filtered_resps") or row["resps"]
    if "acc_mutual_info" in row:  # which asks for every option a second time, without the question
        responses = responses[: len(responses) // 2]
    out = []
    for response in responses:
        while isinstance(response, list) and response and isinstance(response[0], list):
            response = response[0]
        if not isinstance(response, list) or not response:
            return None
        try:
            out.append(float(response[0]))
        except (TypeError, ValueError):
            return None
    return out
