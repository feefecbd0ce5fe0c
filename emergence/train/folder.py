"""Folder of a run: the names of its files, and whether it may be trained in."""

from pathlib import Path

from emergence._files import write_whole
from emergence.errors import DataError
from emergence.train.config import TrainConfig, read_config

RECORDS, LOG, STATE = "records.jsonl", "log.jsonl", "state.safetensors"
CONFIG, TOKENIZER, MODEL = "config.json", "tokenizer.json", "model"
ABOUT = "emergence.json"  # in the model's folder, written last: which run, how many tokens


def is_finished(folder: Path) -> bool:
    """Has the run in this folder reached its end?"""
    return (folder / MODEL / ABOUT).exists()


def is_begun(folder: Path) -> bool:
    """Is there a state in this folder that its run resumes from?"""
    return (folder / STATE).exists() or is_finished(folder)


def write_config(config: TrainConfig, folder: Path) -> None:
    """Say in a folder what is trained there."""
    write_whole(folder / CONFIG, config.model_dump_json(indent=1).encode())


def check_folder(config: TrainConfig, folder: Path) -> None:
    """Refuse a folder with a run of another config, naming the fields, or a model not ours."""
    path = folder / CONFIG
    if is_begun(folder) and (there := read_config(path)) != config:
        differ = [k for k in TrainConfig.model_fields if getattr(there, k) != getattr(config, k)]
        raise DataError(
            f"{folder} holds a run of another config ({', '.join(differ)} differ); "
            "choose another folder, or remove this one"
        )
    if (folder / MODEL).exists() and not path.exists():
        raise DataError(f"{folder} has a folder {MODEL!r} of something else; choose another folder")
