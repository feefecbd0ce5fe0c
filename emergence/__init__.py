"""emergence: does an ability begin at a loss, at which, and how sure is that?

>>> from emergence import read_records, classify_tasks, fit_threshold
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emergence.backtest_result import Backtest as Backtest
    from emergence.backtesting import backtest as backtest
    from emergence.between_runs import run_thresholds as run_thresholds
    from emergence.between_runs_result import RunThresholds as RunThresholds
    from emergence.between_tasks import SharedThreshold as SharedThreshold
    from emergence.between_tasks import shared_threshold as shared_threshold
    from emergence.datasets import load_dataset as load_dataset
    from emergence.design_result import Design as Design
    from emergence.designing import design as design
    from emergence.diagnostics import Diagnostics as Diagnostics
    from emergence.diagnostics import diagnose as diagnose
    from emergence.digitized import read_curves as read_curves
    from emergence.discontinuity import OnsetComparison as OnsetComparison
    from emergence.discontinuity import compare_onsets as compare_onsets
    from emergence.equal_loss import collapse as collapse
    from emergence.equal_loss_result import Collapse as Collapse
    from emergence.forecast_result import Forecast as Forecast
    from emergence.forecasting import forecast as forecast
    from emergence.join import join_curves as join_curves
    from emergence.joined_curves import JoinedCurves as JoinedCurves
    from emergence.metric_audit import audit_metrics as audit_metrics
    from emergence.metric_audit_result import MetricAudit as MetricAudit
    from emergence.placement import Placement as Placement
    from emergence.placement import next_checkpoint as next_checkpoint
    from emergence.points import Points as Points
    from emergence.record import Record as Record
    from emergence.records import Records as Records
    from emergence.records import read_records as read_records
    from emergence.scaling import ScalingLaw as ScalingLaw
    from emergence.scaling import fit_scaling_law as fit_scaling_law
    from emergence.simulation import simulate as simulate
    from emergence.size import SizeThreshold as SizeThreshold
    from emergence.size import size_threshold as size_threshold
    from emergence.smooth import fit_smooth as fit_smooth
    from emergence.smooth_result import SmoothFit as SmoothFit
    from emergence.threshold import fit_threshold as fit_threshold
    from emergence.threshold_result import ThresholdFit as ThresholdFit
    from emergence.verdict import Verdict as Verdict
    from emergence.verdicts import Verdicts as Verdicts
    from emergence.verdicts import classify as classify
    from emergence.verdicts import classify_tasks as classify_tasks

__version__ = "0.1.0"

# Names are loaded when first used, so that `import emergence` costs next to nothing.
_HOME = {
    "Backtest": "backtest_result",
    "Collapse": "equal_loss_result",
    "Design": "design_result",
    "Diagnostics": "diagnostics",
    "Forecast": "forecast_result",
    "JoinedCurves": "joined_curves",
    "MetricAudit": "metric_audit_result",
    "OnsetComparison": "discontinuity",
    "Placement": "placement",
    "Points": "points",
    "Record": "record",
    "Records": "records",
    "RunThresholds": "between_runs_result",
    "ScalingLaw": "scaling",
    "SharedThreshold": "between_tasks",
    "SizeThreshold": "size",
    "SmoothFit": "smooth_result",
    "ThresholdFit": "threshold_result",
    "Verdict": "verdict",
    "Verdicts": "verdicts",
    "audit_metrics": "metric_audit",
    "backtest": "backtesting",
    "classify": "verdicts",
    "classify_tasks": "verdicts",
    "collapse": "equal_loss",
    "compare_onsets": "discontinuity",
    "design": "designing",
    "diagnose": "diagnostics",
    "fit_scaling_law": "scaling",
    "fit_smooth": "smooth",
    "fit_threshold": "threshold",
    "forecast": "forecasting",
    "join_curves": "join",
    "load_dataset": "datasets",
    "next_checkpoint": "placement",
    "read_curves": "digitized",
    "read_records": "records",
    "run_thresholds": "between_runs",
    "shared_threshold": "between_tasks",
    "simulate": "simulation",
    "size_threshold": "size",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(import_module(f"emergence.{_HOME[name]}"), name)
        globals()[name] = value  # a function may share the name of its module
        return value
    raise AttributeError(f"module 'emergence' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
