"""The examples run, and say what they promise."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(name: str, tmp_path, monkeypatch, capsys, *argv: str) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [name, *argv])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    return capsys.readouterr().out


def test_own_csv(tmp_path, monkeypatch, capsys) -> None:
    out = run("own_csv.py", tmp_path, monkeypatch, capsys)
    assert re.search(r"quiz.*emergent", out)
    assert re.search(r"cloze.*smooth", out)
    assert "Forecast of cloze acc" in out
    assert (tmp_path / "out/examples/report/report.html").exists()
    # A file of one's own is read instead.
    with pytest.raises(FileNotFoundError):
        run("own_csv.py", tmp_path, monkeypatch, capsys, "none.csv")


@pytest.mark.filterwarnings("ignore::emergence.errors.DataWarning")
def test_report_figures(tmp_path, monkeypatch, capsys) -> None:
    out = run("report_figures.py", tmp_path, monkeypatch, capsys)
    read, low, high = map(
        float, re.search(r"; eta ([\d.]+) 95% \[([\d.]+), ([\d.]+)", out).groups()
    )
    truth = float(re.search(r"records themselves: eta = ([\d.]+)", out)[1])
    assert low < truth < high
    assert abs(read - truth) < 0.05


def test_plan_a_run(tmp_path, monkeypatch, capsys) -> None:
    out = run("plan_a_run.py", tmp_path, monkeypatch, capsys)
    assert re.search(r"power 0.8 takes \d+ checkpoints", out)
    assert "helps most at a loss of" in out
    assert "cheapest" in out
    assert (tmp_path / "out/examples/plan.png").exists()


def test_every_example_is_listed() -> None:
    text = (EXAMPLES / "README.md").read_text()
    for path in EXAMPLES.glob("*.py"):
        assert path.name in text
