"""Figures of a report: read, joined, and what reading leaves unsure."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st

from emergence import join_curves, read_curves
from emergence.errors import DataError, DataWarning, RecordsError
from emergence.readers.joined_curves import Axis

SIZES = {"7B": 7e9, "13B": 1.3e10}


def loss_of(x: np.ndarray, low: float = 1.5) -> np.ndarray:
    return low + 2.0 * x**-0.2


def figures(n: int = 60) -> tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame]]:
    """Two series of a loss, and of a score in percent that begins at a loss of 2.2."""
    x, at = np.geomspace(5.0, 1500.0, 80), np.linspace(20.0, 1400.0, n)
    losses, scores = {}, {}
    for run, low in (("7B", 1.5), ("13B", 1.4)):
        losses[run] = pd.DataFrame({"x": x, "y": loss_of(x, low)})
        score = 25.0 + 60.0 * np.maximum(0.0, 2.1 - loss_of(at, low))
        noise = np.random.default_rng(len(run)).normal(0.0, 0.3, n)
        scores[run] = pd.DataFrame({"x": at, "y": score + noise})
    return losses, scores


def joined(**options):
    losses, scores = figures()
    return join_curves(
        losses,
        scores,
        params=SIZES,
        task="mmlu",
        chance=0.25,
        x_unit=1e9,
        score_unit=0.01,
        **options,
    )


def test_the_loss_at_the_tokens_of_a_score() -> None:
    frame = joined().records.to_frame()
    mine = frame[frame["run"] == "13B"]
    np.testing.assert_allclose(mine["loss"], loss_of(mine["tokens"] / 1e9, 1.4), atol=5e-3)
    assert mine["tokens"].max() == pytest.approx(1.4e12)
    assert set(mine["params"]) == {1.3e10}
    assert frame["value"].between(0.2, 0.6).all()
    assert len(frame) == 120


def test_compute_on_the_axis() -> None:
    losses, scores = figures()
    found = join_curves(
        losses, scores, on="flops", params=SIZES, task="mmlu", chance=0.25, x_unit=1e21,
        score_unit=0.01,
    )  # fmt: skip
    frame = found.records.to_frame()
    assert frame["tokens"].max() == pytest.approx(1400e21 / (6 * 7e9))


@pytest.mark.filterwarnings("ignore:.*tokens at most are few")
def test_nothing_beyond_the_loss_curve_is_used_or_lost() -> None:
    losses, scores = figures()
    losses = {run: curve[curve["x"] < 1000.0] for run, curve in losses.items()}
    with pytest.warns(DataWarning, match="beyond the loss curve are not used: "):
        found = join_curves(losses, scores, params=SIZES, task="mmlu", chance=0.25, score_unit=0.01)
    assert len(found.outside) + len(found.records) == 120
    assert found.outside["x"].min() > found.records.to_frame()["tokens"].max() - 100.0
    assert set(found.outside["series"]) == set(SIZES)
    assert found.warnings


def test_the_threshold_carries_the_reading() -> None:
    found = joined().fit_threshold(n_boot=199, n_readings=20)
    ci, inner = found.interval(), found.fit.interval()
    assert 2.1 in ci
    assert ci.high - ci.low > inner.high - inner.low
    assert 0.0 < found.reading_sd < 0.1
    exact = joined(reading_error=0.0).fit_threshold(n_boot=199, n_readings=20)
    assert exact.reading_sd == pytest.approx(0.0, abs=1e-9)
    assert tuple(exact.interval()) == pytest.approx(tuple(exact.fit.interval()))


def test_the_wider_the_axis_the_less_is_known() -> None:
    narrow, wide = (
        joined(
            loss_axes=((0.0, 1500.0), (1.5, top)), score_axes=((0.0, 1500.0), (20.0, 60.0))
        ).fit_threshold(n_boot=99, n_readings=40)
        for top in (3.5, 11.5)
    )
    assert wide.reading_sd > 2 * narrow.reading_sd


def test_same_seed_same_bits_and_json() -> None:
    a, b = (joined().fit_threshold(n_boot=99, n_readings=20, rng=3) for _ in range(2))
    found = a.to_dict()
    assert json.dumps(found) == json.dumps(b.to_dict())
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert "read from figures: adds sd" in a.summary()


@pytest.mark.filterwarnings("ignore:.*tokens at most are few")
@given(beta=st.floats(0.5, 0.95), low=st.floats(0.5, 2.0))
def test_smoothing_is_undone(beta: float, low: float) -> None:
    """A curve smoothed as figures are comes back, but for its bend within a lag."""
    step, x = 1.0, np.arange(1.0, 3000.0)
    truth = loss_of(x, low)
    smooth = truth.copy()
    for t in range(1, x.size):
        smooth[t] = beta * smooth[t - 1] + (1 - beta) * truth[t]
    read = np.arange(200, x.size, 10)
    losses = pd.DataFrame({"x": x[read], "y": smooth[read]})
    at = x[read[5:-5]] + 0.5
    scores = pd.DataFrame({"x": at, "y": np.linspace(0.3, 0.4, at.size)})
    found = [
        join_curves(losses, scores, params=1e9, task="t", chance=0.25, **options)
        .records.to_frame()["loss"]
        .to_numpy()
        for options in ({}, {"smoothing": beta, "smoothing_step": step})
    ]
    off = [np.abs(loss - loss_of(at, low)).max() for loss in found]
    assert off[1] < 5e-3
    assert off[1] < 0.5 * off[0] or off[0] < 1e-3


@given(
    low=st.floats(0.1, 10.0), factor=st.floats(1.5, 1e3), log=st.booleans(), at=st.floats(0.0, 1.0)
)
def test_places_on_an_axis_come_back(low: float, factor: float, log: bool, at: float) -> None:
    axis = Axis(low, low * factor, log)
    assert axis.place(axis.value(np.array([at]))) == pytest.approx([at], abs=1e-9)


def write(tmp_path, text: str):
    path = tmp_path / "figure.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_webplotdigitizer_exports(tmp_path) -> None:
    text = "7B,,13B,\nX,Y,X,Y\n2, 2.8,1,2.9\n1, 3.1,2,2.6\n3,2.7,3,2.4\n3,2.7,4,2.3\n,,5,2.2\n"
    found = read_curves(write(tmp_path, text))
    assert list(found) == ["7B", "13B"]
    assert found["7B"]["x"].tolist() == [1.0, 2.0, 3.0]
    assert found["13B"]["y"].tolist() == [2.9, 2.6, 2.4, 2.3, 2.2]


@pytest.mark.parametrize(
    "text",
    ["1,3.1\n2,2.8\n3,2.7\n", "x,y\n1,3.1\n2,2.8\n3,2.7\n", "\ufeff1,3.1,\n2,2.8,\n3,2.7,\n"],
)
def test_one_series_without_a_name(tmp_path, text: str) -> None:
    found = read_curves(write(tmp_path, text))
    assert list(found) == ["series"]
    assert found["series"]["y"].tolist() == [3.1, 2.8, 2.7]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("7B,,13B\nX,Y,X\n1,2,3\n", "3 columns; readings come in pairs"),
        ("7B,\nX,Y\n1,3.1\n2,abc\n3,2.7\n", "figure.csv, row 4, column '7B Y': 'abc'"),
        ("7B,\nX,Y\n1,3.1\n2,\n3,2.7\n", "row 4, column '7B Y'.*half a reading"),
        ("7B,,7B,\nX,Y,X,Y\n1,3,1,3\n2,3,2,3\n3,3,3,3\n", "two series of one name"),
        ("7B,\nX,Y\n1,3.1\n2,3\n", "2 readings; at least 3 are needed"),
        ("7B,\nX,Y\n1,inf\n2,3\n3,3\n", "no finite number"),
    ],
)
def test_files_that_are_no_curves(tmp_path, text: str, message: str) -> None:
    with pytest.raises(RecordsError, match=message):
        read_curves(write(tmp_path, text))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"on": "steps"}, "it must be tokens or flops"),
        ({"reading_error": 0.5}, "a share of the axis"),
        ({"x_unit": 0.0}, "units must be positive"),
        ({"smoothing": 0.9}, "needs smoothing_step"),
        ({"smoothing": 0.9, "smoothing_step": -1.0}, "must be positive"),
        ({"params": {"7B": 7e9}}, "params of 13B are missing"),
        ({"loss_axes": ((0.0, 1.0), (3.0, 2.0))}, "y axis runs from 3 to 2"),
        (
            {"loss_axes": ((0.0, 1.0), (2.0, 3.0)), "log_x": True},
            "positive where it is logarithmic",
        ),
    ],
)
def test_options_that_make_no_sense(change: dict, message: str) -> None:
    losses, scores = figures()
    options = {"params": SIZES, "task": "t", "chance": 0.25} | change
    with pytest.raises(DataError, match=message):
        join_curves(losses, scores, **options)


def test_curves_that_do_not_fit_together() -> None:
    losses, scores = figures()
    with pytest.raises(DataError, match="without a partner of the same name: 13B"):
        join_curves({"7B": losses["7B"]}, scores, params=1e9, task="t")
    with pytest.raises(DataError, match="columns x and y are needed, there is a"):
        join_curves(pd.DataFrame({"a": [1.0]}), scores["7B"], params=1e9, task="t")
    bad = losses["7B"].assign(y=np.nan)
    with pytest.raises(DataError, match=r"reading 1.*not finite"):
        join_curves(bad, scores["7B"], params=1e9, task="t")
    with pytest.raises(DataError, match="2 readings; at least 3"):
        join_curves(losses["7B"].head(2), scores["7B"], params=1e9, task="t")
    far = scores["7B"].assign(x=lambda f: f["x"] + 1e6)
    with pytest.raises(DataError, match="no reading of a score lies within"):
        join_curves(losses["7B"], far, params=1e9, task="t")
    with pytest.raises(DataError, match="at least 20"):
        joined().fit_threshold(n_readings=3)


def test_scores_read_just_below_nothing_are_nothing() -> None:
    losses, scores = figures()
    zero = {k: f.assign(y=(f["y"] - 25.0).clip(lower=0.0)) for k, f in scores.items()}
    zero["7B"].loc[0, "y"] = -0.1
    options = {"params": SIZES, "task": "t", "metric": "exact_match", "chance": 0.0}
    with pytest.warns(DataWarning, match="1 readings of the score lie just outside"):
        found = join_curves(losses, zero, x_unit=1e9, score_unit=0.01, **options)
    assert found.records.to_frame()["value"].min() == 0.0
    # Figures that are read again move too, and a plateau at nothing stays there.
    assert abs(found.fit_threshold(n_boot=99, n_readings=20).eta - 2.1) < 0.1
    zero["7B"].loc[0, "y"] = -5.0
    with pytest.raises(RecordsError, match="outside"):
        join_curves(losses, zero, x_unit=1e9, score_unit=0.01, **options)


@pytest.mark.filterwarnings("ignore::emergence.errors.DataWarning")
def test_a_reading_that_was_taken_is_taken_again() -> None:
    losses, scores = figures()
    low = {k: f.assign(y=(f["y"] - 25.0).clip(lower=0.0)) for k, f in scores.items()}
    span = max(f["y"].max() for f in low.values()) - min(f["y"].min() for f in low.values())
    low["7B"].loc[0, "y"] = -4.0 * 0.005 * span
    found = join_curves(losses, low, params=SIZES, task="t", metric="exact_match", chance=0.0,
                        x_unit=1e9, score_unit=0.01)  # fmt: skip
    assert abs(found.fit_threshold(n_boot=99, n_readings=20).eta - 2.1) < 0.1


def test_decimal_commas_are_no_second_series(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("7B,\nX,Y\n1,5,2,8\n2,5,2,7\n3,5,2,6\n")
    with pytest.raises(RecordsError, match="a decimal comma") as caught:
        read_curves(tmp_path / "c.csv")
    assert [v.row for v in caught.value.violations] == [3]
