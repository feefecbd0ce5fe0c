"""Random numbers: seeds, and the one registry of their streams.

Every purpose draws from a stream of its own, so that what one verb draws never depends on, nor
repeats, what another has drawn from the same seed.
"""

from enum import IntEnum, unique
from typing import TypeAlias

import numpy as np

from emergence.errors import DataError

Seed: TypeAlias = int | np.random.SeedSequence | np.random.Generator | None


@unique
class Stream(IntEnum):
    """Purpose that a generator serves; a number once given stays, or results would change."""

    PROFILE = 1
    PAIRS = 2
    CURVE = 3
    ISOTONIC = 4
    EVIDENCE = 11
    CORNER = 13
    RUN_THRESHOLDS = 21
    SMOOTH_CURVE = 22
    SCALING_LAW = 31
    COMPARE_ONSETS = 32
    SIZE = 41
    SHARED_THRESHOLD = 42
    METRIC_AUDIT = 61
    READINGS = 71
    FIGURES_READ = 91


def as_seed(rng: Seed) -> np.random.SeedSequence:
    """Turn int, SeedSequence, Generator or None (fresh entropy) into a SeedSequence."""
    if isinstance(rng, np.random.SeedSequence):
        # A fresh one with the same key: spawning must not depend on earlier calls.
        return np.random.SeedSequence(rng.entropy, spawn_key=rng.spawn_key)
    if isinstance(rng, np.random.Generator):
        return np.random.SeedSequence(rng.integers(0, 2**32, 8).tolist())
    if rng is not None and not isinstance(rng, int | np.integer):
        raise DataError(f"the seed (rng) is a {type(rng).__name__}; give a whole number")
    if rng is not None and rng < 0:
        raise DataError(f"the seed (rng) is {rng}; it must not be negative")
    return np.random.SeedSequence(rng)


def child(seed: np.random.SeedSequence, stream: Stream, *key: int) -> np.random.Generator:
    """Generator for one purpose, independent of those for all other purposes."""
    sequence = np.random.SeedSequence(seed.entropy, spawn_key=(*seed.spawn_key, stream, *key))
    return np.random.default_rng(sequence)
