"""Is it the ability or the metric: on truth that is known, and on the runs that ship."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from emergence import Records, audit_metrics, load_dataset, simulate
from emergence.cli.main import main
from emergence.errors import DataError


def scored(shape: str, chance: float = 0.3, n: int = 120, seed: int = 1) -> pd.DataFrame:
    """A probability, all five of its kind right, and a Brier score of two options."""
    p = simulate(shape, chance=chance, n=n, sd=0.01, rng=seed).to_frame()
    graded = p.assign(metric="choice_prob")
    strict = p.assign(metric="exact_match", value=p["value"] ** 5, chance=chance**5)
    brier = p.assign(metric="brier", value=0.5 - (p["value"] - chance) * 0.9, chance=0.5)
    return pd.concat([strict, graded, brier], ignore_index=True)


def test_a_smooth_probability_makes_an_artefact_of_the_metric() -> None:
    audit = audit_metrics(Records(scored("logistic", chance=0.1)), n_boot=199)
    assert audit.label == "metric", audit.reason
    assert [v.points.metric for v in audit.verdicts] == ["exact_match", "brier", "choice_prob"]
    hidden = {h.metric: h for h in audit.hidden}["choice_prob"]
    # p = .1 + .5 s with s = .966 at best; p^5 is a tenth of its best at p = .368, s = .536.
    assert hidden.share == pytest.approx(0.536 / 0.966, abs=0.03)
    assert hidden.low < 0.536 / 0.966 < hidden.high
    assert "exact_match makes the threshold" in audit.reason


def test_a_kink_in_the_probability_is_real() -> None:
    audit = audit_metrics(Records(scored("hinge")), n_boot=199)
    assert audit.label == "ability", audit.reason
    graded = {v.points.metric: v for v in audit.verdicts}
    for metric in ("choice_prob", "brier"):
        assert graded[metric].label == "emergent"
        assert 2.2 in graded[metric].eta_interval
    if audit.verdicts[0].label == "emergent":
        assert audit.shared is not None


def test_two_metrics_of_one_kink_share_its_threshold() -> None:
    frame = scored("jump")
    audit = audit_metrics(Records(frame), strict="choice_prob", graded=["brier"], n_boot=199)
    assert audit.shared is not None
    assert audit.shared.p_common > 0.05
    assert "is not rejected" in audit.reason


def test_a_smooth_task_has_nothing_to_explain() -> None:
    frame = scored("logistic", chance=0.1)
    strict = frame[frame["metric"] == "choice_prob"].assign(metric="acc")
    both = pd.concat([strict, frame[frame["metric"] == "brier"]], ignore_index=True)
    assert audit_metrics(Records(both), n_boot=199).label == "none"


def test_from_worse_than_guessing_to_guessing_is_no_ability() -> None:
    """A Brier score that falls to its line of chance, 1 - 1/k, is flat."""
    frame = scored("hinge")
    worse = frame["metric"] == "brier"
    x = frame.loc[worse, "loss"].to_numpy()
    frame.loc[worse, "value"] = 0.5 + 0.1 * (x - x.min())
    audit = audit_metrics(Records(frame), graded=["brier"], n_boot=199)
    assert audit.verdicts[1].label == "flat"
    assert audit.label == "undetermined"


def test_runs_that_ship() -> None:
    """Chinese reading begins at a threshold in all metrics."""
    audit = audit_metrics(load_dataset("paper3-cpu"), "reading_zh", n_boot=99)
    assert [v.label for v in audit.verdicts] == ["emergent"] * 3, audit.reason
    assert audit.label == "ability", audit.reason


def test_json_table_and_figure() -> None:
    audit = audit_metrics(Records(scored("hinge")), n_boot=199)
    found = audit.to_dict()
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    frame = audit.to_frame()
    assert frame["metric"].tolist() == ["exact_match", "brier", "choice_prob"]
    assert frame["chance"].tolist() == pytest.approx([0.3**5, 0.5, 0.3])
    assert np.isnan(frame["already_there"][0])
    ax = audit.plot()
    assert len(ax.get_legend().get_texts()) == 3
    assert ax.xaxis_inverted()
    points = audit.verdicts[0].points
    np.testing.assert_allclose(ax.lines[0].get_ydata(), points.ability)


def test_same_seed_same_bits_whatever_the_row_order() -> None:
    frame = scored("jump", n=60)
    again = frame.sample(frac=1.0, random_state=1).reset_index(drop=True)
    a, b = (audit_metrics(Records(f), n_boot=99).to_dict() for f in (frame, again))
    assert json.dumps(a) == json.dumps(b)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda f: f[f["metric"] != "exact_match"], {}, "not exact_match"),
        (lambda f: f[f["metric"] == "exact_match"], {}, "needs a strict and a graded metric"),
        (lambda f: f, {"graded": ["acc"]}, "there is .*, not acc"),
        (lambda f: f[(f["metric"] != "brier") | (f.index % 2 == 0)], {}, "different checkpoints"),
        (lambda f: f, {"task": "other"}, "there is none"),
        (
            lambda f: pd.concat([f, f.assign(task="b", run=f["run"] + "b")]),
            {},
            "there is b, simulated",
        ),
    ],
)
def test_what_cannot_be_audited(change, options, message) -> None:
    records = Records(change(scored("jump", n=40)).reset_index(drop=True))
    with pytest.raises(DataError, match=message):
        audit_metrics(records, n_boot=99, **options)


def test_command_line(tmp_path, capsys) -> None:
    path = tmp_path / "items.csv"
    scored("logistic", chance=0.1, n=60).to_csv(path, index=False)
    stem = str(tmp_path / "figure")
    assert main(["audit", str(path), "--n-boot", "99", "-o", stem]) == 0
    assert "Metrics of simulated: metric" in capsys.readouterr().out
    assert (tmp_path / "figure.png").stat().st_size > 5000
