"""Folder of a run: the names of its files, and whether it may be trained in."""

from __future__ import annotations

from pathlib import Path

from emergence.errors import DataError
from emergence.train.config import TrainConfig, read_config

RECORDS, LOG, STATE = "records.jsonl", "log.jsonl", "state.safetensors"
CONFIG, TOKENIZER, MODEL = "config.json", "tokenizer.json", "model"
ABOUT = "emergence.json"  # in the model's folder, written last: which run, how many tokens


def is_finished(folder: Path) -> bool:
    """Has the run in this folder reached its end?"""
    return (folder / MODEL / ABOUT).exists()


def check_folder(config: TrainConfig, folder: Path) -> None:
    """Refuse a folder that holds a run of another config, or a model that is not ours.

    Raises
    ------
    DataError
        With the fields that differ.
    """
    path = folder / CONFIG
    if path.exists() and (there := read_config(path)) != config:
        differ = [k for k in TrainConfig.model_fields if getattr(there, k) != getattr(config, k)]
        raise DataError(
            f"{folder} holds a run of another config ({', '.join(differ)} differ); "
            "choose another folder, or remove this one"
        )
    if (folder / MODEL).exists() and not path.exists():
        raise DataError(f"{folder} has a folder {MODEL!r} of something else; choose another folder")
