"""Whether thresholds carry over: error rates with known truth, what is said, what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from emergence import Records, carry_over
from emergence.cli.main import main
from emergence.errors import DataError, MethodRefused
from emergence.report.claims_carry import carries
from emergence.report.finding import Source
from emergence.verdicts.carry_over_result import CarryOver, OnAxis

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


def per_byte(found: CarryOver) -> OnAxis:
    return found.on("per_byte")


def test_rates_with_known_truth() -> None:
    n, rejected, covered, wrong, agree = 200, 0, 0, 0, 0
    for seed in range(n):
        one = per_byte(carry_over(*study_and_task(seed)))
        rejected += one.p_common <= 0.05
        covered += one.spread_interval().low == 0.0
        agree += one.finding == "agree"
        edge = carry_over(*study_and_task(seed, apart=np.log1p(0.05)), base="middle")
        wrong += per_byte(edge).p_equivalent <= 0.05  # a group lies on the margin itself
    assert rejected / n == pytest.approx(0.05, abs=0.046)  # 3 s.e.
    assert covered / n >= 0.975 - 0.033
    assert wrong / n <= 0.05
    assert agree / n >= 0.5


def test_a_grid_of_checkpoints_that_seeds_share_is_no_difference() -> None:
    """Seeds that differ in nothing, on grids of their groups: what is read lies off the truth."""
    rejected, n = 0, 60
    for seed in range(n):
        rng, rows = np.random.default_rng(seed), []
        for k, model in enumerate(BYTES):
            tokens = (np.geomspace(1e6, 1e7, 24) * np.exp(rng.uniform(-0.05, 0.05))).round()
            loss = 0.3 + 0.5 * (tokens / 1e6) ** -0.6
            for run in range(3):
                way = 1 / (1 + np.exp((loss - 0.5 * np.exp(rng.normal(0, 0.002))) / 0.001))
                for t, x, v in zip(tokens, loss, 0.25 + 0.75 * way, strict=True):
                    rows.append((model, f"{k}-{run}", 1e6, t, x, "t", "acc", v, 0.25))
        names = ["model", "run", "params", "tokens", "loss", "task", "metric", "value", "chance"]
        frame = Records(pd.DataFrame(rows, columns=names))
        rejected += carry_over(frame, "t").best.p_common <= 0.05
    assert rejected / n <= 0.1


def test_spread_of_many_groups_is_covered() -> None:
    rng, inside, n, tau = np.random.default_rng(5), 0, 300, 0.05
    for _ in range(n):
        counts = rng.integers(1, 5, 8)
        counts[0] = 3
        group = np.repeat(np.arange(8), counts)
        log_eta = rng.normal(0, tau, 8)[group] + rng.normal(0, 0.02, group.size)
        one = OnAxis(
            axis="x",
            groups=tuple("abcdefgh"),
            base=0,
            margin=0.05,
            alpha=0.05,
            log_eta=log_eta,
            gap=np.zeros(group.size),
            group=group,
        )
        ci = one.spread_interval()
        inside += ci.low <= tau <= ci.high
    assert inside / n == pytest.approx(0.95, abs=0.038)  # 3 s.e.


def test_runs_without_a_threshold_are_named_and_nothing_agrees() -> None:
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
    assert per_byte(found).finding == "agree"
    assert found.finding(per_byte(found)) == "cannot be told"
    assert found.finding(found.on("loss")) == "differ"  # seven of nine still show that


def test_a_group_that_never_begins_is_named_and_more_than_a_quarter_say_nothing() -> None:
    records, _, losses = study_and_task(1)
    frame = records.to_frame()
    frame.loc[frame["model"] == "large", "value"] = 0.25
    found = carry_over(Records(frame), "t", losses)
    assert found.lost == ("large",)
    assert found.reason.endswith("; no run of large begins")
    assert {found.finding(one) for one in found.axes} == {"cannot be told"}


def test_metrics_that_fall_and_groups_named_by_numbers() -> None:
    records, _, losses = study_and_task(2)
    frame = records.to_frame()
    brier = frame.assign(metric="brier", value=1 - frame["value"], chance=0.75)
    brier["vocabulary"] = brier["model"].map({"small": 800, "middle": 1500, "large": 3000})
    found = carry_over(Records(brier), "t", losses, metric="brier", by="vocabulary", base=1500)
    assert found.best.groups == ("800", "1500", "3000")
    plain = carry_over(records, "t", losses, base="middle")
    assert found.on("loss").p_common == pytest.approx(plain.on("loss").p_common)


def test_only_losses_are_losses() -> None:
    records, task, losses = study_and_task(0)
    more = losses.assign(step=np.arange(len(losses)), seed=1, ok=True, note="x")
    more["Unnamed: 0"] = 0
    found = carry_over(records, task, more)
    assert {one.axis for one in found.axes} == {"loss", "per_byte"}
    numbered = records.to_frame().assign(run=lambda f: f["run"].rank(method="dense").astype(int))
    named = dict(zip(records.to_frame()["run"], numbered["run"], strict=True))
    same = carry_over(Records(numbered), task, losses.assign(run=losses["run"].map(named)))
    assert same.to_frame().equals(found.to_frame())


def test_what_cannot_be_asked_is_refused() -> None:
    records, task, losses = study_and_task(0)
    for told, asked in (
        ("no task 'x'; there is t", {"task": "x"}),
        ("t has no metric 'brier' that a fit takes", {"metric": "brier"}),
        ("no run of 'huge' begins; there is large, middle, small", {"base": "huge"}),
        ("by is 'way'; name a column that says of every run", {"by": "way"}),
        ("'value' changes within run", {"by": "value"}),
        ("both lie between 0 and 1", {"margin": 1.5}),
        ("24 checkpoints of the records lack", {"losses": losses[losses["run"] != "small-1"]}),
        ("has several rows", {"losses": pd.concat([losses, losses.tail(1)])}),
        ("'per_byte' is not a positive number everywhere", {"losses": losses.replace(
            losses["per_byte"].iloc[3], np.inf)}),
        ("one at least of numbers beside them", {"losses": losses[["run", "tokens"]]}),
        (r"nowhere\.csv: no CSV of losses", {"losses": "nowhere.csv"}),
    ):  # fmt: skip
        with pytest.raises(DataError, match=told):
            carry_over(records, **{"task": task} | asked)
    with pytest.raises(DataError, match="no interval for 'typo'"):
        carry_over(records, task, losses).plot(axis="typo")
    single, _ = study(np.random.default_rng(0), seeds=1)
    with pytest.raises(MethodRefused, match="add runs that differ in their seed alone"):
        carry_over(single, task)


def test_command_line(tmp_path, capsys) -> None:
    records, task, losses = study_and_task(0)
    records.to_csv(tmp_path / "r.csv")
    losses.to_csv(tmp_path / "l.csv", index=False)
    assert main(["carry", str(tmp_path / "r.csv"), "--task", task]) == 0
    assert "on loss, where 3 groups differ least" in capsys.readouterr().out
    more = ["--losses", str(tmp_path / "l.csv"), "--base", "middle", "--json"]
    assert main(["carry", str(tmp_path / "r.csv"), "--task", task, *more]) == 0
    assert '"per_byte"' in capsys.readouterr().out


def test_figure_shows_each_group_beside_the_margin() -> None:
    found = carry_over(*study_and_task(0), base="middle")
    ax = found.plot(axis="loss")
    assert [t.get_text() for t in ax.get_yticklabels()] == ["small", "middle", "large"]
    assert "t on loss: differ" in ax.get_title()
    dots = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(dots[::-1], found.on("loss").differences)


def test_the_page_of_claims_asks_it_of_every_loss() -> None:
    records, _, losses = study_and_task(0)
    found = carries(Source("x", records, 99, 0, losses=losses, base="middle"))
    assert found.clause.startswith("of 1 task 1 begin in several groups of runs")
    assert "the threshold carries over in 1" in found.clause
    assert "on loss one threshold is rejected in 1" in found.clause
    assert "on per_byte one threshold is rejected in 0" in found.clause
    assert found.holds == "yes"
    assert found.table["loss"].tolist() == ["per_byte", "loss"]
    assert found.table["runs with a threshold"].tolist() == ["9 of 9"] * 2
    assert len(found.draw().axes) == 1
    frame = records.to_frame()
    alone = Records(frame[frame["run"].str.endswith("0")])
    refused = carries(Source("x", alone, 99, 0))
    assert refused.holds == "cannot be told"
    assert "differ in their seed alone" in refused.clause
