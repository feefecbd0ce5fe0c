r"""Loss series: the losses of one run, and the loss at a checkpoint.

Where no loss stands at the very step, it is taken between the two beside it, if these are near; of
a log of single steps it is the mean over a window that ends at the checkpoint,

.. math:: \bar L = \frac1m \sum_{s - w < t \le s} L_t, \qquad
    \text{se} = \frac{\text{sd of the } L_t \text{ about their line}}{\sqrt m}.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np

from emergence._typing import FloatArray
from emergence.readers.found import HELD_OUT, TRAINING, Found, Place
from emergence.records.points import FLOPS_PER_TOKEN

# A window that ends at a checkpoint: this share of the run, so many steps of the log at least.
_WINDOW, _LEAST = 0.01, 5


@dataclass(frozen=True, eq=False)
class LossSeries:
    """Losses of one run by step, or by tokens where steps are unknown."""

    by: str
    x: FloatArray
    loss: FloatArray
    held: str
    tokens: FloatArray | None
    flops_per_step: float | None
    several: bool = False  # losses at one step, of which the last was taken
    name: str = ""  # of the loss that was taken, where a log has several
    others: tuple[str, ...] = ()

    @property
    def by_compute(self) -> bool:
        """Whether tokens are known by the compute alone."""
        return self.tokens is None and self.flops_per_step is not None

    def at(
        self, place: Place, tolerance: float, window: float | None
    ) -> tuple[float, float | None] | None:
        """Loss at a checkpoint and its standard error, if it has one; None where there is none."""
        where = place.step if self.by == "step" else place.tokens
        if where is None:
            return None
        if self.held == "training":
            return self._mean(where, window)
        nearest = int(np.abs(self.x - where).argmin())
        # Loggers that count from 0 call the last of 100 steps 99.
        beside = min(1.0, tolerance * where) if self.by == "step" else 1e-9 * where
        if abs(self.x[nearest] - where) <= beside:
            return float(self.loss[nearest]), None
        i = int(np.searchsorted(self.x, where))
        if not 0 < i < self.x.size or self.x[i] - self.x[i - 1] > tolerance * where:
            return None
        return float(np.interp(where, self.x[i - 1 : i + 1], self.loss[i - 1 : i + 1])), None

    def _mean(self, where: float, window: float | None) -> tuple[float, float | None] | None:
        stop = int(np.searchsorted(self.x, where * (1 + 1e-9), side="right"))
        width = window if window is not None else _WINDOW * float(self.x[-1])
        start = min(int(np.searchsorted(self.x, where - width, side="right")), stop - _LEAST)
        # A log of few steps has means of its own: no loss of long before belongs to a checkpoint.
        start = max(start, int(np.searchsorted(self.x, where - 3.0 * width, side="right")), 0)
        start = min(start, max(stop - 1, 0))
        x, y = self.x[start:stop], self.loss[start:stop]
        # A checkpoint beyond the log has no loss in it.
        apart = float(np.median(np.diff(self.x))) if self.x.size > 1 else 0.0
        if not y.size or where - x[-1] > max(width, 2.0 * apart):
            return None
        if y.size < 4:
            return float(y.mean()), None
        line = np.polynomial.Polynomial.fit(x, y, 1)
        spread = float(np.sqrt(np.square(y - line(x)).sum() / (y.size - 2)))
        return float(y.mean()), spread / float(np.sqrt(y.size))

    def tokens_at(self, place: Place, per_step: float | None, params: float) -> float | None:
        """Tokens of a checkpoint: by the step, by what the trainer counted, or by its compute."""
        if place.step is None:
            return None
        if per_step is not None:
            return place.step * per_step
        if self.tokens is not None:
            return float(np.interp(place.step, self.x, self.tokens))
        if self.flops_per_step is not None:
            return place.step * self.flops_per_step / (FLOPS_PER_TOKEN * params)
        return None


def loss_series(found: Found) -> dict[str, LossSeries]:
    """Losses of each run: those on held-out text where there are any."""
    by_run: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in found.losses:
        if np.isfinite(row["loss"]):  # a run that has diverged has none
            by_run[row["place"].run].append(row)
    return {run: _one_series(rows) for run, rows in by_run.items()}


def _one_series(rows: list[dict[str, Any]]) -> LossSeries:
    held = "held out" if any(r["kind"] == "held out" for r in rows) else "training"
    mine = [r for r in rows if r["kind"] == held]
    names = list(dict.fromkeys(r.get("name") or "" for r in mine))
    # One whose name says no more than that it is one, else the first.
    name = next((n for n in names if n.lower() in (*HELD_OUT, *TRAINING, "")), names[0])
    mine = [r for r in mine if (r.get("name") or "") == name]
    by = "step" if all(r["place"].step is not None for r in mine) else "tokens"
    last = {getattr(r["place"], by): r for r in mine if getattr(r["place"], by) is not None}
    several = len({(getattr(r["place"], by), r["loss"]) for r in mine}) > len(last)
    x = np.array(sorted(last))
    tokens = [last[value]["place"].tokens for value in x]
    known = by == "step" and None not in tokens
    return LossSeries(
        by=by,
        x=x,
        loss=np.array([last[value]["loss"] for value in x]),
        held=held,
        tokens=np.array(tokens, dtype=float) if known else None,
        flops_per_step=mine[0].get("flops_per_step"),
        several=several,
        name=name,
        others=tuple(n for n in names if n != name),
    )
