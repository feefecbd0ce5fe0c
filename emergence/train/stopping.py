"""Stopping: how a run ends before its end, and signals that wait for the end of a step."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from emergence.errors import EmergenceError


class TrainingStopped(EmergenceError):
    """A run stopped before its end; the message says why and how to go on."""


class Interrupted(TrainingStopped):
    """A run stopped because somebody asked for it."""

    status = 130  # as shells report Ctrl-C


@contextmanager
def interrupts() -> Iterator[list[int]]:
    """Collect Ctrl-C and termination instead of dying in the middle of a step."""
    caught: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield caught
        return
    signals = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(s, lambda number, _: caught.append(number)) for s in signals]
    try:
        yield caught
    finally:
        for s, handler in zip(signals, before, strict=True):
            signal.signal(s, handler)


@contextmanager
def termination_interrupts() -> Iterator[None]:
    """Take a request to terminate as Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
