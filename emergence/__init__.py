"""emergence: does an ability begin at a loss, at which, and how sure is that?

>>> from emergence import read_records, classify_tasks, fit_threshold
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emergence.curves.simulate import simulate as simulate
    from emergence.fits.compare_onsets import (
        OnsetComparison as OnsetComparison,
        compare_onsets as compare_onsets,
    )
    from emergence.fits.diagnostics import Diagnostics as Diagnostics, diagnose as diagnose
    from emergence.fits.runs.thresholds import run_thresholds as run_thresholds
    from emergence.fits.runs.thresholds_result import RunThresholds as RunThresholds
    from emergence.fits.shared_threshold import (
        SharedThreshold as SharedThreshold,
        shared_threshold as shared_threshold,
    )
    from emergence.fits.smooth import SmoothFit as SmoothFit, fit_smooth as fit_smooth
    from emergence.fits.threshold import fit_threshold as fit_threshold
    from emergence.fits.threshold_result import ThresholdFit as ThresholdFit
    from emergence.planning.backtest import Backtest as Backtest, backtest as backtest
    from emergence.planning.design import design as design
    from emergence.planning.design_result import Design as Design
    from emergence.planning.forecast import forecast as forecast
    from emergence.planning.forecast_result import Forecast as Forecast
    from emergence.planning.next_checkpoint import (
        Placement as Placement,
        next_checkpoint as next_checkpoint,
    )
    from emergence.planning.scaling_law import (
        ScalingLaw as ScalingLaw,
        fit_scaling_law as fit_scaling_law,
    )
    from emergence.planning.size import (
        SizeThreshold as SizeThreshold,
        size_threshold as size_threshold,
    )
    from emergence.planning.translation import Translation as Translation, translate as translate
    from emergence.readers.digitized import read_curves as read_curves
    from emergence.readers.importing import (
        Imported as Imported,
        import_results as import_results,
        import_table as import_table,
    )
    from emergence.readers.joined_curves import JoinedCurves as JoinedCurves
    from emergence.readers.joining import join_curves as join_curves
    from emergence.records.datasets import load_dataset as load_dataset, load_losses as load_losses
    from emergence.records.points import Points as Points
    from emergence.records.record import Record as Record
    from emergence.records.records import Records as Records, read_records as read_records
    from emergence.verdicts.carry_over import carry_over as carry_over
    from emergence.verdicts.carry_over_result import CarryOver as CarryOver
    from emergence.verdicts.classify import classify as classify
    from emergence.verdicts.collapse import collapse as collapse
    from emergence.verdicts.collapse_result import Collapse as Collapse
    from emergence.verdicts.metric_audit import audit_metrics as audit_metrics
    from emergence.verdicts.metric_audit_result import MetricAudit as MetricAudit
    from emergence.verdicts.tasks import Verdicts as Verdicts, classify_tasks as classify_tasks
    from emergence.verdicts.verdict import Verdict as Verdict

__version__ = "0.2.0"

# Where the public names live.  They are loaded when first used, so that `import emergence` costs
# next to nothing.
_NAMES = {
    "records.record": "Record",
    "records.records": "Records read_records",
    "records.points": "Points",
    "records.datasets": "load_dataset load_losses",
    "curves.simulate": "simulate",
    "fits.threshold": "fit_threshold",
    "fits.threshold_result": "ThresholdFit",
    "fits.smooth": "SmoothFit fit_smooth",
    "fits.runs.thresholds": "run_thresholds",
    "fits.runs.thresholds_result": "RunThresholds",
    "fits.shared_threshold": "SharedThreshold shared_threshold",
    "fits.compare_onsets": "OnsetComparison compare_onsets",
    "fits.diagnostics": "Diagnostics diagnose",
    "readers.digitized": "read_curves",
    "readers.importing": "Imported import_results import_table",
    "readers.joining": "join_curves",
    "readers.joined_curves": "JoinedCurves",
    "verdicts.carry_over": "carry_over",
    "verdicts.carry_over_result": "CarryOver",
    "verdicts.classify": "classify",
    "verdicts.tasks": "Verdicts classify_tasks",
    "verdicts.verdict": "Verdict",
    "verdicts.collapse": "collapse",
    "verdicts.collapse_result": "Collapse",
    "verdicts.metric_audit": "audit_metrics",
    "verdicts.metric_audit_result": "MetricAudit",
    "planning.scaling_law": "ScalingLaw fit_scaling_law",
    "planning.size": "SizeThreshold size_threshold",
    "planning.translation": "Translation translate",
    "planning.forecast": "forecast",
    "planning.forecast_result": "Forecast",
    "planning.backtest": "Backtest backtest",
    "planning.design": "design",
    "planning.design_result": "Design",
    "planning.next_checkpoint": "Placement next_checkpoint",
}
_HOME = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(import_module(f"emergence.{_HOME[name]}"), name)
        globals()[name] = value  # looked up once
        return value
    raise AttributeError(f"module 'emergence' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
