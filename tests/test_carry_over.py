"""Whether thresholds carry over: error rates with known truth, what is said, what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from emergence import Records, carry_over
from emergence.errors import DataError, MethodRefused
from emergence.report.claims_carry import carries
from emergence.report.finding import Source
from emergence.verdicts.carry_over_result import OnAxis

BYTES = {"small": 2.5, "middle": 3.0, "large": 3.5}  # of a token


def study(
    rng: np.random.Generator, *, apart: float = 0.0, seeds: int = 3, seed_sd: float = 0.015
) -> tuple[Records, pd.DataFrame]:
    """Runs of three vocabularies that begin at one loss per byte, or at one that differs."""
    rows, losses = [], []
    for k, (model, size) in enumerate(BYTES.items()):
        for seed in range(seeds):
            begins = 0.5 * np.exp(apart * (k - 1) + rng.normal(0, seed_sd))  # nats per byte
            tokens = np.geomspace(1e6, 1e7, 24).round()
            per_byte = 0.3 + 0.5 * (tokens / 1e6) ** -0.6 * np.exp(rng.normal(0, 0.02))
            way = 1 / (1 + np.exp((per_byte - begins) / 0.01))
            value = rng.binomial(1000, 0.25 + 0.75 * way) / 1000
            run = f"{model}-{seed}"
            about = {"model": model, "run": run, "params": 1e6, "family": model, "task": "t"}
            score = {"metric": "acc", "chance": 0.25}
            for t, loss, v in zip(tokens, per_byte, value, strict=True):
                rows.append(about | score | {"tokens": t, "loss": size * loss, "value": v})
                losses.append({"run": run, "tokens": t, "per_byte": loss})
    return Records(pd.DataFrame(rows)), pd.DataFrame(losses)


def test_one_loss_per_byte_is_many_per_token() -> None:
    found = carry_over(*study_and_task(0), base="middle")
    assert found.best.axis == "per_byte"
    frame = found.to_frame().set_index("axis")
    assert frame.loc["loss", "finding"] == "differ"
    assert frame.loc["loss", "p_common"] < 1e-6
    assert frame.loc["loss", "spread"] == pytest.approx(np.std(np.log([2.5, 3, 3.5]), ddof=1), 0.2)
    assert frame.loc["per_byte", "finding"] == "agree"
    assert "carries over: every group within 5% of middle" in found.reason
    begins = found.begins
    ratio = begins["loss"] / begins["per_byte"]
    np.testing.assert_allclose(ratio, begins["model"].map(BYTES), rtol=1e-9)
    assert begins["per_byte"].to_numpy() == pytest.approx(np.full(9, 0.5), rel=0.12)


def study_and_task(seed: int, **options: float) -> tuple[Records, str, pd.DataFrame]:
    records, losses = study(np.random.default_rng(seed), **options)
    return records, "t", losses


def test_rates_with_known_truth() -> None:
    n, rejected, covered, wrong, agree = 200, 0, 0, 0, 0
    for seed in range(n):
        one = next(a for a in carry_over(*study_and_task(seed)).axes if a.axis == "per_byte")
        rejected += one.p_common <= 0.05
        ci = one.spread_interval()
        covered += ci.low == 0.0
        agree += one.finding == "agree"
        edge = carry_over(*study_and_task(seed, apart=0.05), base="middle", margin=0.05)
        one = next(a for a in edge.axes if a.axis == "per_byte")
        wrong += one.finding == "agree"  # two groups lie on the margin itself
    assert rejected / n == pytest.approx(0.05, abs=0.046)  # 3 s.e.
    assert covered / n >= 0.975 - 0.033
    assert wrong / n <= 0.05
    assert agree / n >= 0.6


def test_spread_of_many_groups_is_covered() -> None:
    rng, inside, n, tau = np.random.default_rng(5), 0, 300, 0.05
    for _ in range(n):
        counts = rng.integers(1, 5, 8)
        counts[0] = 3
        group = np.repeat(np.arange(8), counts)
        log_eta = rng.normal(0, tau, 8)[group] + rng.normal(0, 0.02, group.size)
        one = OnAxis("x", tuple("abcdefgh"), 0, 0.05, log_eta, group)
        ci = one.spread_interval()
        inside += ci.low <= tau <= ci.high
    assert inside / n == pytest.approx(0.95, abs=0.038)  # 3 s.e.


def test_runs_without_a_threshold_are_named() -> None:
    records, _, losses = study_and_task(1)
    frame = records.to_frame()
    frame.loc[frame["run"] == "small-0", "value"] = 0.25
    frame.loc[frame["run"] == "large-1", "value"] = 0.9
    found = carry_over(Records(frame), "t", losses)
    assert found.aside == {
        "small-0": "never begins",
        "large-1": "had begun at its first checkpoint",
    }
    assert "small-0 (never begins)" in found.warnings[0]
    assert len(found.begins) == 7


def test_what_cannot_be_asked_is_refused() -> None:
    records, task, losses = study_and_task(0)
    with pytest.raises(DataError, match="no task 'x'; there is t"):
        carry_over(records, "x")
    with pytest.raises(DataError, match="t has no metric 'brier'"):
        carry_over(records, task, metric="brier")
    with pytest.raises(DataError, match="no run of 'huge' begins; there is large, middle, small"):
        carry_over(records, task, base="huge")
    with pytest.raises(DataError, match="24 checkpoints of the records lack a loss, first run"):
        carry_over(records, task, losses[losses["run"] != "small-1"])
    with pytest.raises(DataError, match="has several rows"):
        carry_over(records, task, pd.concat([losses, losses.tail(1)]))
    with pytest.raises(DataError, match="a column 'loss' is of the records"):
        carry_over(records, task, losses.rename(columns={"per_byte": "loss"}))
    with pytest.raises(DataError, match=r"nowhere\.csv: no CSV of losses"):
        carry_over(records, task, "nowhere.csv")
    single, _ = study(np.random.default_rng(0), seeds=1)
    with pytest.raises(MethodRefused, match="add runs that differ in their seed alone"):
        carry_over(single, task)


def test_figure_shows_each_group_beside_the_margin() -> None:
    found = carry_over(*study_and_task(0), base="middle")
    ax = found.plot(axis="loss")
    assert [t.get_text() for t in ax.get_yticklabels()] == ["small", "middle", "large"]
    assert "t on loss: differ" in ax.get_title()
    dots = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o"]
    one = next(a for a in found.axes if a.axis == "loss")
    np.testing.assert_allclose(dots[::-1], one.differences)


def test_the_page_of_claims_asks_it_of_every_loss() -> None:
    records, _, losses = study_and_task(0)
    found = carries(Source("x", records, 99, 0, losses=losses, base="middle"))
    assert "carries over, on the loss on which the groups differ least, in 1" in found.clause
    assert "on loss one threshold is rejected in 1" in found.clause
    assert "on per_byte one threshold is rejected in 0" in found.clause
    assert found.holds == "yes"
    assert found.table["loss"].tolist() == ["per_byte", "loss"]
    assert found.table["runs that begin"].tolist() == ["9 of 9"] * 2
    assert len(found.draw().axes) == 1
    frame = records.to_frame()
    alone = Records(frame[frame["run"].str.endswith("0")])
    refused = carries(Source("x", alone, 99, 0))
    assert refused.holds == "cannot be told"
    assert "differ in their seed alone" in refused.clause
