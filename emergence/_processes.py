"""Processes: no child outlives its parent, however that ended."""

import os
import signal
import threading
import time

_EVERY = 0.5  # seconds between two looks
_GRACE = 3.0  # seconds that a child has to save its work
# Names the parent to a child that was started as a command.
PARENT = "EMERGENCE_PARENT"


def die_with(parent: int, *, interrupted: bool = False) -> None:
    """Watch the parent of this process, and end with it, ``interrupted`` first to save its work."""
    # A signal of the parent does not reach its children, and nothing tells them that it was killed.

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_EVERY)
        if interrupted:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(_GRACE)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def die_with_named_parent() -> None:
    """Watch the parent that the environment names, if it does."""
    # Not for its own children, which inherit the name.
    if (named := os.environ.pop(PARENT, None)) is not None:
        die_with(int(named), interrupted=True)


def stop_on_termination() -> None:
    """Let SIGTERM (a time limit, a scheduler) end a command as Ctrl-C does: what is open closes."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
