"""Design: what simulated studies of several sizes reach, and which size the goal takes."""

from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import pandas as pd

from emergence._results import Result, no_interval
from emergence._text import table
from emergence._typing import Axes, FloatArray
from emergence.interval import Interval

_LEVEL, _Z = 0.95, 1.96


@dataclass(frozen=True)
class AtSize:
    """Simulated studies of one size: the median width or the share called emergent, and 95%."""

    size: int
    value: float
    low: float
    high: float
    rising: bool

    @classmethod
    def of(cls, size: int, found: FloatArray, share: bool) -> Self:
        """Summarise the studies: a share by Wilson's interval, a width by order statistics."""
        n = found.size
        if not share:
            # The median lies at 95% within half the number of ranks, give or take z sqrt(n)/2.
            ordered, half = np.sort(found), _Z * np.sqrt(n) / 2
            ends = np.clip([n / 2 - half - 1, n / 2 + half], 0, n - 1).astype(int)
            middle = float(ordered[(n - 1) // 2])
            return cls(size, middle, float(ordered[ends[0]]), float(ordered[ends[1]]), False)
        p = float(found.mean())
        centre = (p + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
        half = _Z / (1 + _Z**2 / n) * np.sqrt(p * (1 - p) / n + _Z**2 / (4 * n**2))
        return cls(size, p, float(centre - half), float(centre + half), True)

    def reaches(self, target: float) -> bool:
        """Whether the goal is reached."""
        return self.value >= target if self.rising else self.value <= target


@dataclass(frozen=True, eq=False, repr=False)
class Design(Result):
    """A plan; made by :func:`design`.

    Attributes
    ----------
    vary : str
        What was varied: checkpoints, items or runs.
    goal : {"width", "power"}
    target : float
        Median width of the interval of eta in nats, or share of studies called emergent.
    fixed : dict
        The sizes that stayed.
    trials : tuple of AtSize
        Every size tried, smallest first.
    n_sim : int
        Simulated studies of each.
    """

    vary: str
    goal: Literal["width", "power"]
    target: float
    fixed: dict[Literal["checkpoints", "items", "runs"], int]
    trials: tuple[AtSize, ...]
    n_sim: int

    @property
    def needed(self) -> int | None:
        """Smallest size that reaches the goal, between the sizes tried; None where none does."""
        return self._crossing([t.value for t in self.trials])

    @property
    def needed_range(self) -> tuple[int | None, int | None]:
        """The same at either end of the Monte-Carlo error of every size; None is "more"."""
        good, bad = ("high", "low") if self.goal == "power" else ("low", "high")
        few, many = (self._crossing([getattr(t, end) for t in self.trials]) for end in (good, bad))
        return few, many

    def _crossing(self, values: list[float]) -> int | None:
        """Where the values cross the target, straight in log size; widths in their logs too."""
        sign = 1.0 if self.goal == "power" else -1.0
        with np.errstate(divide="ignore"):
            y = np.array(values) if self.goal == "power" else np.log(values)
            target = self.target if self.goal == "power" else np.log(self.target)
        over = sign * (y - target) >= 0
        if not over.any():
            return None
        first = int(np.flatnonzero(over)[0])
        sizes = [t.size for t in self.trials]
        if first == 0 or not np.isfinite(y[first - 1]):
            return sizes[first]
        share = (target - y[first - 1]) / (y[first] - y[first - 1])
        log = np.log(sizes[first - 1]) + share * np.log(sizes[first] / sizes[first - 1])
        return int(np.ceil(np.exp(log) - 1e-9))

    def to_frame(self) -> pd.DataFrame:
        """One row per size: what it reaches, with 95% Monte-Carlo limits."""
        return pd.DataFrame(
            [
                {self.vary: t.size, self.goal: t.value, "low": t.low, "high": t.high}
                for t in self.trials
            ]
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What should be read with care: a goal that no size tried reaches for sure."""
        if self.needed_range[1] is not None:
            return ()
        return (f"not even {self.trials[-1].size} {self.vary} reach the goal for sure",)

    def interval(self, name: str = "needed", level: float = 0.95) -> Interval:
        """Monte-Carlo interval of the size needed, at 95%; open where no size tried is enough."""
        if name != "needed" or level != _LEVEL:
            raise no_interval(f"{name} at {level:g}", ("needed at 0.95",))
        most = self.trials[-1].size
        few, many = self.needed_range
        ends = float(few or most), float(many or most)
        return Interval(*ends, level, "simulation", open_high=many is None)

    def to_dict(self) -> dict[str, Any]:
        """Everything, in types that survive JSON."""
        found = super().to_dict()
        return found | {"needed": self.needed, "needed_range": list(self.needed_range)}

    @property
    def reason(self) -> str:
        """The finding in one sentence."""
        fixed = ", ".join(f"{v} {k}" for k, v in self.fixed.items())
        wanted = (
            f"a median width of {self.target:g} nats"
            if self.goal == "width"
            else f"power {self.target:g}"
        )
        few, many = self.needed_range
        tried = self.trials[-1].size
        found = f"more than {tried}" if self.needed is None else str(self.needed)
        span = f"{few or f'over {tried}'} to {many or f'over {tried}'}"
        with_fixed = f", with {fixed}" if fixed else ""
        return f"{wanted} takes {found} {self.vary} (95% by simulation: {span}){with_fixed}"

    def summary(self) -> str:
        """Report as text."""
        lines = [self.reason, f"  {self.n_sim} simulated studies of each size:"]
        lines += table(
            ((str(t.size), f"{t.value:.3g}", f"[{t.low:.3g}, {t.high:.3g}]") for t in self.trials),
            (self.vary, self.goal, "95%"),
            right=[0, 1],
        )
        return "\n".join(lines + self._warned)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw what every size reaches, and the goal."""
        from emergence.figures.design import plot_design  # matplotlib only when drawing

        return plot_design(self.to_frame(), self.target, self.needed, ax)
