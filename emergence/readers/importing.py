"""import_results: other tools' files to records, a loss for every score.

A score and a loss belong together where they are of one checkpoint: of one run, at one step or one
number of tokens (:mod:`emergence.readers.loss_series`).
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path
from typing import Any

import pandas as pd

from emergence._text import several
from emergence.errors import DataError
from emergence.readers.apart import tell_apart
from emergence.readers.chance import chance_of, check_tasks, with_chance
from emergence.readers.found import Found, Place, home_of, size_in
from emergence.readers.loss_series import loss_series
from emergence.readers.recognise import KINDS, files_in, read_any
from emergence.readers.tools.tables import read_table
from emergence.readers.units import check_positive, per_byte, percent_rows
from emergence.records.records import Records
from emergence.records.validation import NUMERIC, TEXT

# What is evaluated once.
_SCORE = ["run", "tokens", "task", "metric"]
_NO_TOKENS = (
    "its tokens are not known; give tokens_per_step= (--tokens-per-step), batch times context"
)


@dataclass(frozen=True)
class Imported:
    """Records, and what a reader should know of how they came about.

    ``left_out`` names what is not in the records, and why; ``assumed`` what was taken for granted.
    """

    records: Records
    left_out: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()

    def summary(self) -> str:
        """What was read, left out and assumed, as text."""
        lines = [f"{self.records!r}"]
        lines += [f"  taken for granted: {line}" for line in _few(self.assumed)]
        lines += [f"  left out: {line}" for line in _few(self.left_out)]
        return "\n".join(lines)


def import_results(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    kind: str = "auto",
    chance: Mapping[str, float] | None = None,
    params: float | None = None,
    tokens_per_step: float | None = None,
    run: str | None = None,
    family: str = "",
    tolerance: float = 0.1,
    window: float | None = None,
    bytes_per_token: float | None = None,
    columns: Mapping[str, str] | None = None,
    encoding: str | None = None,
) -> Imported:
    r"""Read results and logs of other tools and join them.

    Parameters
    ----------
    paths : path or paths
        Files and folders, results and logs in any order; what each is, is seen from what is in it.
    kind : str
        Force the kind of every file; see the command line's help.
    chance : mapping of task to float, optional
        Accuracy of guessing, for tasks that are not well known.
    params : float, optional
        Model size, where neither files nor names say it.
    tokens_per_step : float, optional
        Tokens of one optimiser step, where steps are known and tokens are not.
    run : str, optional
        Name of the one run that all files belong to.
    family : str
        What makes the losses comparable.
    tolerance : float
        A loss may be interpolated between two whose distance is at most this share of their step.
    window : float, optional
        Steps of a training log that are averaged, up to the checkpoint; default 1% of the run.
    bytes_per_token : float, optional
        Bytes of text for each token of the tokenizer, to turn losses into bits per byte,
        :math:`L / (b \ln 2)`, in which losses of several tokenizers on one text are comparable.
    columns : mapping of str to str, optional
        Names in a table of losses that no tool wrote: ``{"loss": "val_ce", "step": "iter"}``; also
        of ``tokens`` and ``run``.
    encoding : str, optional
        Of tables; default: by byte-order mark, else UTF-8.

    Raises
    ------
    DataError
        Where no score finds a loss, or size, tokens or chance are unknown: with what to give.

    Examples
    --------
    >>> import json, tempfile
    >>> from pathlib import Path
    >>> folder = Path(tempfile.mkdtemp()) / "tiny-10m"
    >>> folder.mkdir()
    >>> for step in (100, 200, 300):
    ...     result = {"results": {"piqa": {"acc,none": 0.5 + step / 1e4}},
    ...               "config": {"model_args": f"pretrained=tiny-10m/checkpoint-{step}"}}
    ...     _ = (folder / f"results_{step}.json").write_text(json.dumps(result))
    >>> log = [{"step": s, "eval_loss": 4 - s / 200} for s in (100, 200, 300)]
    >>> _ = (folder / "trainer_state.json").write_text(json.dumps({"log_history": log}))
    >>> import_results(folder, tokens_per_step=1e5).records
    Records(3 rows, 1 run, 1 task, 1 family)
    """
    if kind not in ("auto", *KINDS):
        raise DataError(f"kind {kind!r} is not known: auto, {', '.join(KINDS)}")
    _check_names(columns or {})
    for what, number in (("params", params), ("tokens per step", tokens_per_step),
                         ("tolerance", tolerance), ("window", window)):  # fmt: skip
        check_positive(what, number)
    given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    found, named = Found(), False
    for path in files_in([Path(p) for p in given]):
        one = read_any(path, kind, columns, encoding)
        named = named or (one is not None and one.named)
        if one is None:
            found.left_out.append(f"{path}: of no kind that is known (name it with kind=, --kind)")
        else:
            home = home_of(path).of
            for row in one.losses:
                row |= {"file": path, "place": replace(row["place"], of=home)}
            found.add(one.called(run))
    if columns and not named:
        names = ", ".join(columns.values())
        raise DataError(f"no table among these files has the columns {names}")
    tell_apart(found, one_run=run is not None)
    rows = _joined(found, params, tokens_per_step, tolerance, window)
    if chance:
        check_tasks(chance, [score["task"] for score in found.scores])
    rows = with_chance(rows, chance or {}, found)
    if not rows:
        what = f"{len(found.scores)} scores and {len(found.losses)} losses were read"
        raise DataError(
            "\n  ".join([f"no records came of these files; {what}", *_few(found.left_out)])
        )
    for row in rows:
        row |= {"family": family} if family else {}
    frame = per_byte(pd.DataFrame(rows).dropna(axis="columns", how="all"), bytes_per_token)
    again = frame.duplicated(_SCORE, keep="last")
    if again.any():
        values = frame.groupby(_SCORE)["value"]
        apart = int((values.max() - values.min() > 1e-9).sum())
        found.left_out.append(
            f"{int(again.sum())} scores that a later file gives again"
            + (f"; of {several(apart, 'of these score')} the values differ" if apart else "")
        )
    left, assumed = (tuple(dict.fromkeys(part)) for part in (found.left_out, found.assumed))
    return Imported(Records(frame[~again], where="the imported files"), left, assumed)


def import_table(
    path: str | os.PathLike[str],
    columns: Mapping[str, str],
    *,
    chance: Mapping[str, float] | None = None,
    constants: Mapping[str, Any] | None = None,
    bytes_per_token: float | None = None,
    tokens_per_step: float | None = None,
    encoding: str | None = None,
) -> Imported:
    """Read any table whose columns have other names.

    ``columns`` maps our names to those of the table; ``constants`` gives what it has no column for;
    ``bytes_per_token``, ``tokens_per_step`` and ``encoding`` are those of :func:`import_results`.
    DataError names a column that is missing.
    """
    _check_fields((*columns, *(constants or {})))
    check_positive("tokens per step", tokens_per_step)
    frame = read_table(Path(path), columns, encoding)
    for name, value in (constants or {}).items():
        if name in frame and frame[name].notna().any():
            raise DataError(
                f"{Path(path).name} has a column for {name!r}; leave out {name}={value!r}, or name "
                "another column of the table"
            )
        frame[name] = value
    assumed: list[str] = []
    if "run" not in frame and "model" in frame:
        frame["run"] = frame["model"]
        assumed.append("every model is one run")
    if "model" not in frame and "run" in frame:
        frame["model"] = frame["run"]
    if "metric" not in frame:
        frame["metric"] = "acc"
        assumed.append("the scores are accuracies")
    percent = (
        percent_rows(frame, chance or {}) if "value" in frame else pd.Series(False, frame.index)
    )
    if percent.any():
        for name in frame.columns.intersection(["value", "stderr"]):
            frame[name] = frame[name].mask(percent, frame[name] / 100.0)
        assumed.append("scores above 1 are percent")
    if chance and "task" in frame:
        check_tasks(chance, frame["task"])
    if "chance" in frame and frame["chance"].isna().all():
        frame = frame.drop(columns="chance")
    if chance and "chance" in frame:
        raise DataError(f"{Path(path).name} gives its chance; leave out chance= (--chance)")
    if "chance" not in frame and {"task", "metric"} <= set(frame.columns):
        pairs = zip(frame["task"], frame["metric"], strict=True)
        frame["chance"] = [chance_of(str(t), str(m), chance or {}) for t, m in pairs]
    left = []
    if "tokens" not in frame and "step" in frame:
        if tokens_per_step is None:
            raise DataError(f"{Path(path).name}: {_NO_TOKENS}")
        frame["tokens"] = frame["step"] * tokens_per_step
    if "tokens" in frame and (frame["tokens"] == 0).any():
        left.append(f"{int((frame['tokens'] == 0).sum())} rows before the first step")
        frame = frame[frame["tokens"] != 0]
    frame = per_byte(frame, bytes_per_token)
    if frame.empty:
        raise DataError("\n  ".join([f"{Path(path).name} gives no records", *left]))
    rows = frame.index.to_list()
    records = Records(frame, where=Path(path).name, row_of=lambda row: int(rows[row]))
    return Imported(records, tuple(left), tuple(assumed))


def _check_fields(names: Iterable[str]) -> None:
    """DataError unless these are fields of a record."""
    known = (*TEXT, *NUMERIC)
    if other := [name for name in names if name not in known]:
        raise DataError(f"a record has no field {other[0]!r}; it has {', '.join(known)}")


def _check_names(columns: Mapping[str, str]) -> None:
    """DataError unless names of columns are those of a table of losses."""
    known = ("loss", "step", "tokens", "run")
    if other := [name for name in columns if name not in known]:
        raise DataError(f"a table of losses has no {other[0]!r}; name its {', '.join(known)}")
    if columns and ("loss" not in columns or not {"step", "tokens"} & columns.keys()):
        raise DataError("name the column of the loss, and that of the step or of the tokens")


def _few(lines: Iterable[str], most: int = 12) -> list[str]:
    """First lines, and how many more there are."""
    said = list(lines)
    return said if len(said) <= most else [*said[:most], f"... and {len(said) - most} more"]


def _joined(
    found: Found, params: float | None, tokens_per_step: float | None, tolerance: float,
    window: float | None,
) -> list[dict[str, Any]]:  # fmt: skip
    """A row for every score that finds a loss; the others are named in ``left_out``."""
    if found.scores and not found.losses:
        _stand_in(found)
    series = loss_series(found)
    alike = len(series) == 1 and len({s["place"].run for s in found.scores}) == 1
    sizes = {s["place"].run: s["params"] for s in found.scores if s.get("params")}
    out, alone, guessed = [], defaultdict[str, int](int), dict[str, float]()
    for score in found.scores:
        place: Place = score["place"]
        own = series.get(place.run) or (next(iter(series.values())) if alike else None)
        if own is None:
            alone[f"{place.run}: no losses of that run"] += 1
            continue
        size = params or score.get("params") or sizes.get(place.run) or size_in(place.run)
        if not size:
            raise DataError(f"{place.run}: its size is not known; give params= (--params 160M)")
        at = own.at(place, tolerance, window)
        if at is None:
            alone[f"{_named(place)}: no loss near enough"] += 1
            continue
        if not isfinite(score["value"]):
            alone[f"{_named(place)} {score['task']} {score['metric']}: no number"] += 1
            continue
        loss, error = at
        counted = own.tokens_at(place, tokens_per_step, size)
        # What the user says of a step goes before what a name says of it.
        tokens = counted if tokens_per_step and counted else place.tokens or counted
        if tokens is None:
            raise DataError(f"{_named(place)}: {_NO_TOKENS}")
        if own.by_compute and not (place.tokens or tokens_per_step):
            guessed[place.run] = size
        row = {"model": place.run, "run": place.run, "params": size, "tokens": tokens, "loss": loss,
               "step": place.step, "loss_stderr": error}  # fmt: skip
        names = ("task", "metric", "value", "n_items", "stderr", "chance", "source")
        out.append(row | {name: score.get(name) for name in names})
    found.left_out += [f"{what} ({count} scores)" for what, count in alone.items()]
    if len(series) == 1 and out and out[0]["run"] not in series:
        found.assumed.append(f"the losses of {next(iter(series))} are those of {out[0]['run']}")
    found.assumed += [
        f"{name}: the last of several losses of one step" for name, s in series.items() if s.several
    ]
    found.assumed += [
        f"{name}: of several losses ({', '.join((s.name, *s.others))}) {s.name} was taken"
        for name, s in series.items()
        if s.others
    ]
    found.assumed += [
        f"{run}: its tokens are its compute over six times {size:.3g} parameters; where it counts "
        "others, give --tokens-per-step"
        for run, size in guessed.items()
    ]
    held = {name: s.held for name, s in series.items()}
    for name, what in held.items():
        if what == "training":
            found.assumed.append(f"{name}: its training loss, averaged up to each checkpoint")
    return out


def _stand_in(found: Found) -> None:
    """Let the log perplexity of the language task that most checkpoints have stand for the loss."""
    tasks = Counter(row["task"] for row in found.perplexities)
    if not tasks:
        return
    task = tasks.most_common(1)[0][0]
    found.losses = [r | {"kind": "held out"} for r in found.perplexities if r["task"] == task]
    found.assumed.append(
        f"the log perplexity of {task} stands in for the loss, which no file gives"
    )


def _named(place: Place) -> str:
    if place.step is None and place.tokens is None:
        return f"{place.run}, whose name says no step"
    at = f"step {place.step:g}" if place.step is not None else f"{place.tokens or 0:.3g} tokens"
    return f"{place.run} {at}"
