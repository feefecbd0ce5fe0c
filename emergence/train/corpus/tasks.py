"""Tasks: twelve sets of held-out items, six categories in two languages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random

from pydantic import BaseModel, Field, model_validator

from emergence.errors import DataError
from emergence.train.corpus.items import CATEGORIES, HARD, Item, is_held_out
from emergence.train.corpus.texts import read_lines_as
from emergence.train.corpus.words import LANGUAGES

_SEED = 20240315  # of all items: the tasks are the same for every run
_TRIES = 200  # draws per item before a task counts as exhausted


class OwnItem(BaseModel):
    """One line of a file of items."""

    prompt: str = Field(min_length=1)
    options: list[str] = Field(min_length=2)
    gold: int = Field(ge=0)
    task: str | None = None

    @model_validator(mode="after")
    def _points_to_an_option(self) -> OwnItem:
        if self.gold >= len(self.options):
            raise ValueError(f"gold = {self.gold} of {len(self.options)} options, from 0")
        if len(set(self.options)) < len(self.options) or not all(self.options):
            raise ValueError("options must be different and not empty")
        return self


@dataclass(frozen=True)
class Task:
    """One task: a category in a language.

    ``mirrors`` names the benchmark of Du et al. (2024) that it stands for.
    """

    category: str
    language: str
    mirrors: str

    @property
    def name(self) -> str:
        """Name in the records, such as ``arithmetic_en``."""
        return f"{self.category}_{self.language}"

    @property
    def produced(self) -> bool:
        """Is the answer to be produced (exact match), not chosen (accuracy)?"""
        return self.category == "arithmetic"

    def items(self, n: int = 400) -> list[Item]:
        """Held-out items, all different, the places of the answers balanced.

        DataError where the category does not hold so many different held-out items.

        Examples
        --------
        >>> item = TASKS["exam_en"].items(4)[0]
        >>> item.options
        (' A', ' B', ' C', ' D')
        """
        rng = Random(f"{_SEED}/{self.name}")
        generate, language = CATEGORIES[self.category], LANGUAGES[self.language]
        found: dict[str, Item] = {}
        for _ in range(_TRIES * n):
            if len(found) == n:
                return list(found.values())
            item = generate(rng, language, HARD)
            places = len(item.options)
            # Only the item whose answer is at the place that is due: balanced to within one.
            if (
                is_held_out(item.key)
                and item.key not in found
                and (item.gold == len(found) % places)
            ):
                found[item.key] = item
        raise DataError(
            f"task {self.name} holds only {len(found)} different held-out items, not {n}; "
            "ask for fewer"
        )


_MIRRORS = {
    "fact": ("TriviaQA", "NLPCC-KBQA"),
    "cloze": ("HellaSwag", "ClozeT"),
    "reading": ("RACE", "C3"),
    "coreference": ("WinoGrande", "CLUEWSC"),
    "exam": ("MMLU", "C-Eval"),
    "arithmetic": ("GSM8K", "GSM8K-Chinese"),
}

TASKS = {
    task.name: task
    for category, benchmarks in _MIRRORS.items()
    for task in (
        Task(category, language, mirrored)
        for language, mirrored in zip(LANGUAGES, benchmarks, strict=True)
    )
}


def read_items(path: Path) -> dict[str, list[Item]]:
    """Read multiple-choice items of one's own from JSONL, by task.

    One object a line: ``prompt``, ``options`` (texts that may follow it, each with its leading
    space where the language has one), ``gold`` (place of the answer, from 0), and ``task``
    (default: the name of the file).  DataError with file, row and field.
    """
    found: dict[str, list[Item]] = {}
    example = '{"prompt": "2 + 2 =", "options": [" 3", " 4"], "gold": 1}'
    for row, it in read_lines_as(path, OwnItem, example):
        wrong = tuple(o for i, o in enumerate(it.options) if i != it.gold)
        item = Item(it.prompt, it.options[it.gold], wrong, it.gold, f"{row}")
        found.setdefault(it.task or path.stem, []).append(item)
    if not found:
        raise DataError(f"{path}: no items in it")
    return found
