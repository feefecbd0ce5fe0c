"""What the tests share."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import pytest
from hypothesis import settings

mpl.use("Agg")

# Wall-clock limits of single examples fail on busy machines and say nothing.
settings.register_profile("default", deadline=None, derandomize=True)
settings.load_profile("default")

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT.parent / "shared" / "reference"


@pytest.fixture
def reference() -> Path:
    """Folder of published figures that are not part of the project."""
    if not REFERENCE.exists():
        pytest.skip("the folder of reference figures is not here; it is not part of the project")
    return REFERENCE


@pytest.fixture(scope="session")
def tiny_config():
    """A run of about a second: what the tests of the trainer train."""
    from emergence.train.config import ModelConfig, TrainConfig

    model = ModelConfig(hidden=16, layers=1, heads=1, kv_heads=1, vocab_size=400, context=128)
    return TrainConfig(
        name="tiny",
        model=model,
        tokens=16_000,
        rows=2,
        lr=1e-2,
        warmup=5,
        evaluations=4,
        first=1000,
        items=8,
        loss_rows=16,
        precision="float32",
        save_every=7,
        log_every=10,
    )
