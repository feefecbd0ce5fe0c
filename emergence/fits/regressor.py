"""ThresholdRegressor: the threshold fit in the convention of scikit-learn (extra ``sklearn``)."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from emergence._typing import FloatArray, Plateau
from emergence.errors import DataError
from emergence.fits.threshold import fit_threshold
from emergence.fits.threshold_result import ThresholdFit


class ThresholdRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    r"""Score as a function of the loss, flat above a threshold.

    .. math:: \hat y(L) = c + f(\eta - L), \qquad f(u) = 0 \text{ for } u \le 0

    :func:`~emergence.fit_threshold` with ``fit`` and ``predict``, for pipelines and
    cross-validation; it has the same search, and the fit itself as ``fit_``.

    Parameters
    ----------
    column : int
        Column of X that is the loss, or anything else against which scores fall, such as minus the
        logarithm of compute; the other columns are not used.
    shape, plateau, chance
        As of :func:`~emergence.fit_threshold`.
    random_state : int, RandomState or None
        Of the bootstrap that intervals are made with; predictions do not depend on it.

    Attributes
    ----------
    fit_ : ThresholdFit
        Everything that was found, with intervals.
    offset_ : float
        What was added to a column that is not positive everywhere; ``fit_`` has it on its axis.
    eta_ : float
        Threshold; NaN where nothing rises as the loss falls.
    n_features_in_ : int
        Columns of X.

    Examples
    --------
    >>> from emergence import simulate
    >>> from emergence.fits.regressor import ThresholdRegressor
    >>> points = simulate("hinge", eta=2.2, n=80, rng=1).select()
    >>> model = ThresholdRegressor(chance=0.25).fit(points.loss[:, None], points.value)
    >>> bool(abs(model.eta_ - 2.2) < 0.1), model.predict([[3.0]]).round(2).tolist()
    (True, [0.25])
    """

    def __init__(
        self,
        *,
        column: int = 0,
        shape: str = "auto",
        plateau: Plateau = "auto",
        chance: float = 0.0,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.column = column
        self.shape = shape
        self.plateau = plateau
        self.chance = chance
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit scores y (n,) at the losses in X (n, columns); ValueError for fewer than 4 rows."""
        losses, scores = validate_data(self, X, y, y_numeric=True, ensure_min_samples=4)
        if self.column not in range(-losses.shape[1], losses.shape[1]):
            raise DataError(f"column is {self.column}; X has {losses.shape[1]}")
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        x = losses[:, self.column].astype(float)
        # Shapes know a loss only by its distance from eta.
        self.offset_: float = 0.0 if x.min() > 0 else 1.0 - float(x.min())
        self.fit_: ThresholdFit = fit_threshold(
            x + self.offset_,
            scores,
            shape=self.shape,
            plateau=self.plateau,
            chance=self.chance,
            rng=int(seed),
        )
        self.eta_: float = self.fit_.eta - self.offset_
        return self

    def predict(self, X: ArrayLike) -> FloatArray:
        """Score at the losses in X (n, columns)."""
        check_is_fitted(self)
        losses = validate_data(self, X, reset=False)
        return np.asarray(self.fit_.predict(losses[:, self.column].astype(float) + self.offset_))

    def __sklearn_tags__(self) -> Tags:
        tags: Any = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True  # of data that are no scores against losses
        return tags
