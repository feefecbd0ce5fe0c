"""Datasets that ship with the library."""

import warnings
from pathlib import Path

from emergence.errors import DataError, DataWarning
from emergence.records.records import Records, read_records

_PACKAGE = Path(__file__).parents[1]
# In an installed wheel the data lie inside the package, in a checkout beside it.
_FOLDERS = tuple(
    folder / part
    for folder in (_PACKAGE / "_data", _PACKAGE.parent / "data")
    for part in (".", "runs")
)


def dataset_names() -> list[str]:
    """Names of the bundled data sets, which the command line takes for files too."""
    return sorted({p.stem for folder in _FOLDERS for p in folder.glob("*.csv")})


def dataset_path(name: str) -> Path:
    """Path of a bundled file of records; DataError for another name, with those that exist."""
    known = dataset_names()
    for folder in _FOLDERS:
        path = folder / f"{name}.csv"
        if name in known and path.exists():
            return path
    raise DataError(f"no data set {name!r}; there is: {', '.join(known) or 'none'}")


def load_dataset(name: str) -> Records:
    """Read a bundled data set.

    Parameters
    ----------
    name : str
        ``public_reports``: figures of OLMo 2, the OLMo ladder and open_lm; ``olmo_ladder``: all
        checkpoints of the ladder, in cloze form; ``paper3-cpu``, ``paper3-cpu-again``,
        ``paper3-cpu-wsd`` and ``paper28-cpu``: our own runs after the two experiments of Du et
        al. (data/README.md).

    Raises
    ------
    DataError
        For a name that does not exist, with those that do.

    Examples
    --------
    >>> len(load_dataset("public_reports").families)
    4
    """
    with warnings.catch_warnings():
        # Known and documented in data/README.md: some scores are means over groups of items.
        # They stay listed in ``Records.warnings``.
        warnings.simplefilter("ignore", DataWarning)
        return read_records(dataset_path(name))
