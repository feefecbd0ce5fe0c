"""The page of claims: every section from the records, and the one in the docs from the bundled."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emergence import Records, load_dataset
from emergence.cli.main import main
from emergence.curves.onsets.saturating import saturating_onset
from emergence.curves.smooth.logistic import logistic
from emergence.planning.scaling_law import scaling_law_tokens
from emergence.records.points import Points
from emergence.report.claims_axis import final_models
from emergence.report.claims_kind import signal_to_noise
from emergence.report.finding import Finding, Source, share_word, verdict_word
from emergence.report.paper import CLAIMS, write_paper

PAGE = Path(__file__).parents[1] / "docs" / "paper.md"


def toy() -> Records:
    """Five sizes of 24 checkpoints: a task with a threshold, a smooth one, by two metrics."""
    g = np.random.default_rng(1)
    params = np.repeat(1e8 * 2.0 ** np.arange(5), 24)
    tokens = np.tile(np.geomspace(0.05, 1.0, 24), 5) * 40.0 * params
    loss = scaling_law_tokens(params, tokens, E=1.7, A=400.0, B=400.0, alpha=0.33, beta=0.28)
    truth = {
        ("quiz", "acc", 0.25): saturating_onset(loss, 2.6, 0.6, 4.0, 0.25),
        ("quiz", "choice_prob", 0.25): saturating_onset(loss, 2.6, 0.5, 4.0, 0.25),
        ("cloze", "acc", 0.25): logistic(loss, 2.7, 0.25, 0.85, 0.25),
    }
    frames = [
        pd.DataFrame(
            {
                "model": "m", "run": [f"r{n:.3g}" for n in params], "params": params,
                "tokens": tokens, "loss": loss, "task": task, "metric": metric, "chance": chance,
                "value": value + g.normal(0.0, 0.01, value.size),
            }
        )
        for (task, metric, chance), value in truth.items()
    ]  # fmt: skip
    return Records(pd.concat(frames, ignore_index=True))


def test_the_page_of_ones_own_records(tmp_path) -> None:
    page = write_paper(tmp_path, {"toy": toy()}, n_boot=199)
    text = page.read_text()
    for claim in CLAIMS:
        assert f"## {claim.title}" in text
    assert text.count("*Verdict.*") == len(CLAIMS)
    # What is true of these records is found.
    assert "of 2 tasks 1 smooth, 1 emergent" in text.lower()
    assert "in the ability for 1" in text
    figures = re.findall(r"\]\((paper/[^)]+)\)", text)
    assert len(figures) == len(set(figures)) == 6
    assert figures[0] == "paper/story.png"
    assert "quiz begins at a threshold, cloze improves all along" in text
    assert "*Census.* Of 2 tasks, once for every set of records and family, 1 smooth (50%)" in text
    for figure in figures:
        assert (tmp_path / figure).stat().st_size > 5000
    again = write_paper(tmp_path / "again", {"toy": toy()}, n_boot=199)
    assert again.read_text() == text


def test_words_for_what_is_found() -> None:
    assert share_word(8, 0, 1) == "yes"
    assert share_word(1, 0, 9) == "cannot be told"
    assert share_word(3, 1, 0) == "in part"
    assert share_word(1, 3, 0) == "no"
    found = [Finding(h, "") for h in ("yes", "cannot be told")]
    assert verdict_word(found) == "Holds"
    assert verdict_word([*found, Finding("no", "")]) == "Holds in part"
    assert verdict_word(found[1:]) == "Cannot be told"
    assert verdict_word([Finding("no", "")]) == "Does not hold"


def test_signal_to_noise_by_hand() -> None:
    noise = np.array([0.0, 0.1, -0.1, 0.1, -0.1])
    value = np.concatenate([[0.9], 0.2 + noise, [0.1], 0.8 + noise])
    points = Points(
        np.linspace(3, 2, 12),
        value,
        run=np.repeat(["a", "b"], 6),
        tokens=np.tile(np.arange(1.0, 7.0), 2),
    )
    assert signal_to_noise(points) == f"{0.6 / noise.std(ddof=1):.1f}"
    assert signal_to_noise(points.where(np.asarray(points.run) == "a")) == ""


def test_the_page_in_the_docs_is_of_the_bundled_records() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name in ("paper3-cpu", "paper28-cpu", "public_reports", "olmo_ladder"):
        records = load_dataset(name)
        runs = records.to_frame()["run"].nunique()
        assert f"| `{name}` | {len(records)} | {runs} |" in text
    for figure in re.findall(r"\]\((paper/[^)]+)\)", text):
        assert (PAGE.parent / figure).exists()
    for claim in CLAIMS:
        assert claim.title in text
        assert claim.claim in text
        assert f"{claim.test} On your own records: `{claim.command}`." in text
    # A part that is quick to make again says what it says there.
    found = final_models(Source("paper28-cpu", load_dataset("paper28-cpu"), 99, 0))
    assert found.clause[1:] in text
    effects = found.table["effect of size x 10"]
    assert all(effect in text for effect in effects)


def test_command_line(tmp_path, capsys) -> None:
    path = tmp_path / "toy.csv"
    toy().filter(task="cloze").to_csv(path)
    assert main(["paper", str(path), "--n-boot", "99", "-o", str(tmp_path / "out")]) == 0
    assert "paper.md" in capsys.readouterr().out
    text = (tmp_path / "out" / "paper.md").read_text()
    assert "no task is emergent" in text.lower()
    other = tmp_path / "other" / "toy.csv"
    other.parent.mkdir()
    toy().to_csv(other)
    assert main(["paper", str(path), str(other), "-o", str(tmp_path / "out")]) == 2
    assert "differ in name" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore::emergence.errors.DataWarning")
def test_curves_from_the_command_line(tmp_path, capsys) -> None:
    x = np.linspace(10, 1000, 60)
    loss = 1.5 + 5 * x**-0.3
    pd.DataFrame({"x": x, "y": loss}).to_csv(tmp_path / "loss.csv", index=False, header=False)
    score = 25 + 50 * np.maximum(0, 2.4 - loss)
    pd.DataFrame({"x": x, "y": score}).to_csv(tmp_path / "score.csv", index=False, header=False)
    out = tmp_path / "records.csv"
    command = [
        "import", str(tmp_path / "loss.csv"), str(tmp_path / "score.csv"), "--task", "t",
        "--chance", "0.25", "--x-unit", "1e9", "--score-unit", "0.01", "--fit", "-o", str(out),
    ]  # fmt: skip
    assert main([*command, "--params", "7e9"]) == 0
    assert "read from figures" in capsys.readouterr().out
    assert len(Records(pd.read_csv(out))) == 60
    assert main([*command, "--params", "seven"]) == 2
    assert "give one number" in capsys.readouterr().err
