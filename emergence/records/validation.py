"""Validation: what a table of records must satisfy, checked by whole columns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from emergence._typing import BoolArray, FloatArray
from emergence.errors import DataError, Violation
from emergence.metrics import known_metric, refusal
from emergence.records.table import Table

TEXT = ("model", "run", "task", "metric", "family", "source")
NUMERIC = ("params", "tokens", "loss", "loss_stderr", "value", "n_items", "stderr", "chance",
           "best", "step", "seed", "flops")  # fmt: skip
REQUIRED = ("model", "run", "params", "tokens", "loss", "task", "metric", "value")
POSITIVE = ("params", "tokens", "loss", "flops")
# Uniform guessing over a vocabulary of a million tokens costs 14 nats.
HIGH_LOSS = 25.0
_STAND_IN = (
    "; without it a score has no axis: the validation loss of any one text will do, or the log "
    "perplexity of a language task (LAMBADA, say), the same for all"
)
_NOT_A_NUMBER = -1.2345678912345e300
# Texts that say that there is no number, in every format.
BLANKS = ("", "nan", "NaN", "NA", "N/A", "null", "None", "-")


def check_columns(frame: pd.DataFrame, where: str) -> list[Violation]:
    """Find required columns that are missing, with a guess at what was meant."""
    names = [str(c) for c in frame.columns]
    if twice := [name for name, n in Counter(names).items() if n > 1]:
        return [Violation(where, None, twice[0], None, "column occurs twice; keep one")]
    lower = {n.strip().lower(): n for n in names}
    out = []
    for column in REQUIRED:
        if column in names:
            continue
        problem = "column is missing"
        if column in frame.index.names:
            problem += "; it is the index: frame.reset_index() makes it a column"
        elif column in lower:
            problem += f"; rename {lower[column]!r} to {column!r}"
        elif len(names) == 1 and (";" in names[0] or "\t" in names[0]):
            problem += "; the header is one column: is the separator not a comma?"
        else:
            problem += f"; found: {', '.join(names) or 'nothing'}"
        if column == "loss":
            problem += _STAND_IN
        out.append(Violation(where, None, column, None, problem))
    return out


def to_numbers(table: Table) -> tuple[pd.DataFrame, list[Violation]]:
    """Convert the numeric columns; text that is no number becomes a violation."""
    frame = table.frame
    out, bad = frame.copy(deep=False), []
    for column in NUMERIC:
        if column not in frame:
            continue
        raw = frame[column]
        if pd.api.types.is_complex_dtype(raw):
            bad += table.cells(np.ones(len(raw), dtype=bool), column, "is a complex number")
            raw = pd.Series(_NOT_A_NUMBER, index=raw.index)
        if pd.api.types.is_bool_dtype(raw) or not pd.api.types.is_numeric_dtype(raw):
            text = raw.astype("string").str.strip()
            blank = (text.isna() | text.isin(BLANKS)).to_numpy(dtype=bool)
            numbers = pd.to_numeric(text.mask(blank), errors="coerce").astype(float)
            wrong = np.isnan(numbers.to_numpy()) & ~blank
            bad += table.cells(wrong, column, "is not a number")
            # Marked with a number no column takes, so that it is not reported again as blank.
            out[column] = numbers.mask(pd.Series(wrong, index=numbers.index), _NOT_A_NUMBER)
        else:
            out[column] = raw.astype(float)
    return out, bad


def clean_names(column: pd.Series[Any]) -> pd.Series[Any]:
    """Names as text without blanks around them; missing ones empty."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return _clean_categories(column)
    if not pd.api.types.is_string_dtype(column):
        return column.map(_name)
    names = pd.Series(column.unique())
    stripped = names.str.strip()
    if not names.isna().any() and (stripped == names).all():
        return column
    return column.fillna("").str.strip()


def _name(cell: Any) -> str:
    if isinstance(cell, bytes):
        return cell.decode("utf-8", errors="replace").strip()
    missing = pd.isna(cell)
    return "" if isinstance(missing, bool) and missing else str(cell).strip()


def _clean_categories(column: pd.Series[Any]) -> pd.Series[Any]:
    kinds = [str(name).strip() for name in column.cat.categories]
    codes = column.cat.codes.to_numpy()
    if (codes < 0).any():
        kinds, codes = [*kinds, ""], np.where(codes < 0, len(kinds), codes)
    number, names = pd.factorize(pd.Series(kinds, dtype=object))
    if len(names) < len(kinds):
        codes = number[codes]
    return pd.Series(pd.Categorical.from_codes(codes, names), index=column.index)


def fill_chance(frame: pd.DataFrame, chance: Mapping[str, float]) -> pd.Series[Any]:
    """Chance of each row where the file gives none: as given, for a Brier score 1 minus it."""
    if not isinstance(chance, Mapping):
        raise DataError(f"chance is {chance!r}; give it by task: {{'TASK': 0.25}}")
    try:
        given = frame["task"].map(dict(chance)).astype(float)
    except (TypeError, ValueError) as error:
        raise DataError(f"chance is {dict(chance)!r}; give numbers, 1/k for k options") from error
    known = {name: known_metric(str(name)) for name in frame["metric"].unique()}
    brier = [name for name, metric in known.items() if metric is not None and metric.best == 0]
    given = given.mask(frame["metric"].isin(brier), 1.0 - given)
    # Nobody guesses an answer that is to be written.
    produced = [n for n, m in known.items() if m is not None and m.name == "exact_match"]
    given = given.mask(frame["metric"].isin(produced))
    if "chance" not in frame:
        return given
    blank = frame["chance"].isna() | (frame["chance"].astype(str).str.strip() == "")
    return frame["chance"].mask(blank, given)


def check_cells(table: Table) -> list[Violation]:
    """Find cells outside the schema, in the order of the columns."""
    out: list[Violation] = []
    frame = table.frame

    def report(mask: BoolArray, column: str, problem: str) -> None:
        out.extend(table.cells(mask, column, problem))

    for column in (*REQUIRED, *(c for c in NUMERIC if c in frame and c not in REQUIRED)):
        if column in TEXT:
            text = frame[column]
            report((text.isna() | (text == "")).to_numpy(dtype=bool), column, "is blank; name it")
            continue
        x = frame[column].to_numpy(dtype=float)
        whole = column != "n_items" or bool((x == np.round(x)).all())
        if x.size and whole and _is_sound(column, float(x.min()), float(x.max())):
            continue  # of millions of rows one look is enough
        good = np.isfinite(x) & (x != _NOT_A_NUMBER)
        missing = np.isnan(x)
        if column in REQUIRED:
            blank = "is blank or NaN; fill it in or remove the row"
            report(missing, column, blank + _STAND_IN * (column == "loss"))
        report(np.isinf(x), column, "is infinite; a diverged run? Remove the row")
        if column == "loss":
            problem = "is beyond any loss in nats; a perplexity? Take its log"
            report(good & (x > HIGH_LOSS), column, problem)
        if column in POSITIVE:
            report((x <= 0) & good, column, "must be positive")
        elif column == "n_items":
            report((x < 1) & good, column, "must be at least 1")
            report((x >= 1) & good & (x != np.round(x)), column, "is no whole number of items")
        elif column in ("stderr", "loss_stderr"):
            report((x < 0) & good, column, "must not be negative")
    out += _check_metrics(table)
    out += _check_levels(table)
    out += _check_runs(table) or _check_duplicates(table)
    out += _check_families(frame, table.where)
    return out


def _is_sound(column: str, low: float, high: float) -> bool:
    """Whether a numeric column that spans this much has no cell to report; NaN has none that is."""
    least = {"n_items": 1.0, "stderr": 0.0, "loss_stderr": 0.0}.get(column, -1e300)
    above = low > 0 if column in POSITIVE else low >= least
    most = HIGH_LOSS if column == "loss" else np.finfo(float).max
    return above and high <= most


def _numbers(frame: pd.DataFrame, column: str) -> FloatArray:
    """Column with cells that were no numbers as -inf: reported once already."""
    x = frame[column].to_numpy(dtype=float)
    if not x.size or x.min() != _NOT_A_NUMBER:
        return x
    return np.where(x == _NOT_A_NUMBER, -np.inf, x)


def _check_metrics(table: Table) -> list[Violation]:
    """Values within the metric's bounds, and a chance level for every task."""
    frame = table.frame
    out: list[Violation] = []
    blank = np.full(len(frame), np.nan)
    chance, best = (_numbers(frame, c) if c in frame else blank for c in ("chance", "best"))
    value = _numbers(frame, "value")
    codes, names = table.codes("metric")
    for code, name in enumerate(names):
        mine, metric = codes == code, known_metric(str(name))
        if metric is not None:
            low, high = metric.bounds
            for name_of, level in (("chance", chance), ("best", best)):
                wrong = mine & np.isfinite(level) & ((level < low) | (level > high))
                reach = f"lies outside [{low:g}, {high:g}], the range of {name}"
                out += table.cells(wrong, name_of, reach)
            outside = mine & np.isfinite(value) & ((value < low) | (value > high))
            problem = f"lies outside [{low:g}, {high:g}], the range of {name}"
            if high == 1.0 and (value[outside] <= 100).all():
                problem += "; give fractions, not percent"
            out += table.cells(outside, "value", problem)
            if metric.name == "exact_match":
                continue
        elif refusal(str(name)) is not None:
            continue
        else:
            lacks = mine & np.isnan(best)
            advice = f"metric {name!r} is not known: give its best value"
            out += table.of_tasks(lacks, "best", advice)
        lacks = mine & np.isnan(chance)
        advice = "its chance level is unknown; give it in column 'chance' (1/k for k options)"
        out += table.of_tasks(lacks, "chance", advice)
    return out


def _check_levels(table: Table) -> list[Violation]:
    """One chance and one best value for each family, task and metric."""
    frame = table.frame
    keys = [c for c in ("family", "task", "metric") if c in frame]
    out = []
    for column in ("chance", "best"):
        if column not in frame:
            continue
        read = frame[column].notna() & (frame[column] != _NOT_A_NUMBER)
        if table.one_each(keys, column, read.to_numpy()):
            continue
        pairs = frame.loc[read, [*keys, column]].drop_duplicates()
        for index in pairs.index[pairs.duplicated(keys)]:
            row = frame.loc[index]
            problem = f"task {row['task']!r}, {row['metric']} has another {column} in other rows"
            out.append(table.violation(int(index), column, row[column], problem))
    return out


def _check_runs(table: Table) -> list[Violation]:
    """A run is of one model of one size: else checkpoints of several would pass for one run."""
    frame = table.frame
    out: list[Violation] = []
    for column in ("model", "params"):
        good = frame[column].ne("") if column in TEXT else frame[column] > 0
        if table.one_each(["run"], column, good.to_numpy()):
            continue
        pairs = frame.loc[good, ["run", column]].drop_duplicates()
        for index in pairs.index[pairs["run"].duplicated()]:
            row = frame.loc[index]
            problem = (
                f"run {row['run']!r} has another {column} in other rows; give every run a name of "
                "its own, such as MODEL-seed0"
            )
            out.append(table.violation(int(index), column, row[column], problem))
    return out


def _check_duplicates(table: Table) -> list[Violation]:
    frame = table.frame
    what = ("run", "tokens", "task", "metric")
    if (again := table.again(what)) is None:
        return []
    key = table.keys(what)[0]
    again = again & np.isfinite(_numbers(frame, "tokens"))
    rows = np.flatnonzero(again)
    out = []
    if rows.size:
        first = pd.Series(np.arange(key.size)).groupby(key).transform("min").to_numpy()
    for i in rows:
        r, other = frame.iloc[int(i)], frame.iloc[int(first[i])]
        problem = (
            f"run {r['run']!r}, task {r['task']!r}, metric {r['metric']!r} has these tokens "
            f"already in row {table.row_of(int(first[i]))}; {_keep(r, other)}"
        )
        out.append(table.violation(int(i), "tokens", float(r["tokens"]), problem))
    return out


def _keep(row: pd.Series[Any], other: pd.Series[Any]) -> str:
    """What to do with two rows of one run, task, metric and number of tokens."""
    differ = [str(c) for c in row.index if not (row[c] == other[c] or pd.isna(row[c]))]
    if not differ:
        return "all else is the same too: keep one"
    if "seed" in differ:
        return "another seed is another run: give it a name of its own, such as RUN-seed1"
    if {"loss", "value"} & set(differ):
        return (
            f"their {' and '.join(differ)} differ: several seeds? Give each a run of its own, "
            "such as RUN-seed1; or evaluations made again: keep one"
        )
    return f"their {' and '.join(differ)} differ: keep one"


def _check_families(frame: pd.DataFrame, where: str) -> list[Violation]:
    """A run has one family; a family is named everywhere or nowhere."""
    if "family" not in frame:
        return []
    family = frame["family"]
    blank = (family == "").to_numpy(dtype=bool)
    out = []
    if blank.any() and not blank.all():
        problem = (
            f"{int(blank.sum())} rows have none while others do; losses of different families must "
            "not be mixed: name the family of every row"
        )
        out.append(Violation(where, None, "family", None, problem))
    pairs = pd.DataFrame({"run": frame["run"], "family": family}).drop_duplicates()
    mixed = pairs["run"][pairs["run"].duplicated()].unique()
    for run in mixed:
        names = ", ".join(repr(f) for f in pairs.loc[pairs["run"] == run, "family"])
        problem = f"run {run!r} mixes the families {names}"
        out.append(Violation(where, None, "family", None, problem))
    return out
