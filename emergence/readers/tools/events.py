"""TensorBoard: scalars of event files, by its own reader."""

from __future__ import annotations

from pathlib import Path

from emergence.errors import DataError
from emergence.readers.found import Found, Place, held_out, is_loss, run_of


def is_events(path: Path) -> bool:
    """Whether a file is called as TensorBoard calls its events."""
    return "tfevents" in path.name


def read_events(path: Path) -> Found:
    """Losses among the scalars of one file."""
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    except ImportError as error:
        raise ImportError(
            f"{path.name}: event files need tensorboard: pip install tensorboard"
        ) from error
    try:
        events = EventAccumulator(str(path), size_guidance={"scalars": 0})
        events.Reload()
        tags = events.Tags()["scalars"]
    except Exception as error:  # of a damaged file it raises nearly anything
        raise DataError(f"{path.name} cannot be read as events: {error}") from error
    run, found = run_of(path), Found()
    for tag in tags:
        if not is_loss(tag):
            continue
        held = "held out" if held_out(tag) else "training"
        for scalar in events.Scalars(tag):
            place = Place(run, float(scalar.step))
            found.losses.append(
                {
                    "place": place,
                    "loss": float(scalar.value),
                    "kind": held,
                    "name": tag,
                    "source": path.name,
                }
            )
    return found
