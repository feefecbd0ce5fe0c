"""Columns: what numpy would convert in silence is refused, with what to do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow
import pytest

from emergence import Records, classify_tasks, fit_scaling_law, fit_threshold, simulate
from emergence.errors import DataError
from emergence.records.as_points import as_points

LOSS = np.linspace(2.0, 3.6, 40)
SCORE = 0.25 + 0.3 * np.maximum(0.0, 2.6 - LOSS)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"value": np.ma.masked_array(SCORE, mask=LOSS < 2.1)}, "value has 3 masked entries"),
        ({"loss": np.ma.masked_array(LOSS, mask=LOSS < 2.1)}, "loss has 3 masked entries"),
        ({"n_items": np.ma.masked_array(LOSS * 0 + 100, mask=LOSS < 2.1)}, "masked entries"),
        ({"value": SCORE + 0j}, "complex numbers"),
        ({"tokens": LOSS.astype(complex)}, "complex numbers"),
        ({"loss": np.arange("2020-01", "2023-05", dtype="M8[M]")}, "dates"),
        ({"tokens": LOSS.astype("m8[s]")}, "dates"),
        ({"loss": LOSS > 3}, "True and False"),
        ({"value": [*SCORE[:-1], None]}, "no number|nan"),
        ({"value": [*SCORE[:-1], "x"]}, "no number"),
        ({"run": [*["a"] * 39, np.nan]}, r"run\[39\] has no name"),
        ({"run": [None, *["a"] * 39]}, r"run\[0\] has no name"),
        ({"run": pd.Series(["a"] * 39 + [pd.NA])}, r"run\[39\] has no name"),
        ({"value": SCORE * 100, "chance": 25}, "percent"),
        ({"loss": LOSS * 1e300}, "nothing here is that large"),
        ({"weights": 10.0 ** np.linspace(-30, 30, 40)}, "too far for one fit"),
        ({"loss": np.geomspace(1e-13, 1e3, 40)}, "too far for one fit"),
        ({"loss": LOSS.reshape(8, 5), "value": SCORE.reshape(8, 5)}, "one-dimensional"),
        ({"loss": [LOSS, LOSS[:3]]}, "loss is no array|no number"),
    ],
)
def test_arrays_are_refused_with_a_reason(change: dict[str, Any], text: str) -> None:
    given: dict[str, Any] = {"loss": LOSS, "value": SCORE, "chance": 0.25} | change
    with pytest.raises(DataError, match=text):
        as_points(given.pop("loss"), given.pop("value"), **given)


@pytest.mark.parametrize("kind", [list, tuple, np.asarray, pd.Series, pd.array, np.ma.asarray])
def test_all_that_holds_numbers_is_taken(kind: Any) -> None:
    points = as_points(kind(LOSS), kind(SCORE), chance=0.25, n_items=kind(LOSS * 0 + 400))
    assert points.value == pytest.approx(SCORE)


def test_series_go_by_their_index() -> None:
    value = pd.Series(SCORE).sample(frac=1.0, random_state=1)
    assert as_points(pd.Series(LOSS), value, chance=0.25).value == pytest.approx(SCORE)
    shuffled = pd.Series(LOSS * 1e8).sample(frac=1.0, random_state=2)
    assert as_points(pd.Series(LOSS), SCORE, tokens=shuffled).tokens == pytest.approx(LOSS * 1e8)
    with pytest.raises(DataError, match="index of value is not that of loss"):
        as_points(pd.Series(LOSS, index=np.arange(40) + 1), value)
    with pytest.raises(DataError, match="index of value"):
        as_points(pd.Series(LOSS, index=[0] * 40), pd.Series(SCORE))


def test_other_objects_say_what_to_call() -> None:
    records = simulate(n=40, rng=0)
    points, frame = records.select(), records.to_frame()
    for wrong, text in (
        (records, "records.select"),
        (frame, r"Records\(frame\).select"),
        ("runs.csv", "read_records"),
        (frame.to_dict(), "read_records"),
        (fit_threshold(points, n_boot=99), "a ThresholdFit was given"),
    ):
        with pytest.raises(DataError, match=text):
            fit_threshold(wrong)  # type: ignore[arg-type]
    for wrong, text in ((points, "classify"), (frame, r"Records\(frame\)"), (LOSS, "read_records")):
        with pytest.raises(DataError, match=text):
            classify_tasks(wrong)  # type: ignore[arg-type]
    for wrong in (points, records, LOSS):
        with pytest.raises(DataError, match="give a DataFrame"):
            Records(wrong)  # type: ignore[arg-type]


def test_a_law_takes_arrays_by_the_same_door() -> None:
    size = np.geomspace(1e7, 1e9, 6)
    with pytest.raises(DataError, match="masked"):
        fit_scaling_law(np.ma.masked_array(size, mask=size > 5e8), 2 + size**-0.1)


def test_columns_are_named_where_a_table_is_given() -> None:
    points = simulate("jump", n=40, n_runs=4, rng=1).select()
    columns = {"l": points.loss, "s": points.value, "who": points.run.astype(str)}
    arrays = as_points(columns["l"], columns["s"], run=columns["who"], chance=0.25)
    for table in (columns, pd.DataFrame(columns), pyarrow.table(columns)):
        named = as_points("l", "s", run="who", chance=0.25, outliers="drop", data=table)
        np.testing.assert_array_equal(named.loss, arrays.loss)
        np.testing.assert_array_equal(named.run, arrays.run)
    fit = fit_threshold("l", "s", data=pd.DataFrame(columns), chance=0.25, n_boot=99)
    assert fit.eta == fit_threshold(columns["l"], columns["s"], chance=0.25, n_boot=99).eta
    with pytest.raises(DataError, match="run: no column 'run' in the data; there is l, s, who"):
        as_points("l", "s", run="run", data=columns)
    with pytest.raises(DataError, match="with data= name the columns"):
        as_points(columns["l"], columns["s"], data=columns)
