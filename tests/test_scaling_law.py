from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from emergence import fit_scaling_law, load_dataset
from emergence.errors import DataError, MethodRefused
from emergence.planning.scaling_law import scaling_law, scaling_law_tokens

# Besiroglu et al. 2024 (arXiv 2404.10102), 240 points: estimate and standard error.
BESIROGLU = {
    "A": (482.01, 124.52),
    "B": (2085.43, 1293.28),
    "E": (1.8169, 0.0257),
    "alpha": (0.3478, 0.0154),
    "beta": (0.3659, 0.0206),
}


def test_besiroglu_within_half_a_standard_error(reference: Path) -> None:
    table = pd.read_csv(reference / "chinchilla_points.csv")
    table = table[table["excluded_by_besiroglu"] == 0]
    law = fit_scaling_law(table["params"], table["loss"], tokens=table["tokens"], n_boot=99)
    for name, (value, stderr) in BESIROGLU.items():
        assert abs(law.params[name] - value) < 0.5 * stderr, name
        assert law.stderr(name) == pytest.approx(stderr, rel=0.4), name


@given(st.floats(1.0, 2.5), st.floats(1e5, 1e9), st.floats(0.1, 0.6), st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_exact_data_give_exact_parameters(l_inf: float, n0: float, alpha: float, seed: int) -> None:
    sizes = np.geomspace(n0 / 10, n0 * 1e3, 9) * np.random.default_rng(seed).uniform(0.9, 1.1, 9)
    for method in ("huber", "least_squares"):
        law = fit_scaling_law(sizes, scaling_law(sizes, l_inf, n0, alpha), method=method, n_boot=99)
        assert law.L_inf == pytest.approx(l_inf, rel=1e-3)
        assert pytest.approx(n0, rel=2e-2) == law.N0
        assert law.alpha == pytest.approx(alpha, rel=1e-2)


def test_the_form_with_tokens_recovers_known_truth() -> None:
    rng = np.random.default_rng(1)
    n = np.repeat(np.geomspace(1e7, 1e10, 8), 6)
    d = np.tile(np.geomspace(1e9, 1e12, 6), 8)
    loss = scaling_law_tokens(n, d, 1.8, 400.0, 2000.0, 0.34, 0.36)
    law = fit_scaling_law(n, loss * np.exp(rng.normal(0, 0.003, n.size)), tokens=d, n_boot=199)
    for name, truth in {"E": 1.8, "alpha": 0.34, "beta": 0.36}.items():
        assert truth in law.interval(name, 0.99), name
    assert law.rms < 0.005
    np.testing.assert_allclose(law.predict(n, d), loss, rtol=0.01)


def test_huber_resists_an_outlier() -> None:
    sizes = np.geomspace(1e6, 1e9, 12)
    loss = scaling_law(sizes, 1.7, 2e7, 0.3)
    loss[4] *= 1.1
    robust = fit_scaling_law(sizes, loss, n_boot=99)
    plain = fit_scaling_law(sizes, loss, method="least_squares", n_boot=99)
    assert abs(robust.L_inf - 1.7) < 0.01 < abs(plain.L_inf - 1.7)


def test_contracts() -> None:
    runs = load_dataset("public_reports").filter(family="OLMo2-mix/dolma2-tokenizer")
    table = runs.final().to_frame().drop_duplicates("run")
    args = {"tokens": table["tokens"], "run": table["run"], "n_boot": 99}
    law = fit_scaling_law(table["params"], table["loss"], **args)
    again = table.sample(frac=1.0, random_state=1)
    same = fit_scaling_law(
        again["params"], again["loss"], tokens=again["tokens"], run=again["run"], n_boot=99
    )
    assert law.to_dict() == same.to_dict()
    assert json.loads(json.dumps(law.to_dict(), allow_nan=False)) == law.to_dict()
    np.testing.assert_array_equal(law.draws["E"], same.draws["E"])
    assert law.rms < 0.015
    assert "E + A/N^alpha + B/D^beta" in law.summary()
    with pytest.raises(DataError, match="give tokens too"):
        law.predict([1e9])
    with pytest.raises(DataError, match="no interval for 'gamma'"):
        law.interval("gamma")


@pytest.mark.parametrize(
    ("args", "kwargs", "text"),
    [
        (([1e6, 1e7, 1e8], [3, 2.5, 2.2]), {}, "at least 4 points"),
        (([1e6, 1e7, 1e8, -1], [3, 2.5, 2.2, 2]), {}, r"params\[3\] is -1"),
        (([1e6, 1e7, 1e8, 1e9], [3, 2.5, 2.2]), {}, "shape"),
        (([1e6, 1e6, 1e6, 1e6], [3, 3, 3, 3]), {}, "1 sizes"),
        ((np.geomspace(1e6, 1e9, 8), np.linspace(3, 2, 8)), {"tokens": np.full(8, 1e9)}, "without"),
        (([1e6, 1e7, 1e8, 1e9], [3, 2.5, 2.2, 2]), {"method": "l1"}, "'l1' is not known"),
    ],
)
def test_bad_input(args: tuple[object, object], kwargs: dict[str, object], text: str) -> None:
    with pytest.raises(DataError, match=text):
        fit_scaling_law(*args, **kwargs)  # type: ignore[arg-type]


def test_row_order_changes_nothing_without_runs_too() -> None:
    rng = np.random.default_rng(0)
    sizes = np.geomspace(1e6, 1e9, 9)
    loss = scaling_law(sizes, 1.7, 2e7, 0.3) * np.exp(rng.normal(0, 0.01, 9))
    order = rng.permutation(9)
    a, b = (fit_scaling_law(sizes[i], loss[i], n_boot=99) for i in (np.arange(9), order))
    np.testing.assert_array_equal(a.draws["L_inf"], b.draws["L_inf"])


def test_a_loss_that_does_not_fall_with_size_is_named() -> None:
    sizes = np.geomspace(1e6, 1e9, 9)
    law = fit_scaling_law(sizes, 2.0 + 0.01 * np.log10(sizes), n_boot=99)
    assert any("hardly falls" in w for w in law.warnings)
    with pytest.raises(DataError, match="one run"):
        fit_scaling_law(sizes, scaling_law(sizes, 1.7, 2e7, 0.3), run=["a"] * 9)


def test_tokens_tied_to_size_make_a_law_along_their_ray() -> None:
    """20 tokens a parameter: what size and tokens do cannot be told, and nothing is said of it."""
    size = np.geomspace(1e8, 1e10, 8)
    loss = scaling_law_tokens(size, 20 * size, E=1.69, A=406.4, B=410.7, alpha=0.34, beta=0.28)
    law = fit_scaling_law(size, loss, tokens=20 * size, n_boot=99)
    assert law.form == "N"
    assert law.along == "along D = 20 N"
    assert law.predict(size) == pytest.approx(loss, rel=2e-3)
    with pytest.raises(MethodRefused, match="along D = 20 N"):
        law.check_tokens()
    rng = np.random.default_rng(0)
    free = fit_scaling_law(size, loss, tokens=20 * size * rng.uniform(0.3, 3, 8), n_boot=99)
    assert free.form == "ND"
    assert free.ray is None


def test_runs_that_diverged_do_not_make_sizes_mean_nothing() -> None:
    size = np.geomspace(1e6, 1e9, 16)
    loss = scaling_law(size, L_inf=1.7, N0=2e7, alpha=0.3)
    loss[[3, 11]] += 4.0
    law = fit_scaling_law(size, loss, n_boot=99)
    assert law.L_inf == pytest.approx(1.7, abs=0.05)
    assert not any("mean nothing" in w for w in law.warnings)


@pytest.mark.parametrize(("sizes", "budgets"), [(3, 3), (3, 4), (5, 3)])
def test_a_grid_so_small_that_points_drawn_again_do_not_determine_the_law(
    sizes: int, budgets: int
) -> None:
    size = np.repeat(np.geomspace(1e7, 1e9, sizes), budgets)
    tokens = np.tile(np.geomspace(1e9, 1e11, budgets), sizes)
    for seed in range(4):
        noise = np.exp(np.random.default_rng(seed).normal(0, 0.01, size.size))
        loss = scaling_law_tokens(size, tokens, 1.7, 400.0, 2000.0, 0.34, 0.36) * noise
        law = fit_scaling_law(size, loss, tokens=tokens, n_boot=199)
        assert np.isfinite(law.draws["E"]).all()
