"""Results of other evaluators: lighteval, Inspect and Every Eval Ever."""

from __future__ import annotations

import json
import re
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from emergence.errors import DataError
from emergence.metrics import known_metric
from emergence.readers.found import Found, Place, number, place_of, size_in, time_in

# What they call a number of answers that are right to the letter.
_EXACT = ("em", "qem", "pem", "pqem", "extractive_match", "match", "exact", "includes")


def is_lighteval(data: Any) -> bool:
    """Whether an object of JSON holds results of lighteval."""
    return isinstance(data, dict) and "config_general" in data and "results" in data


def is_inspect(data: Any) -> bool:
    """Whether an object of JSON is a log of Inspect."""
    return isinstance(data, dict) and isinstance(data.get("eval"), dict) and "task" in data["eval"]


def is_every_eval_ever(data: Any) -> bool:
    """Whether an object of JSON follows the schema of Every Eval Ever."""
    return isinstance(data, dict) and isinstance(data.get("evaluation_results"), list)


def _metric(name: str) -> str:
    return "exact_match" if name.lower() in _EXACT else name


def _row(place: Place, task: str, metric: str, value: Any, path: Path) -> dict[str, Any]:
    return {"place": place, "task": task, "metric": metric, "value": number(value), "stderr": None,
            "n_items": None, "params": size_in(place.run), "source": path.name}  # fmt: skip


def read_lighteval(data: dict[str, Any], path: Path) -> Found:
    """Scores of one file of lighteval; the average over all tasks is no task."""
    general = data["config_general"]
    name = (
        general.get("model_name")
        or (general.get("model_config") or {}).get("model_name")
        or path.parent.name
    )
    place, found = place_of(str(name), (general.get("model_config") or {}).get("revision")), Found()
    for key, cells in data["results"].items():
        parts = key.split("|")
        task = parts[1] if len(parts) > 2 else parts[0]
        if key == "all" or not isinstance(cells, dict):
            continue
        tasks = data.get("config_tasks") or {}
        names = (key, "|".join(parts[:2]), task)
        count: Any = next((tasks[n] for n in names if n in tasks), {})
        for metric, value in cells.items():
            if metric.endswith("_stderr"):
                continue
            if known_metric(_metric(metric)) is None:
                found.left_out.append(f"{task} {metric}: no metric that a fit takes")
                continue
            row = _row(place, task, _metric(metric), value, path)
            error = cells.get(f"{metric}_stderr")
            row["stderr"] = None if error is None else number(error)
            items = count.get("effective_num_docs") if isinstance(count, dict) else None
            row["n_items"] = float(items) if items and items > 0 else None
            shots = parts[2] if len(parts) > 2 else parts[-1] if len(parts) > 1 else None
            row |= {"examples": shots, "when": time_in(path.name)}
            found.scores.append(row)
    return found


def read_inspect(data: dict[str, Any], path: Path) -> Found:
    """Scores of one log of Inspect."""
    about, results = data["eval"], data.get("results") or {}
    revision = (about.get("model_args") or {}).get("revision")
    place, found = place_of(str(about.get("model", path.parent.name)), revision), Found()
    base = str(about["task"]).rpartition("/")[2]
    if data.get("status") not in (None, "success"):
        found.left_out.append(f"{path.name}: its status is {data['status']!r}")
        return found
    scorers = [
        (score, [str(score[k]) for k in ("name", "reducer") if score.get(k)])
        for score in results.get("scores", [])
    ]
    for i, (score, scorer) in enumerate(scorers):
        # Of several scorers or reducers each is a task of its own, but for the first.
        task = "@".join([base, *scorer]) if i and scorer else base
        cells = {name: m.get("value") for name, m in (score.get("metrics") or {}).items()}
        for name, value in cells.items():
            metric = "acc" if name == "accuracy" else _metric(name)
            if known_metric(metric) is None:
                if name != "stderr":
                    found.left_out.append(f"{task} {name}: no metric that a fit takes")
                continue
            if value is None:
                found.left_out.append(f"{path.name}: {task} {name} is blank")
                continue
            row = _row(place, task, metric, value, path)
            row["stderr"] = cells.get("stderr")
            row["n_items"] = results.get("completed_samples") or results.get("total_samples")
            found.scores.append(row)
    return found


def read_inspect_archive(path: Path) -> Found:
    """Scores of a log of Inspect in its packed form; the extra ``inspect`` where it needs that."""
    # Inspect packs by Zstandard, which Python itself knows from 3.14 on; this adds it before.
    with suppress(ImportError):
        import zipfile_zstd  # noqa: F401
    try:
        with zipfile.ZipFile(path) as archive:
            return read_inspect(json.loads(archive.read("header.json")), path)
    except NotImplementedError as error:
        raise DataError(
            f"{path.name}: {error}; pip install 'emergence-lm[inspect]', or turn it into JSON "
            "with inspect log convert"
        ) from error
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise DataError(f"{path.name} is no log of Inspect: {error}") from error


def read_every_eval_ever(data: dict[str, Any], path: Path) -> Found:
    """Scores of one record of Every Eval Ever; a score without a metric's name is an accuracy."""
    about = data.get("model_info") or {}
    name = about.get("id") or about.get("name") or path.parent.name
    place, found = place_of(str(name)), Found()
    for result in data["evaluation_results"]:
        task, config = str(result.get("evaluation_name", "")), result.get("metric_config") or {}
        metric = _metric(_said(config))
        details = result.get("score_details") or {}
        value = details.get("score")
        if not task or value is None or known_metric(metric) is None:
            found.left_out.append(
                f"{path.name}: {task or 'a result'} {metric} has no score to take"
            )
            continue
        high = config.get("max_score")
        percent = config.get("metric_unit") == "percent"
        percent |= isinstance(high, int | float) and high == 100
        row = _row(place, task, metric, number(value) / (100 if percent else 1), path)
        unsure = details.get("uncertainty") or {}
        row["n_items"] = unsure.get("num_samples")
        found.scores.append(row)
    return found


def _said(config: dict[str, Any]) -> str:
    """Metric by its name, else by what is said of it; an accuracy where nothing is."""
    said = config.get("metric_name") or config.get("metric_id")
    text = str(said or config.get("evaluation_description") or "acc")
    name = re.split(r" \(| on ", text)[0].strip().lower().replace("-", "_").replace(" ", "_")
    if said or config.get("lower_is_better") or known_metric(_metric(name)) is not None:
        return name
    return "acc"
