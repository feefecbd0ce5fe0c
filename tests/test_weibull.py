"""Weibull onset: it holds the saturating and the S-shaped one, and is fitted on request."""

from __future__ import annotations

import numpy as np
import pytest

from emergence import classify, fit_threshold, simulate
from emergence.cli.main import main
from emergence.curves import saturating_onset, sigmoid_onset, weibull_onset

LOSS = np.linspace(1.7, 3.2, 50)


def test_it_holds_two_shapes_that_compete() -> None:
    np.testing.assert_allclose(
        weibull_onset(LOSS, 2.2, 0.3, 5.0, 1.0), saturating_onset(LOSS, 2.2, 0.3, 5.0)
    )
    np.testing.assert_allclose(
        weibull_onset(LOSS, 2.2, 0.3, 5.0, 2.0), sigmoid_onset(LOSS, 2.2, 0.3, 5.0)
    )


def test_it_is_fitted_on_request_with_an_interval() -> None:
    points = simulate("weibull", n=200, sd=0.005, rng=1).select()
    fit = fit_threshold(points, shape="weibull", n_boot=99)
    assert fit.shape == "weibull"
    assert 2.2 in fit.interval()
    assert fit.params["exponent"] == pytest.approx(1.5, abs=0.3)
    assert fit.params["amplitude"] == pytest.approx(0.35, abs=0.02)


def test_it_does_not_compete() -> None:
    points = simulate("weibull", n=100, rng=1).select()
    assert "weibull" not in {s.shape for s in fit_threshold(points, n_boot=99).shapes}
    assert classify(points, n_boot=99).threshold.shape != "weibull"


def test_the_command_line_knows_it(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "toy.csv")
    assert main(["simulate", "--shape", "weibull", "-o", path]) == 0
    assert main(["fit", path, "--shape", "weibull", "--n-boot", "99"]) == 0
    assert "shape given: weibull" in capsys.readouterr().out
