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
