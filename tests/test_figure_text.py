"""Texts of the hardest figures: none on another, none beyond the canvas."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from emergence import Records, classify, fit_scaling_law, run_thresholds, simulate
from emergence.figures.thresholds import FootRow, plot_feet, plot_forest
from emergence.interval import Interval
from emergence.planning.scaling_law import scaling_law
from emergence.report import pictures
from emergence.verdicts.verdict import Verdict

_LONG = "a_task_with_a_name_of_sixty_characters_as_harnesses_write_it"
_EDGE = 1.0  # pixels that a text may reach over another or the edge


@pytest.fixture(autouse=True)
def close_figures() -> Iterator[None]:
    yield
    plt.close("all")


def texts(figure: Figure) -> list[Text]:
    """Texts that are seen; tick labels beyond the limits of their axis are not."""
    figure.canvas = FigureCanvasAgg(figure)
    figure.canvas.draw()
    beyond = set()
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                if not low <= tick.get_loc() <= high:
                    beyond |= {id(tick.label1), id(tick.label2)}
    seen = (t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip())
    return [t for t in seen if id(t) not in beyond]


def check(figure: Figure) -> None:
    found = [(t.get_text(), t.get_window_extent()) for t in texts(figure)]
    assert len(found) > 4
    width, height = figure.get_size_inches() * figure.dpi
    for text, box in found:
        assert -_EDGE <= box.x0 <= box.x1 <= width + _EDGE, f"{text!r} leaves the canvas"
        assert -_EDGE <= box.y0 <= box.y1 <= height + _EDGE, f"{text!r} leaves the canvas"
    for (a, one), (b, other) in combinations(found, 2):
        across = min(one.x1, other.x1) - max(one.x0, other.x0)
        up = min(one.y1, other.y1) - max(one.y0, other.y0)
        assert min(across, up) <= _EDGE, f"{a!r} lies on {b!r}"


@pytest.fixture(scope="module")
def twelve_runs() -> Verdict:
    frame = simulate("jump", n=240, n_runs=12, eta_sd=0.1, task=_LONG, rng=1).to_frame()
    numbers = frame["run"].rank(method="dense").astype(int)
    frame["run"] = "a-run-with-a-long-name-of-its-own-" + numbers.astype(str)
    frame["params"] = 1e7 * 1.9 ** (numbers % 6)
    frame["tokens"] = 1e9 * (4.0 - frame["loss"]) ** 3
    return classify(Records(frame).select(), runs="random threshold", n_boot=199)


def test_a_task_beside_its_compute(twelve_runs: Verdict) -> None:
    check(pictures._task(twelve_runs))


def test_thresholds_of_twelve_runs(twelve_runs: Verdict) -> None:
    check(pictures._eta(twelve_runs))
    found = run_thresholds(twelve_runs.points, n_boot=199)
    check(found.plot().figure)


def test_one_bootstrap_of_eta() -> None:
    verdict = classify(simulate("jump", n=60, task=_LONG, rng=3).select(), n_boot=199)
    assert verdict.label == "emergent"
    check(pictures._eta(verdict))
    check(verdict.plot().figure)


@pytest.mark.parametrize("with_tokens", [False, True])
def test_seven_thresholds_beside_a_law(with_tokens: bool) -> None:
    n = np.geomspace(1e7, 3e10, 24)
    tokens = 20 * n[np.random.default_rng(0).permutation(24)] if with_tokens else None
    loss = scaling_law(n, 1.7, 2e7, 0.3) + (0.0 if tokens is None else (3e8 / tokens) ** 0.3)
    law = fit_scaling_law(n, loss, tokens=tokens, n_boot=99)
    figure = Figure(figsize=(6.4, 3.8), layout="constrained")
    ax = law.plot(figure.subplots())
    etas = [(float(e), f"{_LONG[:30]}_{i}") for i, e in enumerate(np.linspace(2.0, 2.4, 7))]
    pictures._name_etas(ax, etas)
    check(figure)


@pytest.mark.parametrize("rows", [1, 7, 40])
def test_tasks_with_long_names_side_by_side(rows: int) -> None:
    names = [f"{_LONG}_{i}" for i in range(rows)]
    spans = [Interval(2.0 + 0.01 * i, 2.3 + 0.01 * i, 0.95, "") for i in range(rows)]
    rho = Interval(0.05, 0.2, 0.95, "")
    etas = [(name, span.low + 0.1, span) for name, span in zip(names, spans, strict=True)]
    forest = Figure(figsize=(8.4, 1.2 + 0.3 * rows), layout="constrained")
    plot_forest(etas, forest.subplots())
    check(forest)
    feet = Figure(figsize=(8.4, 1.4 + 0.3 * rows), layout="constrained")
    plot_feet(
        [FootRow(name, "emergent", 0.1, rho, eta, span) for name, eta, span in etas],
        feet.subplots(1, 2, sharey=True),
    )
    check(feet)


def test_sizes_within_a_decade_have_labels_apart() -> None:
    points = simulate("hinge", n=60, rng=2).to_frame()
    points["params"] = np.tile([1.24e8, 1.31e8, 1.6e8, 4.1e8], 15)
    points["tokens"] = np.linspace(1.0e9, 2.1e9, 60)
    check(classify(Records(pd.DataFrame(points)).select(), n_boot=199).plot().figure)
