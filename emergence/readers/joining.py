r"""join_curves: records from the figures of a report.

Du et al. (2024) treat LLaMA so: its report draws the loss against tokens and scores against tokens,
and the two series, read off, give the score at a loss.  The loss at the tokens of a score is linear
between the two readings around it, and only there.

A curve that was smoothed for the figure,

.. math:: s_t = \beta s_{t-1} + (1 - \beta) y_t,

lags behind the truth.  Where the smoothing is known it is undone: with the steps ``smoothing_step``
apart and the slope of s by a local line,

.. math:: y(x) = \frac{s(x) - \beta s(x - \text{step})}{1 - \beta}
          \approx s(x) + \frac{\beta}{1 - \beta}\, \text{step}\; s'(x).
"""

import os
import warnings as python_warnings
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from emergence._typing import FloatArray
from emergence.errors import DataError, DataWarning
from emergence.metrics import known_metric
from emergence.readers.digitized import LEAST_READINGS, read_curves
from emergence.readers.joined_curves import Axis, JoinedCurves, ReadFigure
from emergence.records.points import FLOPS_PER_TOKEN
from emergence.records.records import Records

# A score at the edge of its range may be read this many reading errors beyond it.
_SLACK = 5.0
Curve = str | os.PathLike[str] | pd.DataFrame | Mapping[str, pd.DataFrame]


def join_curves(
    loss_curve: Curve,
    score_curve: Curve,
    on: str = "tokens",
    *,
    params: float | Mapping[str, float],
    task: str,
    metric: str = "acc",
    chance: float | None = None,
    model: str = "report",
    family: str = "",
    x_unit: float = 1.0,
    score_unit: float = 1.0,
    log_x: bool = False,
    loss_axes: tuple[tuple[float, float], tuple[float, float]] | None = None,
    score_axes: tuple[tuple[float, float], tuple[float, float]] | None = None,
    reading_error: float = 0.005,
    smoothing: float = 0.0,
    smoothing_step: float | None = None,
) -> JoinedCurves:
    r"""Join a loss curve and a score curve that were read off figures.

    Parameters
    ----------
    loss_curve, score_curve : path, DataFrame, or mapping of names to DataFrames
        CSV as of :func:`read_curves`, or columns ``x`` and ``y``.  Series are joined by name; one
        series in each file need not have the same.
    on : {"tokens", "flops"}
        What x is; of training compute C the tokens are C / (6 N).
    params : float, or mapping of names to float
        Model size of every series.
    task, metric, chance, model, family
        Of the records.
    x_unit, score_unit : float
        What a one on the axes stands for: 1e9 where the axis says billions of tokens, 0.01 where
        scores are in percent.
    log_x : bool
        Whether the x axes are logarithmic.
    loss_axes, score_axes : ((x low, x high), (y low, y high)), optional
        Ends of the axes of the figures, in their units: reading errors are shares of these.
        Default: the range of the readings.
    reading_error : float
        Standard deviation of one reading, as a share of its axis.
    smoothing, smoothing_step : float, optional
        Weight :math:`\beta` of the exponential smoothing of the loss curve, and the distance of its
        steps, in units of x.

    Raises
    ------
    RecordsError, DataError
        For cells that are no numbers, series without a partner, or values out of range.

    Warns
    -----
    DataWarning
        Where readings of scores lie beyond the loss curve (they are kept in ``outside``), or just
        outside the range of the metric.

    References
    ----------
    Du et al. 2024, section 3 (LLaMA); Touvron et al. 2023, arXiv 2302.13971.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from emergence import join_curves
    >>> x = np.linspace(10, 1000, 60)
    >>> loss = pd.DataFrame({"x": x, "y": 1.5 + 5 * x**-0.3})
    >>> at = x[:-1] + 3
    >>> score = pd.DataFrame({"x": at, "y": 25 + 50 * np.maximum(0, 0.9 - 5 * at**-0.3)})
    >>> joined = join_curves(
    ...     loss, score, params=7e9, task="mmlu", chance=0.25, x_unit=1e9, score_unit=0.01
    ... )
    >>> joined.records
    Records(59 rows, 1 run, 1 task, 1 family)
    >>> bool(abs(joined.fit_threshold(n_boot=99).eta - 2.4) < 0.02)
    True
    """
    if on not in ("tokens", "flops"):
        raise DataError(f"on is {on!r}; it must be tokens or flops")
    if not 0.0 <= reading_error < 0.1:
        raise DataError(f"reading_error is {reading_error}; it is a share of the axis, below 0.1")
    if not (x_unit > 0 and score_unit > 0):
        raise DataError(f"x_unit = {x_unit}, score_unit = {score_unit}: units must be positive")
    if not 0.0 <= smoothing < 1.0 or (smoothing > 0) != (smoothing_step is not None):
        raise DataError(
            "smoothing lies in [0, 1), and needs smoothing_step, its steps in units of x"
        )
    if smoothing_step is not None and not smoothing_step > 0:
        raise DataError(f"smoothing_step is {smoothing_step}; it must be positive")
    losses, scores = _paired(_series(loss_curve, "loss"), _series(score_curve, "score"))
    sizes = _sizes(params, list(losses))
    loss = _figure(losses, loss_axes, log_x, "loss")
    score = _figure(scores, score_axes, log_x, "score")
    join = partial(
        _join,
        on=on,
        sizes=sizes,
        x_unit=x_unit,
        score_unit=score_unit,
        slack=_SLACK * reading_error * (score.y.high - score.y.low) * score_unit,
        lag=0.0 if smoothing_step is None else smoothing_step * smoothing / (1.0 - smoothing),
        columns={"model": model, "task": task, "metric": metric, "family": family}
        | ({} if chance is None else {"chance": chance}),
    )
    records, outside, moved = join(loss, score)
    warnings = []
    if moved:
        warnings.append(
            f"{moved} readings of the score lie just outside what {metric} can be, by less than "
            f"{_SLACK:g} reading errors; they are taken as its least or its most"
        )
    if len(outside):
        warnings.append(
            f"readings of the score beyond the loss curve are not used: {len(outside)}, at "
            f"x = {', '.join(f'{x:g}' for x in outside['x'].head(5))}"
            + (", ..." if len(outside) > 5 else "")
        )
    for text in warnings:
        python_warnings.warn(text, DataWarning, stacklevel=2)
    return JoinedCurves(
        records=records,
        outside=outside,
        reading_error=reading_error,
        warnings=tuple(warnings),
        _loss=loss,
        _score=score,
        _join=join,
    )


def _series(curve: Curve, what: str) -> dict[str, pd.DataFrame]:
    """Checked series by name."""
    if isinstance(curve, (str, os.PathLike)):
        return read_curves(curve)
    given = {"series": curve} if isinstance(curve, pd.DataFrame) else dict(curve)
    out = {}
    for name, frame in given.items():
        if not {"x", "y"} <= set(frame.columns):
            raise DataError(f"{what} curve {name!r}: columns x and y are needed, there is "
                            f"{', '.join(map(str, frame.columns)) or 'none'}")  # fmt: skip
        values = frame[["x", "y"]].to_numpy(dtype=float)
        if not np.isfinite(values).all():
            row = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
            raise DataError(
                f"{what} curve {name!r}, reading {row + 1}: {values[row]} is not finite"
            )
        if len(frame) < LEAST_READINGS:
            raise DataError(
                f"{what} curve {name!r}: {len(frame)} readings; at least {LEAST_READINGS}"
            )
        frame = pd.DataFrame(values, columns=["x", "y"]).drop_duplicates()
        out[name] = frame.sort_values(["x", "y"], ignore_index=True)
    return out


def _paired(
    losses: dict[str, pd.DataFrame], scores: dict[str, pd.DataFrame]
) -> tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame]]:
    """Series that have a partner, which all must have."""
    if len(losses) == len(scores) == 1:
        name = next(iter(scores))
        return {name: next(iter(losses.values()))}, scores
    alone = sorted(set(losses) ^ set(scores))
    if alone:
        raise DataError(
            f"series without a partner of the same name: {', '.join(alone)}; losses have "
            f"{', '.join(losses)}, scores have {', '.join(scores)}"
        )
    return losses, scores


def _sizes(params: float | Mapping[str, float], names: list[str]) -> dict[str, float]:
    sizes = dict(params) if isinstance(params, Mapping) else dict.fromkeys(names, params)
    missing = [n for n in names if n not in sizes]
    if missing:
        raise DataError(f"params of {', '.join(missing)} are missing")
    return {n: float(sizes[n]) for n in names}


def _figure(
    series: dict[str, pd.DataFrame],
    ends: tuple[tuple[float, float], tuple[float, float]] | None,
    log_x: bool,
    what: str,
) -> ReadFigure:
    """Series with the axes of their figure."""
    every = pd.concat(series.values())
    if ends is None:
        ends = tuple((float(every[c].min()), float(every[c].max())) for c in "xy")  # type: ignore[assignment]
        assert ends is not None
    for name, (low, high) in zip("xy", ends, strict=True):
        if not (low < high and (low > 0 or not (log_x and name == "x"))):
            raise DataError(
                f"{what} figure: the {name} axis runs from {low:g} to {high:g}; it must rise "
                f"(give {what}_axes where the readings do not span it)"
                + (", and be positive where it is logarithmic" if log_x and name == "x" else "")
            )
    if log_x and (every["x"] <= 0).any():
        raise DataError(f"{what} curve: x = {every['x'].min():g} on a logarithmic axis")
    return ReadFigure(series, Axis(*ends[0], log=log_x), Axis(*ends[1]))


def _join(
    loss: ReadFigure,
    score: ReadFigure,
    *,
    on: str,
    sizes: dict[str, float],
    x_unit: float,
    score_unit: float,
    slack: float,
    lag: float,
    columns: dict[str, Any],
) -> tuple[Records, pd.DataFrame, int]:
    """Records, readings of scores beyond the loss curve, and how many were put at a bound."""
    frames, outside = [], []
    for name, curve in score.series.items():
        x, y = _curve(loss.series[name], lag)
        at = curve["x"].to_numpy()
        # Near the origin a reading may come to lie at nothing or less.
        inside = (at >= x[0]) & (at <= x[-1]) & (at > 0.0)
        at = at[inside]
        per_token = 1.0 if on == "tokens" else FLOPS_PER_TOKEN * sizes[name]
        cells = {
            "run": name,
            "params": sizes[name],
            "tokens": at * x_unit / per_token,
            "loss": np.interp(at, x, y),
            "value": curve["y"].to_numpy()[inside] * score_unit,
        }
        frames.append(pd.DataFrame(cells))
        outside.append(curve[~inside].assign(series=name))
    frame = pd.concat(frames, ignore_index=True).assign(**columns)
    if frame.empty:
        raise DataError("no reading of a score lies within the range of the loss curve")
    value = frame["value"].to_numpy()
    if (metric := known_metric(columns["metric"])) is not None:
        bound = np.clip(value, *metric.bounds)
        # What lies farther out is no reading error: the records refuse it.
        frame["value"] = np.where(np.abs(value - bound) <= slack, bound, value)
    moved = int((frame["value"].to_numpy() != value).sum())
    return Records(frame, where="join_curves"), pd.concat(outside, ignore_index=True), moved


def _curve(curve: pd.DataFrame, lag: float) -> tuple[FloatArray, FloatArray]:
    """Loss curve with one loss for each x, the smoothing undone."""
    mean = curve.groupby("x", sort=True)["y"].mean()
    x, y = mean.index.to_numpy(dtype=float), mean.to_numpy(dtype=float)
    if lag == 0.0:
        return x, y
    return x, y + lag * _slope(x, y, lag)


def _slope(x: FloatArray, y: FloatArray, reach: float) -> FloatArray:
    """Slope of a line through the readings within reach, and at least the two neighbours."""
    out = np.empty(x.size)
    for i in range(x.size):
        near = np.abs(x - x[i]) <= reach
        near[max(i - 1, 0) : i + 2] = True
        centred = x[near] - x[near].mean()
        out[i] = float(centred @ y[near]) / float(centred @ centred)
    return out
