"""MetricAudit: what several metrics of one task say of its threshold."""

from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from emergence._results import Result, jsonable, no_interval
from emergence._text import table
from emergence._typing import Axes
from emergence.fits.shared_threshold import SharedThreshold
from emergence.interval import Interval
from emergence.verdicts.monotone import monotone_curve
from emergence.verdicts.verdict import Verdict

Label = Literal["ability", "metric", "none", "undetermined"]
# A strict metric hides the ability where a graded one has come further than this, which is
# twice what the strict one shows.
_HIDES = 0.2


@dataclass(frozen=True)
class Hidden:
    """Share of a graded ability already there where the strict metric shows a tenth, and 95%."""

    metric: str
    share: float
    low: float
    high: float


@dataclass(frozen=True, eq=False, repr=False)
class MetricAudit(Result):
    """What :func:`audit_metrics` found.

    Attributes
    ----------
    verdicts : tuple of Verdict
        Of the strict metric first, then of the graded ones.
    hidden : tuple of Hidden
        For each graded metric, how much of the ability the strict one hides.
    shared : SharedThreshold or None
        One eta for the metrics that show a threshold, where at least two do.
    alpha : float
        Level of the tests.
    """

    verdicts: tuple[Verdict, ...]
    hidden: tuple[Hidden, ...]
    shared: SharedThreshold | None
    alpha: float

    @property
    def label(self) -> Label:
        """Where the emergence is.

        ``ability``: a graded metric has a threshold, and none is smooth; ``metric``: a graded
        metric is smooth, none has a threshold, and the strict one has one or hides the ability;
        ``none``: as before, but the strict one shows what the graded ones do; else
        ``undetermined``.
        """
        labels = {v.label for v in self.verdicts[1:]}
        if "emergent" in labels:
            return "undetermined" if "smooth" in labels else "ability"
        if "smooth" not in labels:
            return "undetermined"
        hides = any(h.low > _HIDES for h in self._smooth)
        return "metric" if self.verdicts[0].label == "emergent" or hides else "none"

    @property
    def _smooth(self) -> list[Hidden]:
        """What the strict metric hides of those that are smooth."""
        pairs = zip(self.hidden, self.verdicts[1:], strict=True)
        return [h for h, v in pairs if v.label == "smooth"]

    @property
    def reason(self) -> str:
        """The finding in one sentence."""
        strict = self.verdicts[0].points.metric
        said = "; ".join(f"{v.points.metric} is {_said(v)}" for v in self.verdicts)
        far = ", ".join(
            f"{h.share:.0%} [{h.low:.0%}, {h.high:.0%}] by {h.metric}" for h in self.hidden
        )
        if self.label == "ability":
            text = f"a graded metric has the threshold too: {said}"
            if self.shared is not None:
                text += f"; {self.shared.reason}"
            return text
        if self.label == "metric":
            return (
                f"a graded metric rises smoothly, so {strict} makes the threshold: {said}; where "
                f"{strict} shows a tenth of the ability, there is already {far}"
            )
        if self.label == "none":
            return f"no metric shows a threshold: {said}"
        return f"the metrics do not decide: {said}"

    def to_frame(self) -> pd.DataFrame:
        """One row per metric: label, eta with its interval, share hidden."""
        rows = []
        for v, hidden in zip(self.verdicts, (None, *self.hidden), strict=True):
            row = v.to_row()
            keep = ("metric", "label", "eta", "eta_low", "eta_high", "p_gradual", "p_sudden")
            rows.append(
                {"chance": v.points.chance}
                | {k: row[k] for k in keep}
                | {
                    "already_there": hidden.share if hidden else float("nan"),
                    "there_low": hidden.low if hidden else float("nan"),
                    "there_high": hidden.high if hidden else float("nan"),
                }
            )
        return pd.DataFrame(rows)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What should be read with care: the warnings of the thresholds found."""
        found = [v for v in self.verdicts if v.label == "emergent"]
        return tuple(dict.fromkeys(f"{v.points.metric}: {w}" for v in found for w in v.warnings))

    def interval(self, name: str = "eta", level: float = 0.95) -> Interval:
        """Interval of the shared eta (``eta``), or of eta by one metric."""
        if name == "eta" and self.shared is not None:
            return self.shared.interval("eta", level)
        found = {v.points.metric: v for v in self.verdicts if v.label == "emergent"}
        if name not in found:
            raise no_interval(name, found)
        return found[name].interval("eta", level)

    def to_dict(self) -> dict[str, Any]:
        """Label, reason and the table, in types that survive JSON."""
        return {
            "task": self.verdicts[0].points.task,
            "label": self.label,
            "reason": self.reason,
            "warnings": list(self.warnings),
            "metrics": jsonable(self.to_frame().to_dict("records")),
            "p_same_eta": None if self.shared is None else self.shared.p_common,
        }

    def summary(self) -> str:
        """Report as text."""
        head = f"Metrics of {self.verdicts[0].points.task or 'the task'}: {self.label}"
        lines = [head, f"  {self.reason}", ""]
        lines += table((v.points.metric, v.reason) for v in self.verdicts)
        return "\n".join(lines + self._warned)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the ability by every metric against loss, with the thresholds found."""
        from emergence.figures.metric_audit import Seen, plot_audit  # matplotlib only when drawing

        seen = []
        for v in self.verdicts:
            places, levels = monotone_curve(-v.points.loss, v.points.ability)
            eta = v.threshold.eta if v.label == "emergent" else None
            seen.append(Seen(v.points, -places, levels, v.label, eta))
        task = self.verdicts[0].points.task
        return plot_audit(seen, f"{task}: {self.label}" if task else self.label, ax)


def _said(v: Verdict) -> str:
    if v.label != "emergent":
        return v.label
    return f"emergent at {v.threshold.eta:.3f} {v.eta_interval:.3f}"
