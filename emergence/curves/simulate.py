"""simulate: records of known truth, which the tests and the calibrations stand on."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from emergence._random import Seed, as_seed
from emergence._typing import FloatArray
from emergence.curves.catalogue import SIMULATED
from emergence.curves.truths import draw_truth
from emergence.errors import DataError
from emergence.noise.runs import RunNoise
from emergence.records.records import Records

Curve = Callable[[FloatArray], FloatArray]


def simulate(
    shape: str | Curve = "hinge",
    *,
    eta: float = 2.2,
    n: int = 60,
    chance: float = 0.25,
    noise: str = "gaussian",
    sd: float = 0.02,
    sd_ratio: float = 1.0,
    dof: float = np.inf,
    n_items: int = 500,
    intraclass: float = 0.0,
    n_runs: int | None = None,
    offset_sd: float = 0.0,
    rho: float = 0.0,
    eta_sd: float = 0.0,
    loss_range: tuple[float, float] = (1.7, 3.2),
    crowding: float = 1.0,
    task: str = "simulated",
    metric: str = "acc",
    rng: Seed = 0,
) -> Records:
    r"""Make records whose truth is known.

    .. math:: y_{rt} = c + f(L_{rt}) + o_r + a_{rt}, \qquad a_{rt} = \rho a_{r,t-1} + \epsilon_{rt}

    or counts of ``n_items`` with that probability p, which ``noise="beta-binomial"`` draws anew
    for each checkpoint from a beta distribution of variance :math:`\rho_c\, p (1 - p)`.  With
    ``eta_sd`` run r has a threshold :math:`\eta + u_r` of its own.

    Parameters
    ----------
    shape : str or callable
        A name (hinge, power, sqrt, saturating, sigmoid, jump, logistic, linear, exponential,
        flat, ...), a function of the losses that gives the gain over chance, or ``"random"``:
        curve, noise and losses are then drawn as well (:mod:`emergence.curves.truths`), and the
        column ``source`` says what was drawn, its threshold and its rho.
    eta : float
        Threshold (for ``logistic`` the middle), nats per token.
    n : int
        Number of checkpoints over all runs.
    chance : float
        Score of guessing.
    noise : {"gaussian", "binomial", "beta-binomial"}
        Errors of each score.
    sd : float
        Standard deviation of the Gaussian errors (with ``rho``, of the stationary ones).
    sd_ratio : float
        Standard deviation at the lowest over that at the highest loss, ``sd`` half way.
    dof : float
        Degrees of freedom of the errors, which below infinity follow Student's t.
    n_items : int
        Items behind each score that is a count.
    intraclass : float
        Correlation :math:`\rho_c` of the items of one checkpoint, below 1.
    n_runs : int, optional
        Runs that share the checkpoints, each falling through the whole range.  Default:
        every checkpoint its own run, losses uniform.
    offset_sd, rho, eta_sd : float
        Standard deviation of the offsets of runs; autocorrelation of errors inside a run;
        standard deviation of the thresholds of runs.
    loss_range : (float, float)
        Lowest and highest loss.
    crowding : float
        Above 1 losses lie closer at the low end, below 1 at the high end.
    task, metric : str
        Names.
    rng : int, SeedSequence or Generator
        Same seed, same bits.

    Raises
    ------
    DataError
        For a shape or noise that does not exist, or numbers out of range.

    Examples
    --------
    >>> simulate("jump", eta=2.2, n=40, rng=1)
    Records(40 rows, 40 runs, 1 task, 1 family)
    """
    if shape == "random":
        return _random(
            n=n, chance=chance, in_runs=n_runs is not None, task=task, metric=metric, rng=rng
        )
    if isinstance(shape, str) and shape not in SIMULATED:
        raise DataError(f"shape {shape!r} is not known: random, {', '.join(SIMULATED)}")
    if noise not in ("gaussian", "binomial", "beta-binomial"):
        raise DataError(f"noise {noise!r} is not known: gaussian, binomial or beta-binomial")
    if (noise == "beta-binomial") != (intraclass > 0) or not 0 <= intraclass < 1:
        raise DataError("beta-binomial noise, and it alone, needs intraclass between 0 and 1")
    low, high = loss_range
    if n_runs is not None and not 1 <= n_runs <= n:
        raise DataError(f"n_runs is {n_runs}; it must lie between 1 and n = {n}")
    if n_items < 1 or not 0 <= chance <= 1:
        raise DataError("need n_items >= 1 and chance in [0, 1]")
    if not 0 < low < high or n < 1 or min(sd, offset_sd, eta_sd) < 0 or not 0 <= rho < 1:
        raise DataError("need 0 < low < high, n >= 1, every sd >= 0, 0 <= rho < 1")
    if min(sd_ratio, crowding) <= 0 or dof <= 2:
        raise DataError("need sd_ratio > 0, crowding > 0, dof > 2")
    g = np.random.default_rng(as_seed(rng))
    if n_runs is None:
        place, run, rank = g.uniform(0, 1, n), np.arange(n), np.zeros(n, dtype=np.int64)
    else:
        run = np.arange(n) % n_runs
        rank = np.arange(n) // n_runs
        place = 1.0 - (rank + g.uniform(0, 1, n)) / (rank.max() + 1)
    place = place**crowding
    loss = low + (high - low) * place
    # A run's own threshold is the common curve, shifted along the loss axis.
    shift = g.normal(0.0, eta_sd, int(run.max()) + 1)[run] if eta_sd > 0 else 0.0
    gain = SIMULATED[shape](loss - shift, eta) if isinstance(shape, str) else shape(loss - shift)
    truth = chance + gain
    model = RunNoise(offset_sd**2, (sd**2 if noise == "gaussian" else 0.0) * (1 - rho**2), rho)
    errors = model.simulate(run, rank, 1, g)[:, 0]
    if np.isfinite(dof):  # of variance one, as a normal error divided by the root of a chi-square
        errors /= np.sqrt(g.chisquare(dof, n) / (dof - 2.0))
    value = truth + errors * sd_ratio ** (0.5 - place)
    columns = {} if noise == "gaussian" else {"n_items": n_items}
    if noise != "gaussian":
        value = _counted(value, n_items, intraclass, g)
    width = len(str(int(run.max())))
    frame = pd.DataFrame(
        {
            "model": "simulated",
            "run": [f"run-{r:0{width}d}" for r in run],
            "params": 1e8,
            "tokens": (rank + 1) * 1e9,
            "loss": loss,
            "task": task,
            "metric": metric,
            "value": np.clip(value, 0.0, 1.0),
            "chance": chance,
            **columns,
        }
    )
    return Records(frame, where="simulate")


def _counted(
    value: FloatArray, n_items: int, intraclass: float, g: np.random.Generator
) -> FloatArray:
    """Shares of items right; with ``intraclass`` a checkpoint has a probability of its own."""
    value = np.clip(value, 0.0, 1.0)
    if intraclass > 0:
        inside = np.clip(value, 1e-9, 1 - 1e-9)
        spread = 1.0 / intraclass - 1.0
        value = g.beta(inside * spread, (1.0 - inside) * spread)
    return np.asarray(g.binomial(n_items, value) / n_items)


def _random(*, n: int, chance: float, in_runs: bool, task: str, metric: str, rng: Seed) -> Records:
    """Records of a truth drawn at random, which the column ``source`` describes."""
    drawing, measuring = as_seed(rng).spawn(2)
    truth = draw_truth(np.random.default_rng(drawing), in_runs=in_runs)
    records = simulate(
        truth.gain, n=n, chance=chance, task=task, metric=metric, rng=measuring, **truth.options
    )
    onset, suddenness = truth.foot(*truth.options["loss_range"])
    text = f"{truth.text}; eta {truth.eta:.4f}, onset {onset:.4f}, rho {suddenness:.4f}"
    return Records(records.to_frame().assign(source=text), where="simulate")
