"""Points: what one fit sees, the scores of one task under one metric."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from emergence._typing import AnyArray, BoolArray, FloatArray, IntArray, Losses, Outliers
from emergence.errors import DataError

# A threshold is not fitted to fewer points.
LEAST_POINTS = 8
# What a fit is shown to hold in memory: 1.3 GB; and where they belong to runs, 2.5 GB.
MOST_POINTS, MOST_IN_RUNS = 1_000_000, 100_000
# Of one parameter in training: forward and backward (Kaplan et al. 2020).
FLOPS_PER_TOKEN = 6.0
COLUMNS = ("loss", "value", "n_items", "run", "tokens", "params", "weights", "measured")


@dataclass(frozen=True, eq=False)
class Points:
    """Scores of one task under one metric, one entry per checkpoint.

    Attributes
    ----------
    loss : (n,) array
        Pre-training loss, nats per token.
    value : (n,) array
        Score in the metric's own units.
    chance, best : float
        Score of uniform guessing and of a perfect model.
    n_items : (n,) array or None
        Number of items behind each score; with ``counted`` they make the scores counts.
    run : (n,) array or None
        Which training run each checkpoint belongs to.
    tokens, params : (n,) array or None
        Training tokens seen, and model size.
    weights : (n,) array or None
        Relative precision given by the user; overrides what n_items implies.
    counted : bool
        Whether ``value * n_items`` is a number of items right.
    task, metric, family : str
        Names, for display.
    loss_sd : float
        Standard deviation of the error of each loss, nats; it widens intervals on the loss axis.
    outliers : {"drop", "keep"}
        Whether broken evaluations and spikes of the loss are left out
        (:mod:`emergence.records.cleaning`).
    losses : {"auto", "given"}
        Whether losses whose wiggle the scores do not follow are put on the trend of their run
        (:mod:`emergence.records.losses`).
    measured : (n,) array or None
        Losses as they were given, where ``loss`` is not.
    notes : tuple of str
        What was left out, and why: warnings of every fit.
    """

    loss: FloatArray
    value: FloatArray
    chance: float = 0.0
    best: float = 1.0
    n_items: FloatArray | None = None
    run: AnyArray | None = None
    tokens: FloatArray | None = None
    params: FloatArray | None = None
    weights: FloatArray | None = None
    counted: bool = False
    task: str = ""
    metric: str = ""
    family: str = ""
    loss_sd: float = 0.0
    outliers: Outliers = "drop"
    losses: Losses = "auto"
    measured: FloatArray | None = None
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Number of checkpoints."""
        return int(self.loss.size)

    @property
    def ability(self) -> FloatArray:
        """Scores with chance at 0 and the best value at 1."""
        return normalise(self.value, self.chance, self.best)

    @property
    def shown_loss(self) -> FloatArray:
        """Losses as they were given, which figures show."""
        return self.loss if self.measured is None else self.measured

    @property
    def compute(self) -> FloatArray | None:
        """Training compute C = 6 N D, FLOP (Kaplan et al. 2020); None without params or tokens."""
        if self.params is None or self.tokens is None:
            return None
        return FLOPS_PER_TOKEN * self.params * self.tokens

    def to_value(self, ability: FloatArray) -> FloatArray:
        """Abilities back to the metric's own units."""
        return self.chance + (self.best - self.chance) * ability

    @property
    def label(self) -> str:
        """Task and metric, for titles."""
        return " ".join(part for part in (self.task, self.metric) if part) or "points"

    @property
    def n_runs(self) -> int:
        """Number of runs; every checkpoint its own where runs are not given."""
        return self.size if self.run is None else int(np.unique(self.run).size)

    def facts(self) -> dict[str, object]:
        """What the points are, without the points."""
        return {
            "task": self.task,
            "metric": self.metric,
            "n": self.size,
            "n_runs": self.n_runs,
            "loss": [self.loss.min(), self.loss.max()],
            "chance": self.chance,
            "best": self.best,
        }

    def where(self, keep: BoolArray | IntArray) -> Self:
        """Return the points for which ``keep`` is true, or at these positions."""
        changes = {
            name: column[keep] for name in COLUMNS if (column := getattr(self, name)) is not None
        }
        return replace(self, **changes)

    def noting(self, note: str) -> Self:
        """Return the points with one more note."""
        return replace(self, notes=(*self.notes, note))


def normalise(value: ArrayLike, chance: float, best: float = 1.0) -> FloatArray:
    r"""Put scores on the scale where chance is 0 and the best value is 1.

    .. math:: \frac{\text{value} - \text{chance}}{\text{best} - \text{chance}}

    DataError if ``chance`` equals ``best``.

    Examples
    --------
    >>> normalise([0.25, 0.625, 1.0], chance=0.25)
    array([0. , 0.5, 1. ])
    >>> normalise([1.5, 0.75, 0.0], chance=0.75, best=0.0)
    array([-1.,  0.,  1.])
    """
    if best == chance:
        raise DataError(f"best ({best}) must differ from chance ({chance})")
    # Adding 0 turns -0 into 0.
    return (np.asarray(value, dtype=float) - chance) / (best - chance) + 0.0
