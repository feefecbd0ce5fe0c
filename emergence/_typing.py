"""The words that every module speaks: arrays, options, and the columns that a fit takes."""

from typing import TYPE_CHECKING, Any, Literal, Protocol, TypedDict, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes as Axes
else:  # matplotlib only when drawing
    Axes = Any

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
AnyArray = NDArray[Any]

Noise = Literal["auto", "gaussian", "binomial", "beta-binomial"]
NOISES: tuple[Noise, ...] = get_args(Noise)
Runs = Literal["auto", "independent", "offset", "offset+ar1", "random threshold"]
RUNS: tuple[Runs, ...] = get_args(Runs)
Plateau = Literal["auto", "chance", "fitted"]
PLATEAUS: tuple[Plateau, ...] = get_args(Plateau)
Outliers = Literal["drop", "keep"]
OUTLIERS: tuple[Outliers, ...] = get_args(Outliers)
Losses = Literal["auto", "given"]
LOSSES: tuple[Losses, ...] = get_args(Losses)


class AsPandas(Protocol):
    """A table of another library, such as polars or pyarrow."""

    def to_pandas(self) -> "pd.DataFrame":
        """Return the same table as a frame of pandas."""


class Columns(TypedDict, total=False):
    """Arrays that stand beside losses and scores, by name; see :class:`Points`.

    ``chance`` and ``best`` are numbers; of the others a scalar stands for every checkpoint.  With
    ``data``, a table of any kind, names of its columns stand for arrays.
    """

    data: Any

    chance: float | None
    best: float | None
    n_items: ArrayLike | None
    run: ArrayLike | None
    tokens: ArrayLike | None
    params: ArrayLike | None
    weights: ArrayLike | None
    loss_sd: float | None
    outliers: Outliers | None
    losses: Losses | None
