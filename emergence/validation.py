"""Validation: what a table of records must satisfy, checked by whole columns."""

from __future__ import annotations

import numpy as np
import pandas as pd

from emergence._typing import BoolArray
from emergence.errors import MethodRefused, Violation
from emergence.metrics import ALIASES, METRICS, Metric, get_metric

TEXT = ("model", "run", "task", "metric", "family", "source")
NUMERIC = (
    "params",
    "tokens",
    "loss",
    "value",
    "n_items",
    "stderr",
    "chance",
    "best",
    "step",
    "seed",
    "flops",
)
REQUIRED = ("model", "run", "params", "tokens", "loss", "task", "metric", "value")
POSITIVE = ("params", "tokens", "loss", "flops")
# A count rounded on the way (to 32-bit floats, to ten digits) is off by far less than this.
_WHOLE = 0.02


def check_columns(frame: pd.DataFrame, where: str) -> list[Violation]:
    """Find required columns that are missing, with a guess at what was meant."""
    names = [str(c) for c in frame.columns]
    lower = {n.strip().lower(): n for n in names}
    out = []
    for column in REQUIRED:
        if column in names:
            continue
        problem = "column is missing"
        if column in lower:
            problem += f"; rename {lower[column]!r} to {column!r}"
        elif len(names) == 1 and (";" in names[0] or "\t" in names[0]):
            problem += "; the header is one column: is the separator not a comma?"
        else:
            problem += f"; found: {', '.join(names) or 'nothing'}"
        out.append(Violation(where, None, column, None, problem))
    return out


def to_numbers(
    frame: pd.DataFrame, where: str, first_row: int
) -> tuple[pd.DataFrame, list[Violation]]:
    """Convert the numeric columns; text that is no number becomes a violation."""
    out, bad = frame.copy(deep=False), []
    for column in NUMERIC:
        if column not in frame:
            continue
        raw = frame[column]
        if pd.api.types.is_bool_dtype(raw) or not pd.api.types.is_numeric_dtype(raw):
            text = raw.astype("string").str.strip()
            blank = (text.isna() | (text == "")).to_numpy(dtype=bool)
            numbers = pd.to_numeric(text.mask(blank), errors="coerce").astype(float)
            wrong = np.isnan(numbers.to_numpy()) & ~blank
            wrong &= ~text.str.lower().eq("nan").fillna(False).to_numpy(dtype=bool)
            bad += _cells(frame, wrong, column, "is not a number", where, first_row)
            out[column] = numbers.mask(pd.Series(wrong, index=numbers.index), 0.0)
            out.loc[wrong, column] = -np.inf  # marked, so that it is not reported again as blank
        else:
            out[column] = raw.astype(float)
    return out, bad


def check_cells(frame: pd.DataFrame, where: str, first_row: int) -> list[Violation]:
    """Find cells outside the schema, in the order of the columns."""
    out: list[Violation] = []

    def report(mask: BoolArray, column: str, problem: str) -> None:
        out.extend(_cells(frame, mask, column, problem, where, first_row))

    for column in (*REQUIRED, *(c for c in NUMERIC if c in frame and c not in REQUIRED)):
        if column in TEXT:
            text = frame[column]
            report((text.isna() | (text == "")).to_numpy(dtype=bool), column, "is blank; name it")
            continue
        x = frame[column].to_numpy(dtype=float)
        missing = np.isnan(x)
        if column in REQUIRED:
            report(missing, column, "is blank or NaN; fill it in or remove the row")
        report(np.isposinf(x), column, "is infinite; a diverged run? Remove the row")
        if column in POSITIVE:
            report((x <= 0) & np.isfinite(x), column, "must be positive")
        elif column == "n_items":
            report((x < 1) & np.isfinite(x), column, "must be at least 1")
        elif column == "stderr":
            report((x < 0) & np.isfinite(x), column, "must not be negative")
    out += _check_metrics(frame, where, first_row)
    out += _check_duplicates(frame, where, first_row)
    out += _check_families(frame, where)
    return out


def _cells(
    frame: pd.DataFrame, mask: BoolArray, column: str, problem: str, where: str, first_row: int
) -> list[Violation]:
    rows = np.flatnonzero(mask)
    values = frame[column].iloc[rows].tolist() if column in frame else [None] * rows.size
    return [
        Violation(where, int(i) + first_row, column, value, problem)
        for i, value in zip(rows, values, strict=True)
    ]


def known_metric(name: str) -> Metric | None:
    """Metric of that name; None for a perplexity or an unknown name."""
    key = ALIASES.get(name.strip().lower(), name.strip().lower())
    return METRICS.get(key)


def is_refused(name: str) -> bool:
    """Whether the metric is one that the fits refuse (a perplexity)."""
    try:
        get_metric(name)
    except MethodRefused:
        return True
    except ValueError:
        return False
    return False


def _check_metrics(frame: pd.DataFrame, where: str, first_row: int) -> list[Violation]:
    """Values within the metric's bounds, and a chance level for every task."""
    out: list[Violation] = []
    blank = np.full(len(frame), np.nan)
    chance, best = (
        frame[c].to_numpy(dtype=float) if c in frame else blank for c in ("chance", "best")
    )
    value = frame["value"].to_numpy(dtype=float)
    codes, names = pd.factorize(frame["metric"])
    for code, name in enumerate(names):
        mine, metric = codes == code, known_metric(str(name))
        if metric is not None:
            low, high = metric.bounds
            outside = mine & np.isfinite(value) & ((value < low) | (value > high))
            problem = f"lies outside [{low:g}, {high:g}], the range of {name}"
            if high == 1.0 and (value[outside] <= 100).all():
                problem += "; give fractions, not percent"
            out += _cells(frame, outside, "value", problem, where, first_row)
            if metric.name == "exact_match":
                continue
        elif is_refused(str(name)):
            continue
        else:
            lacks = mine & np.isnan(best)
            out += _tasks(
                frame, lacks, "best", f"metric {name!r} is not known: give its best value", where
            )
        lacks = mine & np.isnan(chance)
        advice = "its chance level is unknown; give it in column 'chance' (1/k for k options)"
        out += _tasks(frame, lacks, "chance", advice, where)
    return out


def _tasks(
    frame: pd.DataFrame, mask: BoolArray, column: str, problem: str, where: str
) -> list[Violation]:
    """One violation for each task concerned, at its first row."""
    tasks = frame["task"].iloc[np.flatnonzero(mask)].unique()
    return [Violation(where, None, column, None, f"task {task!r}: {problem}") for task in tasks]


def _check_duplicates(frame: pd.DataFrame, where: str, first_row: int) -> list[Violation]:
    key, most = np.zeros(len(frame), dtype=np.int64), 1
    for column in ("run", "tokens", "task", "metric"):
        codes, names = pd.factorize(frame[column])
        if most * (len(names) + 1) >= 2**62:  # renumber before the key overflows
            key, kinds = pd.factorize(key)
            most = len(kinds)
        key = key * (len(names) + 1) + codes
        most *= len(names) + 1
    again = pd.Series(key).duplicated().to_numpy()
    rows = np.flatnonzero(again)
    out = []
    if rows.size:
        first = pd.Series(np.arange(key.size)).groupby(key).transform("min").to_numpy()
    for i in rows:
        r = frame.iloc[int(i)]
        out.append(
            Violation(
                where,
                int(i) + first_row,
                "tokens",
                r["tokens"],
                f"run {r['run']!r}, task {r['task']!r}, metric {r['metric']!r} has these tokens "
                f"already in row {int(first[i]) + first_row}; keep one",
            )
        )
    return out


def _check_families(frame: pd.DataFrame, where: str) -> list[Violation]:
    """A run has one family; a family is named everywhere or nowhere."""
    if "family" not in frame:
        return []
    family = frame["family"].fillna("")
    blank = (family == "").to_numpy(dtype=bool)
    out = []
    if blank.any() and not blank.all():
        out.append(
            Violation(
                where,
                None,
                "family",
                None,
                f"{int(blank.sum())} rows have none while others do; losses of different "
                "families must not be mixed: name the family of every row",
            )
        )
    pairs = pd.DataFrame({"run": frame["run"], "family": family}).drop_duplicates()
    mixed = pairs["run"][pairs["run"].duplicated()].unique()
    for run in mixed:
        names = ", ".join(repr(f) for f in pairs.loc[pairs["run"] == run, "family"])
        out.append(
            Violation(where, None, "family", None, f"run {run!r} mixes the families {names}")
        )
    return out


def whole_counts(frame: pd.DataFrame) -> BoolArray:
    """Whether value x n_items is near a whole number; true where n_items is missing."""
    if "n_items" not in frame:
        return np.ones(len(frame), dtype=bool)
    n = frame["n_items"].to_numpy(dtype=float)
    right = frame["value"].to_numpy(dtype=float) * n
    return ~(np.isfinite(right) & (np.abs(right - np.round(right)) > _WHOLE + 1e-7 * n))


def count_warnings(frame: pd.DataFrame, where: str, first_row: int) -> list[Violation]:
    """Scores of a counted metric that are no counts; fits then take them as means."""
    if "n_items" not in frame:
        return []
    codes, names = pd.factorize(frame["metric"])
    counted = np.array([_is_counted(str(n)) for n in names], dtype=bool)[codes]
    problem = (
        "times n_items is no whole number, so it is taken as a mean over groups, not as a count"
    )
    return _cells(frame, counted & ~whole_counts(frame), "value", problem, where, first_row)


def _is_counted(name: str) -> bool:
    metric = known_metric(name)
    return metric is not None and metric.counted
