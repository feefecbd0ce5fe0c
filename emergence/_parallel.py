"""Parallel: joblib, with workers that do not outlive us."""

import os
from typing import Any

from joblib import Parallel
from joblib.parallel import get_active_backend

from emergence._processes import die_with


def parallel(n_jobs: int | None, *, lazy: bool = False) -> Parallel:
    """Make a pool of joblib's active backend; ``lazy`` hands results back one by one if it can."""
    backend = get_active_backend()[0]
    # Not every backend (Ray) can.
    lazy = lazy and getattr(backend, "supports_return_generator", False)
    # Workers of this machine watch us; those of a cluster are its own.
    here = type(backend).__name__ == "LokyBackend"
    care: dict[str, Any] = {"initializer": die_with, "initargs": (os.getpid(),)} if here else {}
    return Parallel(n_jobs=n_jobs, return_as="generator" if lazy else "list", **care)
