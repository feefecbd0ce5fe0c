"""design: how many checkpoints, items or runs a question about a threshold takes.

Studies are simulated from a guess of the curve and of its noise, each is analysed as the real one
will be, and the size is doubled or halved until the goal is crossed.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
from joblib import delayed

from emergence._parallel import parallel
from emergence._random import Seed, as_seed
from emergence._results import Status
from emergence._typing import FloatArray, Runs
from emergence.curves.simulate import simulate
from emergence.errors import DataError
from emergence.fits.threshold import fit_threshold
from emergence.fits.threshold_result import ThresholdFit
from emergence.planning.design_result import AtSize, Design
from emergence.records.points import LEAST_POINTS, Points
from emergence.verdicts.classify import classify

Vary = Literal["checkpoints", "items", "runs"]
_OPTIONS = {"eta", "chance", "sd", "intraclass", "offset_sd", "rho", "eta_sd", "loss_range"}
_LEAST = {"checkpoints": LEAST_POINTS, "items": 10, "runs": 2}
_DOUBLINGS = 6
_LEAST_STUDIES = 4


@dataclass(frozen=True)
class Study:
    """One planned study: its size, and all that :func:`simulate` needs beside it."""

    shape: str | Callable[[FloatArray], FloatArray]
    options: dict[str, Any]
    sizes: dict[Vary, int | None]

    def draw(self, seed: np.random.SeedSequence) -> Points:
        """Points of one simulated study."""
        noise: dict[str, Any] = {}
        items, runs = self.sizes["items"], self.sizes["runs"]
        if items is not None:
            rho = self.options.get("intraclass", 0.0)
            noise = {"noise": "beta-binomial" if rho else "binomial", "n_items": items}
        n = (self.sizes["checkpoints"] or 0) * (runs or 1)
        return simulate(self.shape, n=n, n_runs=runs, rng=seed, **noise, **self.options).select()


def design(
    guess: str | Callable[[FloatArray], FloatArray] | ThresholdFit = "hinge",
    *,
    width: float | None = None,
    power: float | None = None,
    vary: Vary = "checkpoints",
    checkpoints: int = 60,
    items: int | None = None,
    runs: int | None = None,
    shape: str = "auto",
    level: float = 0.95,
    alpha: float = 0.05,
    n_sim: int = 60,
    n_boot: int = 199,
    n_jobs: int = 1,
    rng: Seed = 0,
    **options: Any,
) -> Design:
    """Find the size of a study that bounds eta to a width, or calls an emergent task emergent.

    Every simulated study is fitted or classified by default settings, but that a width for given
    ``runs`` is that of the mean of their thresholds where ``eta_sd`` is given, else that of one
    threshold for all.

    Parameters
    ----------
    guess : str, callable or ThresholdFit
        The curve as :func:`simulate` takes it, or a fit of a pilot, whose curve, chance, range of
        losses and residual error are then taken.
    width : float, optional
        Goal: the median width of the interval of eta, nats.
    power : float, optional
        Goal: the share of studies that call the task emergent.  Give one of the two.
    vary : {"checkpoints", "items", "runs"}
        What to change until the goal is reached; the others stay as given.
    checkpoints : int
        Checkpoints in all, or of each run where ``runs`` is given.
    items : int, optional
        Items behind a score, which is then a count; default: Gaussian errors of ``sd``.
    runs : int, optional
        Runs; default: every checkpoint its own.
    shape : str
        As of :func:`fit_threshold`, for a width.
    level, alpha : float
        Coverage of the interval; level of the verdict.
    n_sim, n_boot : int
        Simulated studies of every size, and replicates in each.
    n_jobs : int
        Studies at a time, by joblib.
    rng : int, SeedSequence or Generator
        Same seed, same bits.
    **options
        ``eta``, ``chance``, ``sd``, ``intraclass``, ``offset_sd``, ``rho``, ``eta_sd`` and
        ``loss_range`` of :func:`simulate`; they override those of a pilot.

    Raises
    ------
    DataError
        For a goal that is missing, double or out of range, or something to vary that has no start.

    Examples
    --------
    >>> plan = design("jump", power=0.8, checkpoints=30, n_sim=10, n_boot=99)
    >>> plan.needed <= 60
    True
    """
    sizes: dict[Vary, int | None] = {"checkpoints": checkpoints, "items": items, "runs": runs}
    start = _start(width, power, vary, sizes)
    if n_sim < _LEAST_STUDIES:
        raise DataError(f"n_sim is {n_sim}; at least {_LEAST_STUDIES} studies say something")
    curve, options = _guess(guess, options, items)
    _check_options(options, items)
    study = Study(curve, options, sizes)
    goal = float(power if power is not None else width or 0.0)
    ask: Callable[..., float]
    if power is not None:
        ask = partial(_is_emergent, alpha=alpha, n_boot=n_boot)
    else:
        how: Runs = "auto"
        if runs is not None and vary != "runs":
            # One analysis for every size: of runs that become long, "auto" would change to another.
            how = "random threshold" if options.get("eta_sd") else "offset+ar1"
        ask = partial(_width, shape=shape, level=level, n_boot=n_boot, runs=how)
    seeds = as_seed(rng).spawn(n_sim)
    trials: dict[int, AtSize] = {}

    def reached(size: int) -> bool:
        planned = replace(study, sizes=sizes | {vary: size})
        found = parallel(n_jobs)(delayed(_ask)(planned, ask, s) for s in seeds)
        trials[size] = AtSize.of(size, np.array(found, dtype=float), power is not None)
        return trials[size].reaches(goal)

    _search(reached, start, _LEAST[vary])
    return Design(
        vary=vary,
        goal="power" if power is not None else "width",
        target=goal,
        fixed={k: v for k, v in sizes.items() if k != vary and v is not None},
        trials=tuple(trials[size] for size in sorted(trials)),
        n_sim=n_sim,
    )


def _start(
    width: float | None, power: float | None, vary: Vary, sizes: dict[Vary, int | None]
) -> int:
    """Size to start from, the request checked."""
    if (width is None) == (power is None):
        raise DataError("give one goal: width=, in nats, or power=")
    if width is not None and not width > 0:
        raise DataError(f"width is {width}; it must be positive")
    if power is not None and not 0 < power < 1:
        raise DataError(f"power is {power}; it must lie between 0 and 1")
    if vary not in sizes:
        raise DataError(f"vary is {vary!r}; it must be checkpoints, items or runs")
    start = sizes[vary]
    if start is None:
        raise DataError(f"to vary {vary} give a number of {vary} to start from")
    for name, size in sizes.items():
        if size is not None and size < _LEAST[name] and not (name == "runs" and size == 1):
            raise DataError(f"{name} is {size}; it must be at least {_LEAST[name]}")
    return start


def _check_options(options: dict[str, Any], items: int | None) -> None:
    unknown = sorted(set(options) - _OPTIONS)
    if unknown:
        raise DataError(f"{', '.join(unknown)}: not known; there is {', '.join(sorted(_OPTIONS))}")
    if items is not None and options.get("rho"):
        raise DataError("scores that are counts have no autocorrelation: leave items or rho out")
    if items is None and options.get("intraclass"):
        raise DataError("intraclass is of the items of a score: give items, or leave it out")


def _guess(
    guess: str | Callable[[FloatArray], FloatArray] | ThresholdFit,
    options: dict[str, Any],
    items: int | None,
) -> tuple[str | Callable[[FloatArray], FloatArray], dict[str, Any]]:
    """Curve, and the options of a simulation; those of a pilot are its own."""
    if not isinstance(guess, ThresholdFit):
        return guess, options
    if guess.status is Status.NO_ONSET:
        raise DataError(f"{guess.points.label}: {guess.status}; it is no guess of a curve")
    points, noise = guess.points, guess.core.problem.run_model.noise
    if points.best < points.chance:
        raise DataError(f"{points.label}: give the curve of a metric that is better when higher")
    own: dict[str, Any] = {
        "eta": guess.eta,
        "chance": points.chance,
        "sd": guess.noise["sd"],
        "loss_range": (float(points.loss.min()), float(points.loss.max())),
    }
    if items is not None:
        own["intraclass"] = guess.noise["intraclass"] or 0.0
    elif noise is not None:
        scale = abs(points.best - points.chance)
        own |= {"offset_sd": float(np.sqrt(noise.offset_var)) * scale, "rho": noise.rho}
        own["sd"] = scale * float(np.sqrt(noise.innovation_var / (1.0 - noise.rho**2)))
    if guess.by_run is not None:
        own["eta_sd"] = guess.by_run.spread

    return partial(_gain, guess), own | options


def _gain(fit: ThresholdFit, loss: FloatArray) -> FloatArray:
    """Gain over chance of a pilot's curve."""
    return np.asarray(fit.predict(loss)) - fit.points.chance


def _ask(study: Study, ask: Callable[..., float], seed: np.random.SeedSequence) -> float:
    draw, analysis = as_seed(seed).spawn(2)  # a copy: spawning counts up
    return ask(study.draw(draw), rng=analysis)


def _width(points: Points, shape: str, level: float, n_boot: int, runs: Runs, rng: Seed) -> float:
    """Width of the interval of eta; infinite where nothing bounds it."""
    try:
        fit = fit_threshold(points, shape=shape, runs=runs, n_boot=n_boot, rng=rng)
    except DataError:  # of the runs drawn fewer than two say where theirs is
        return np.inf
    if fit.status is Status.NO_ONSET:
        return np.inf
    ci = fit.interval("eta", level)
    return np.inf if ci.open_low or ci.open_high else ci.high - ci.low


def _is_emergent(points: Points, alpha: float, n_boot: int, rng: Seed) -> float:
    return float(classify(points, alpha=alpha, n_boot=n_boot, rng=rng).label == "emergent")


def _search(reached: Callable[[int], bool], start: int, least: int) -> None:
    """Double until the goal is reached, or halve until it is not."""
    size = start
    if reached(size):
        for _ in range(_DOUBLINGS):
            if size <= least or not reached(size := max(size // 2, least)):
                break
        return
    for _ in range(_DOUBLINGS):
        if reached(size := 2 * size):
            return
