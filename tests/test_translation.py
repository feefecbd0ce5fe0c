"""Thresholds on another loss: known curves, the spread of runs, and what is not tied."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from emergence import fit_threshold, load_losses, simulate, translate
from emergence.errors import DataError, MethodRefused


def losses(g: np.random.Generator, runs: int, spread: float, noise: float = 0.002) -> pd.DataFrame:
    """Runs whose second loss is a shifted power of the first, each off by its own offset."""
    rows = []
    for r in range(runs):
        x = np.sort(g.uniform(2.0, 3.6, 40))[::-1]
        y = 0.4 + 1.1 * (x - 0.9) ** 0.93 + g.normal(0, spread) + g.normal(0, noise, x.size)
        rows.append(pd.DataFrame({"run": f"r{r}", "a": x, "b": y}))
    return pd.concat(rows, ignore_index=True)


def true(eta: float) -> float:
    return 0.4 + 1.1 * (eta - 0.9) ** 0.93


def test_a_known_curve_comes_back() -> None:
    found = translate(2.7, losses(np.random.default_rng(0), 6, 0.01), "a", "b")
    low, high = found.interval()
    assert low < true(2.7) < high
    assert high - low < 0.05
    assert found.slope == pytest.approx(1.1 * 0.93 * 1.8**-0.07, abs=0.05)
    assert found.interval("spread").low < 0.01 < found.interval("spread").high
    assert "a = 2.7 is b = " in found.reason
    assert found.to_frame()["run"].tolist() == [f"r{i}" for i in range(6)]
    assert found.plot().get_xlabel() == "a"


def test_the_interval_holds_and_that_of_a_new_run() -> None:
    """Monte-Carlo standard error .015: of 200 sets of 3 to 8 runs, 95% intervals."""
    g, held, new = np.random.default_rng(1), 0, 0
    for _ in range(200):
        found = translate(2.7, losses(g, int(g.integers(3, 9)), 0.02), "a", "b")
        low, high = found.interval()
        held += low < true(2.7) < high
        low, high = found.interval("new_run")
        new += low < true(2.7) + g.normal(0, 0.02) < high
    assert 0.905 <= held / 200 <= 0.99
    assert 0.90 <= new / 200 <= 0.99


def test_the_interval_of_a_fit_is_carried_over() -> None:
    table = losses(np.random.default_rng(2), 6, 0.005)
    fit = fit_threshold(simulate("jump", n=60, eta=2.7, rng=3).select(), n_boot=199)
    plain, carried = translate(fit.eta, table, "a", "b"), translate(fit, table, "a", "b")
    assert plain.eta == carried.eta
    inside, outside = plain.interval(), carried.interval()
    assert outside.low < inside.low
    assert outside.high > inside.high


@settings(max_examples=25, deadline=None)
@given(scale=st.floats(0.1, 10.0), shift=st.floats(-2.0, 2.0))
def test_another_unit_of_the_other_loss_is_only_another_unit(scale: float, shift: float) -> None:
    table = losses(np.random.default_rng(4), 4, 0.01)
    before = translate(2.5, table, "a", "b")
    after = translate(2.5, table.assign(b=scale * table["b"] + shift), "a", "b")
    assert after.eta == pytest.approx(scale * before.eta + shift, abs=1e-6 * max(1.0, scale))
    assert after.spread == pytest.approx(scale * before.spread, abs=1e-4 * scale)


def test_eleven_losses_of_one_model_agree_to_a_hundredth() -> None:
    found = translate(2.70, load_losses(), "c4_en", "pile")
    assert {"peteish7_eval_full", "peteish13_eval_full"} <= set(found.runs)
    assert found.eta == pytest.approx(2.063, abs=0.005)
    assert found.spread < 0.02


def test_what_is_not_tied_is_refused() -> None:
    g = np.random.default_rng(5)
    table = losses(g, 6, 0.01)
    with pytest.raises(MethodRefused, match="not tied"):
        translate(2.7, table.assign(b=g.permutation(table["b"].to_numpy())), "a", "b")
    with pytest.raises(MethodRefused, match="a run may have"):
        translate(2.7, losses(g, 4, 1.0), "a", "b")


def test_bad_input_says_what_to_do() -> None:
    table = losses(np.random.default_rng(6), 2, 0.01)
    with pytest.raises(DataError, match="no column 'c'; there is run, a, b"):
        translate(2.7, table, "a", "c")
    with pytest.raises(DataError, match=r"no run has 8 checkpoints around a = 9, .* 2\.\d+ to 3"):
        translate(9.0, table, "a", "b")
    single = translate(2.7, table[table["run"] == "r0"], "a", "b")
    assert "only one run" in single.warnings[0]
    with pytest.raises(DataError, match="no interval for 'new_run'; there is one for: eta"):
        single.interval("new_run")
    with pytest.raises(DataError, match="no losses 'none'; there is: corpora-cpu, olmo"):
        load_losses("none")
