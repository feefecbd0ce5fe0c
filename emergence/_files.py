"""Files: written whole beside their place and renamed, so that none is ever half there."""

import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from emergence._text import inert
from emergence.errors import OutputError

if TYPE_CHECKING:
    import pandas as pd

_LOCK = ".lock"


def write_whole(path: Path, data: bytes) -> None:
    """Replace a file: readers see the old or the new, never a part; OutputError names it."""
    with replacing(path) as beside, beside.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def write_table(frame: "pd.DataFrame", path: Path) -> None:
    """Write a table that others open: whole, and without what a spreadsheet would run."""
    with replacing(path) as beside:
        inert(frame).to_csv(beside, index=False, encoding="utf-8", lineterminator="\n")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a place to write to, and rename it when all went well; the suffix stays."""
    # What a link leads to is replaced, not the link; a pipe or a device is written to.
    through = path.exists() and not path.is_file()
    place = path if through or not path.is_symlink() else _led_to(path)
    folder = Path(tempfile.mkdtemp()) if through else place.parent
    beside = folder / f".{place.stem}.{os.getpid()}.part{path.suffix}"
    try:
        yield beside
        if through:
            place.write_bytes(beside.read_bytes())
        else:
            os.replace(beside, place)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"{path} could not be written: {reason}; what was there stays") from error
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)  # leave no half of a file on a full disk
            if through:
                folder.rmdir()


def _led_to(path: Path) -> Path:
    """Place that a link leads to; OutputError where it leads round in a circle."""
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:
        raise OutputError(f"{path} is a link that leads nowhere: {error}") from error


def check_output(
    path: str | os.PathLike[str], inputs: Iterable[str | os.PathLike[str]] = ()
) -> Path:
    """Check before the work that a file can be written there, and that it is none of the inputs.

    OutputError says what is in the way.
    """
    path = Path(path)
    for source in inputs:
        if _same(path, Path(source)):
            raise OutputError(f"{path} is read and would be written over; name another output")
    if path.is_dir():
        raise OutputError(f"{path} is a folder; name a file in it")
    if not path.parent.is_dir():
        raise OutputError(f"there is no folder {path.parent}; make it first")
    if not path.exists() or path.is_file():
        _try_to_write(_led_to(path).parent)
    return path


def check_folder(path: str | os.PathLike[str]) -> Path:
    """Check before the work that a folder can be made and written to; OutputError says why not."""
    folder = Path(path)
    there = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    if not there.is_dir():
        raise OutputError(f"{there} is a file; name a folder to write to")
    _try_to_write(there)
    return folder


@contextmanager
def locked(folder: Path, what: str) -> Iterator[None]:
    """Hold a folder for one process, however that ends; OutputError where another holds it."""
    try:
        held = FileLock(folder / _LOCK).acquire(blocking=False)
    except Timeout:
        raise OutputError(
            f"another process {what} {folder}; wait for it, or stop it first"
        ) from None
    with held:
        yield


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return one.resolve() == other.resolve()


def _try_to_write(folder: Path) -> None:
    # Asking for permission would miss a full or a read-only disk.
    try:
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            file.write(b"\0" * 4096)
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be written to: {error.strerror or error}; name another place"
        ) from error
