"""Summary of a fitted threshold as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emergence.results import Status

if TYPE_CHECKING:
    from emergence.threshold_result import ThresholdFit


def summarise(fit: ThresholdFit, level: float) -> str:
    """Estimate, interval, eta under every shape, noise, warnings."""
    p, noise = fit.points, fit.noise
    if fit.status is Status.NO_ONSET:
        return f"Threshold of {p.label}: {p.size} points\n  status {fit.status}"
    choice = f"shape given: {fit.shape}"
    if fit.requested == "auto":
        choice = f"shape chosen by BIC: {fit.shape}; the interval carries the choice"
    lines = [
        f"Threshold of {p.label}: {p.size} points, {p.n_runs} runs",
        f"  eta    {fit.eta:.4f}  {level:.0%} {fit.interval('eta', level)}   ({choice})",
        f"  params {', '.join(f'{k} = {v:.4g}' for k, v in fit.params.items())}",
        f"  plateau {fit.plateau:.4g} ({noise['plateau']})",
        f"  noise  {noise['name']} ({noise['reason']}), sd {noise['sd']:.3g}"
        + (f", dispersion {d:.3g}" if (d := noise["dispersion"]) is not None else "")
        + (f", intra-class {c:.2g}" if (c := noise["intraclass"]) is not None else ""),
        f"  runs   {noise['runs']}",
        f"  status {fit.status}",
    ]
    if fit.by_run is None:
        lines += _by_shape(fit, level)
    return "\n".join(lines + [f"  warning: {w}" for w in fit.warnings])


def _by_shape(fit: ThresholdFit, level: float) -> list[str]:
    """Eta under every shape."""
    lines = ["", f"  {'if known':<12}{'eta':>9}{'low':>9}{'high':>9}{'dBIC':>9}"]
    for row in fit.to_frame(level).itertuples():
        lines.append(
            f"  {row.shape:<12}{row.eta:>9.4f}{row.low:>9.4f}"
            f"{row.high:>8.4f}{'+' if row.open_high else ' '}{row.delta_bic:>9.1f}"
        )
    return lines
