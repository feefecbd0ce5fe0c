"""One threshold for several tasks."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from emergence import Points, shared_threshold, simulate
from emergence.errors import DataError


def tasks(*etas: float, shape: str = "saturating", n: int = 60) -> list[Points]:
    return [
        simulate(shape, eta=e, n=n, sd=0.01, task=f"task-{i}", rng=10 + i).select()
        for i, e in enumerate(etas)
    ]


def test_one_threshold_is_found_where_there_is_one() -> None:
    result = shared_threshold(tasks(2.2, 2.2, 2.2), n_boot=199)
    assert result.p_common > 0.05
    ci = result.interval()
    assert 2.2 in ci
    assert ci.high - ci.low < 0.1
    assert "not rejected" in result.reason
    assert json.dumps(result.to_dict(), allow_nan=False)
    assert result.reason in result.summary()


def test_thresholds_apart_are_told_apart() -> None:
    result = shared_threshold(tasks(2.1, 2.4), n_boot=199)
    assert result.p_common < 0.05
    assert "is rejected" in result.reason


def test_jumps_with_overlapping_gaps_share_one() -> None:
    """What two gaps between losses have in common may be narrower than an even grid's step."""
    rejected = sum(
        shared_threshold(
            [simulate("jump", n=60, task=t, rng=20 * i + j).select() for j, t in enumerate("ab")],
            n_boot=99,
        ).p_common
        <= 0.05
        for i in range(10)
    )
    assert rejected <= 3


def test_what_cannot_be_shared_is_refused() -> None:
    with pytest.raises(DataError, match="at least two"):
        shared_threshold(tasks(2.2))
    here, there = tasks(2.2, 2.2)
    far = Points(loss=there.loss + 5.0, value=there.value, chance=there.chance)
    with pytest.raises(DataError, match="do not overlap"):
        shared_threshold([here, far], n_boot=99)


def test_the_same_runs_twice_have_one_threshold() -> None:
    task = simulate("jump", n=96, n_runs=6, eta_sd=0.05, rng=1).select()
    result = shared_threshold([task, replace(task, task="again")], n_boot=99)
    assert result.p_common > 0.05  # a share of nothing, however it is rounded
    assert "not rejected" in result.reason
