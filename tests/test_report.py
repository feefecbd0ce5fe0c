"""Figures by their artists, the page by its text, the command line by its files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from emergence import (
    Records,
    classify,
    classify_tasks,
    fit_scaling_law,
    fit_smooth,
    fit_threshold,
    simulate,
)
from emergence.cli.main import main
from emergence.figures.fit import plot_fit
from emergence.figures.scores import plot_compute, plot_points
from emergence.figures.style import COLORS
from emergence.figures.thresholds import FootRow, plot_eta_distribution, plot_feet, plot_forest
from emergence.planning.scaling_law import scaling_law
from emergence.report.analysis import analyse
from emergence.report.interactive import drawn_curves, figure_data
from emergence.report.page import write_report
from emergence.report.pictures import _eta, _name_etas


@pytest.fixture(autouse=True)
def close_figures() -> Iterator[None]:
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def records() -> Records:
    """Five runs of five sizes; one emergent task and one smooth, with a hostile name."""
    frames = []
    for task, shape, seed in (("jumpy", "jump", 1), ("<b>smooth & co</b>", "logistic", 1)):
        f = simulate(shape, n=80, n_runs=5, task=task, rng=seed).to_frame()
        size = f["run"].map({r: 10.0 ** (7 + i / 2) for i, r in enumerate(sorted(set(f["run"])))})
        frames.append(f.assign(params=size, metric="acc"))
    return Records(pd.concat(frames, ignore_index=True))


def test_fit_figure_shows_points_curve_band_eta_and_chance(records: Records) -> None:
    fit = fit_threshold(records.select("jumpy"), n_boot=199)
    ax = fit.plot()
    assert ax.xaxis_inverted()
    dots = np.concatenate(
        [np.asarray(c.get_offsets()) for c in ax.collections if len(c.get_offsets()) > 1]
    )
    assert len(dots) == 80
    heights = [line.get_ydata()[0] for line in ax.lines if len(set(line.get_ydata())) == 1]
    assert 0.25 in heights
    uprights = [line.get_xdata()[0] for line in ax.lines if len(set(line.get_xdata())) == 1]
    assert any(x == pytest.approx(fit.eta) for x in uprights)
    band = next(p for p in ax.patches if p.get_width() < 1)
    assert band.get_x() == pytest.approx(fit.interval().low)
    assert band.get_width() == pytest.approx(fit.interval().high - fit.interval().low)
    assert any("3.16" in t.get_text() or "10M" in t.get_text() for t in ax.get_legend().texts)
    assert "jumpy" in ax.get_title()


def test_every_figure_draws_on_the_axes_given(records: Records) -> None:
    points = records.select("jumpy")
    fit, smooth = fit_threshold(points, n_boot=199), fit_smooth(points, n_boot=199)
    n = np.geomspace(1e6, 1e9, 9)
    law = fit_scaling_law(n, scaling_law(n, 1.7, 2e7, 0.3), n_boot=99)
    verdict = classify(points, n_boot=199)
    for draw in (
        lambda ax: plot_fit(fit, ax=ax),
        lambda ax: plot_fit(smooth, ax=ax),
        lambda ax: plot_compute(points, ax=ax),
        lambda ax: plot_eta_distribution(fit.eta_draws(), fit.eta, fit.interval(), ax),
        lambda ax: plot_forest([("jumpy", fit.eta, fit.interval())], ax),
        lambda ax: plot_forest([], ax=ax),
        verdict.plot,
        law.plot,
    ):
        ax = plt.figure().subplots()
        assert draw(ax) is ax
        assert ax.has_data() or ax.texts
    assert plt.figure().subplots() is not plot_points(points)


@pytest.mark.parametrize(
    ("shape", "seed", "label"), [("logistic", 2, "smooth"), ("hinge", 5, "undetermined")]
)
def test_runs_that_were_tested_apart_are_drawn_apart(shape: str, seed: int, label: str) -> None:
    """Each line passes its own run, which no common curve does."""
    points = simulate(shape, n=100, n_runs=4, eta_sd=0.15, rng=seed).select()
    verdict = classify(points, n_boot=199)
    assert verdict.label == label, verdict.reason
    ax = verdict.plot()
    lines = [line for line in ax.lines if line.get_color() == COLORS["smooth"]]
    assert len(lines) == 4
    for name in np.unique(points.run):
        mine = points.where(points.run == name)
        misses = []
        for line in lines:
            x, y = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
            misses.append(np.interp(mine.loss, x, y) - mine.value)
        assert min(np.sqrt(np.mean(np.square(m))) for m in misses) < 0.03  # the noise is 0.02
    onsets = [line for line in ax.lines if line.get_color() == COLORS["emergent"]]
    assert len(onsets) == (4 if label == "undetermined" else 0)


def test_forest_has_one_interval_for_each_emergent_task(records: Records) -> None:
    verdicts = classify_tasks(records, n_boot=199)
    verdict, ax = verdicts["jumpy"], verdicts.plot()
    low, high = ax.lines[0].get_xdata()
    assert (low, high) == tuple(verdict.eta_interval)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["jumpy acc"]


def test_feet_show_rho_and_onset_of_every_task_that_rises(records: Records) -> None:
    verdicts = classify_tasks(records, n_boot=199)
    rows = [FootRow(*row) for row in verdicts.feet("")]
    assert {row.name for row in rows} == {v.points.label for v in verdicts if v.label != "flat"}
    left, right = plot_feet(rows)
    names = [t.get_text() for t in left.get_yticklabels()]
    for row in rows:
        y = names.index(row.name)
        drawn = [ax.lines for ax in (left, right)]
        spans = [
            np.asarray(line.get_xdata())
            for lines in drawn
            for line in lines
            if line.get_color() == COLORS[row.verdict] and list(line.get_ydata()) == [y, y]
        ]
        assert len(spans) == 2
        low, high = row.rho_interval
        np.testing.assert_allclose(spans[0], np.clip([low, high], 0.003, 16.0))
        np.testing.assert_allclose(spans[1], list(row.interval))
    empty, _ = plot_feet([])
    assert empty.texts


def test_the_names_of_runs_lie_in_their_figure_and_not_on_each_other() -> None:
    frame = simulate("jump", n=240, n_runs=12, eta_sd=0.1, rng=1).to_frame()
    frame["run"] = "a-run-with-a-name-" + frame["run"]
    verdict = classify(Records(frame).select(), runs="random threshold", n_boot=199)
    assert verdict.threshold.by_run is not None
    figure = _eta(verdict)
    FigureCanvasAgg(figure).draw()
    boxes = sorted(
        (t.get_window_extent() for t in figure.axes[0].get_yticklabels()), key=lambda b: b.y0
    )
    assert len(boxes) == 12
    assert all(box.x0 >= 0 for box in boxes)
    assert all(upper.y0 >= lower.y1 for lower, upper in pairwise(boxes))


def test_thresholds_of_one_law_are_named_without_lying_on_each_other() -> None:
    ax = plt.figure().subplots()
    ax.set_ylim(0.5, 2.5)
    _name_etas(ax, [(1.0, "sums"), (1.01, "who"), (1.02, "sums"), (1.5, "letters")])
    assert [line.get_ydata()[0] for line in ax.lines] == [1.0, 1.01, 1.02, 1.5]
    assert [(t.get_text(), t.xy[1]) for t in ax.texts] == [("sums, who", 1.02), ("letters", 1.5)]


def test_a_page_draws_the_curves_of_the_figure_with_their_corners(records: Records) -> None:
    for verdict in classify_tasks(records, n_boot=199):
        drawn = drawn_curves(verdict)
        data = figure_data(verdict, drawn)
        assert data["curves"]
        for (_, curve), shown in zip(drawn, data["curves"], strict=True):
            x, y = (np.array(shown[name].split(), dtype=float) for name in ("x", "y"))
            assert len(x) < 0.4 * len(curve.loss)
            order = np.argsort(x, kind="stable")
            off = np.abs(np.interp(curve.loss, x[order], y[order]) - curve.score)
            assert off.max() < 0.005 * np.ptp(curve.score)  # of a plot of 300 pixels


def test_page_is_self_contained_and_escaped(records: Records, tmp_path: Path) -> None:
    analysis = analyse(records, n_boot=199)
    page, failed = write_report(analysis, tmp_path, source="<x>.csv", settings={"seed": 0})
    assert failed == ()
    text = page.read_text()
    assert "<b>smooth" not in text
    assert "&lt;b&gt;smooth &amp; co&lt;/b&gt;" in text
    assert "&lt;x&gt;.csv" in text
    assert not re.search(
        r"""(?:src|href)=["'](?!data:(?:image/webp|text/csv);base64,|#|figures/)""", text
    )
    assert "http" not in re.sub(r"base64,[^\"]*", "", text)
    assert text.count("<section") == 2
    assert analysis.verdicts["jumpy"].reason.split("; eta")[0] in text.replace("&lt;", "<")
    assert "numpy" in text
    table = pd.read_csv(tmp_path / "verdicts.csv")
    assert table["label"].tolist() == [v.label for v in analysis.verdicts]
    stems = {p.stem for p in (tmp_path / "figures").glob("[!.]*")}
    for stem in stems:
        assert (tmp_path / "figures" / f"{stem}.png").read_bytes().startswith(b"\x89PNG")
        assert (tmp_path / "figures" / f"{stem}.svg").read_text().startswith("<?xml")
    assert any(s.endswith("-eta") for s in stems)


def test_page_says_which_axis_and_what_other_metrics_say(records: Records, tmp_path: Path) -> None:
    frame = records.to_frame()
    jumpy = frame[frame["task"] == "jumpy"]
    more = [
        jumpy.assign(metric="choice_prob"),
        jumpy.assign(metric="perplexity_correct", value=2.0, chance=np.nan),
        jumpy.assign(metric="perplexity_wrong", value=2.0, chance=np.nan),
        jumpy.assign(metric="train_loss", value=2.0, chance=np.nan),
    ]
    analysis = analyse(Records(pd.concat([frame, *more], ignore_index=True)), n_boot=199)
    i = [v.points.label for v in analysis.verdicts].index("jumpy acc")
    eta = analysis.verdicts[i].threshold.eta
    assert analysis.other_metrics(i) == f"by acc emergent; by choice_prob emergent, eta = {eta:.3f}"
    assert analysis.alignments[i].best == "loss"
    assert "loss lines 5 sizes up best" in analysis.summary()
    assert "Does the metric make it?" in analysis.summary()
    text = write_report(analysis, tmp_path, source="x", settings={})[0].read_text()
    assert analysis.alignments[i].reason in text
    assert "by choice_prob emergent" in text
    assert text.count("not fitted: ") == 2  # perplexities together, the loss apart
    assert "not fitted: perplexity_correct, perplexity_wrong of jumpy: " in text
    table = pd.read_csv(tmp_path / "verdicts.csv")
    assert table.loc[i, "axis"] == "loss"
    assert table.loc[i, "error_loss"] < table.loc[i, "error_compute"]


def test_report_is_the_same_twice(records: Records, tmp_path: Path) -> None:
    for name in ("a", "b"):
        analysis = analyse(records, n_boot=199)
        write_report(analysis, tmp_path / name, source="x", settings={})
    for file in (tmp_path / "a").rglob("*.*"):
        assert file.read_bytes() == (tmp_path / "b" / file.relative_to(tmp_path / "a")).read_bytes()


@pytest.fixture
def csv(records: Records, tmp_path: Path) -> str:
    records.to_csv(tmp_path / "runs.csv")
    return str(tmp_path / "runs.csv")


def test_cli_road(csv: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", csv]) == 0
    assert "valid" in capsys.readouterr().out
    assert main(["classify", csv, "--n-boot", "199", "-v", "-o", str(tmp_path / "v.csv")]) == 0
    out = capsys.readouterr().out
    assert "emergent" in out
    assert "a quarter of the plateau is rejected" in out
    assert len(pd.read_csv(tmp_path / "v.csv")) == 2
    assert main(["fit", csv, "--task", "jumpy", "--n-boot", "199", "--json"]) == 0
    d = json.loads(capsys.readouterr().out)
    assert d["interval"][0] < 2.2 < d["interval"][1]
    assert main(["fit", csv, "--task", "jumpy", "--shape", "jump", "--n-boot", "199"]) == 0
    assert "Threshold of jumpy acc" in capsys.readouterr().out
    assert main(["figures", csv, "--n-boot", "199", "-o", str(tmp_path / "figs")]) == 0
    assert list((tmp_path / "figs").glob("*.svg"))
    command = ["report", csv, "--n-boot", "199", "--jobs", "2", "-o", str(tmp_path / "out")]
    assert main(command) == 0
    assert str(tmp_path / "out" / "report.html") in capsys.readouterr().out


def test_cli_size_and_simulate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = tmp_path / "made.csv"
    assert main(["simulate", "-o", str(made), "--shape", "jump", "-n", "90", "--runs", "9"]) == 0
    table = pd.read_csv(made)
    rank = table["run"].rank(method="dense")
    table["params"] = 10 ** (6 + rank / 3)
    # Final losses that follow a law of the size.
    last = table["tokens"] == table["tokens"].max()
    table.loc[last, "loss"] = scaling_law(table.loc[last, "params"], 1.6, 1e6, 0.3)
    table.to_csv(made, index=False)
    assert main(["size", str(made), "--task", "simulated", "--n-boot", "199"]) == 0
    assert "Size that reaches eta" in capsys.readouterr().out


def test_law_of_other_records(records: Records, tmp_path: Path, capsys) -> None:
    """The law is fitted to the records asked for; another family has none, and the page says so."""
    sizes = np.geomspace(1e6, 1e9, 12)
    finals = records.to_frame().drop(columns="run").iloc[:12]
    finals = finals.assign(params=sizes, loss=scaling_law(sizes, 1.6, 1e6, 0.3), tokens=1e9)
    finals = finals.assign(run=[f"final {i}" for i in range(12)])
    path, law_path = tmp_path / "long.csv", tmp_path / "finals.csv"
    records.to_csv(path)
    Records(finals).to_csv(law_path)
    options = ["--n-boot", "199", "-o", str(tmp_path / "out")]
    assert main(["report", str(path), "--law", str(law_path), *options]) == 0
    page = (tmp_path / "out" / "report.html").read_text()
    assert "law of     finals.csv" in page
    assert "12 points, 12 runs" in page
    command = ["size", str(path), "--task", "jumpy", "--n-boot", "199", "--law", str(law_path)]
    assert main(command) == 0
    assert "12 points, 12 runs" in capsys.readouterr().out
    Records(finals.assign(family="another")).to_csv(law_path)
    assert main(command) == 2
    assert "no records of the family" in capsys.readouterr().err


def test_cli_errors_are_clear(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("model,run\na,b\n")
    assert main(["report", str(bad)]) == 2
    err = capsys.readouterr().err
    assert "bad.csv, column 'loss'" in err
    assert "Traceback" not in err
    assert main(["validate", str(tmp_path / "none.csv")]) == 2
    assert "no such file" in capsys.readouterr().err


def test_progress_is_silent_when_not_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    from emergence.cli.arguments import progress

    assert list(progress([1, 2], "x")) == [1, 2]
    assert capsys.readouterr().err == ""


def test_noise_runs_and_jobs_from_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "runs.csv"
    simulate("jump", n=96, n_runs=8, eta_sd=0.05, rng=1).to_csv(path)
    assert main(["fit", str(path), "--n-boot", "199", "--runs", "random threshold"]) == 0
    said = capsys.readouterr().out
    assert "one threshold for all runs" in said
    assert "highest leverage" in said
    assert main(["fit", str(path), "--n-boot", "199", "--runs", "independent"]) == 0
    said = capsys.readouterr().out
    assert "independent (each checkpoint alone)" in said
    assert "highest leverage" in said
    command = ["classify", str(path), "--n-boot", "199", "--noise", "gaussian", "--runs", "offset"]
    assert main(command) == 0
    alone = capsys.readouterr().out
    assert main([*command, "--jobs", "2"]) == 0
    assert capsys.readouterr().out == alone
