"""Datasets that ship with the library."""

import warnings
from pathlib import Path

import pandas as pd

from emergence.errors import DataError, DataWarning
from emergence.records.records import Records, read_records

_PACKAGE = Path(__file__).parents[1]
# In an installed wheel the data lie inside the package, in a checkout beside it.
_HOMES = (_PACKAGE / "_data", _PACKAGE.parent / "data")
_RECORDS, _LOSSES = (".", "runs"), ("losses",)  # folders


def _bundled(parts: tuple[str, ...]) -> dict[str, Path]:
    """Tables of these folders by their names, packed ones among them."""
    folders = [home / part for home in reversed(_HOMES) for part in parts]
    return {p.name.partition(".")[0]: p for f in folders for p in sorted(f.glob("*.csv*"))}


def _path(what: str, name: str, parts: tuple[str, ...]) -> Path:
    known = _bundled(parts)
    if name not in known:
        raise DataError(f"no {what} {name!r}; there is: {', '.join(sorted(known)) or 'none'}")
    return known[name]


def dataset_names() -> list[str]:
    """Names of the bundled data sets, which the command line takes for files too."""
    return sorted(_bundled(_RECORDS))


def dataset_path(name: str) -> Path:
    """Path of a bundled file of records; DataError for another name, with those that exist."""
    return _path("data set", name, _RECORDS)


def load_dataset(name: str) -> Records:
    """Read a bundled data set.

    Parameters
    ----------
    name : str
        ``public_reports``: figures of OLMo 2, the OLMo ladder and open_lm; ``olmo_ladder``: all
        checkpoints of the ladder, in cloze form; ``olmo_letter``: twenty tasks of OLMo 2 answered
        by letter; ``gemstones``: 22 shapes of model, in cloze form; ``paper3-cpu`` and
        ``paper28-cpu``: our own runs after the two experiments of Du et al.; ``vocabularies-cpu``,
        ``structures-cpu``, ``mamba-cpu`` and ``corpora-cpu``: runs that differ in one thing from
        those of 285k (data/README.md).

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


def load_losses(name: str = "olmo") -> pd.DataFrame:
    """Read a bundled table of losses of the same checkpoints on several texts.

    Parameters
    ----------
    name : str
        ``olmo``: eleven validation losses, nats per token, of the 33 runs of OLMo 2 and its
        ladder; ``vocabularies-cpu``, ``corpora-cpu``: those of the runs of these names in bits
        per byte; a row per checkpoint, a column per text (data/README.md).

    Returns
    -------
    DataFrame
        With the columns family, model, run, params, tokens, source and one for each text.

    Raises
    ------
    DataError
        For a name that does not exist, with those that do.

    Examples
    --------
    >>> "pile" in load_losses()
    True
    """
    return pd.read_csv(_path("losses", name, _LOSSES))


def losses_table(what: pd.DataFrame | str | Path) -> pd.DataFrame:
    """Table of losses as it is given: itself, the name of a bundled one, or the path of a CSV."""
    if isinstance(what, pd.DataFrame):
        return what
    if str(what) in _bundled(_LOSSES):
        return load_losses(str(what))
    try:
        return pd.read_csv(what)
    except (OSError, ValueError) as error:
        known = ", ".join(sorted(_bundled(_LOSSES)))
        raise DataError(
            f"{what}: no CSV of losses ({error}); give a path, or one of the bundled: {known}"
        ) from None
