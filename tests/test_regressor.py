"""The fit in the convention of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="ThresholdRegressor needs the extra 'sklearn'")

from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from emergence import fit_threshold, simulate
from emergence.errors import DataError
from emergence.fits.regressor import ThresholdRegressor


@parametrize_with_checks([ThresholdRegressor(random_state=0)])
@pytest.mark.filterwarnings("ignore")  # of data that are no scores against losses
def test_it_keeps_the_convention(estimator, check) -> None:
    check(estimator)


def test_it_is_the_fit_of_the_library() -> None:
    points = simulate("jump", n=80, rng=2).select()
    model = ThresholdRegressor(chance=0.25, random_state=1).fit(points.loss[:, None], points.value)
    fit = fit_threshold(points.loss, points.value, chance=0.25)
    assert model.eta_ == pytest.approx(fit.eta)
    at = np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(model.predict(at[:, None]), fit.predict(at))
    assert model.score(points.loss[:, None], points.value) > 0.9


def test_what_falls_below_zero_is_moved_and_moved_back() -> None:
    points = simulate("jump", n=80, rng=2).select()
    plain = ThresholdRegressor(chance=0.25).fit(points.loss[:, None], points.value)
    moved = ThresholdRegressor(chance=0.25).fit(points.loss[:, None] - 5.0, points.value)
    assert moved.eta_ == pytest.approx(plain.eta_ - 5.0)
    at = np.linspace(0.5, 3.5, 9)[:, None]
    np.testing.assert_allclose(moved.predict(at - 5.0), plain.predict(at), atol=1e-9)


def test_in_a_pipeline_with_another_column() -> None:
    points = simulate("jump", n=120, rng=3).select()
    table = np.column_stack([np.arange(120.0), np.exp(points.loss)])
    model = make_pipeline(FunctionTransformer(np.log1p), ThresholdRegressor(column=1, chance=0.25))
    assert cross_val_score(model, table, points.value, cv=4).min() > 0.5
    with pytest.raises(DataError, match="column is 5; X has 2"):
        ThresholdRegressor(column=5).fit(table, points.value)
