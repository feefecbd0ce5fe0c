"""Words and sentences of the two languages; the world that both speak of.

A :class:`Language` is all that a generator needs to write a document: tables of words and
templates.  The tables of the two languages, ``english.toml`` and ``chinese.toml``, have the same
shape, so that one generator serves both.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Language:
    """Words and templates of one language; ``space`` stands between words and sentences.

    ``attributes`` maps a template of a statement and of its question to the possible values;
    ``scripts`` maps a place to what one gets there, common places first; ``reasons`` lists a
    verb, the reason that speaks of its subject, and the one that speaks of its object, the verbs
    that are met often first.
    """

    name: str
    space: str
    given: tuple[str, ...]
    family: tuple[str, ...]
    full_name: str
    attributes: tuple[tuple[str, str, tuple[str, ...]], ...]
    scripts: tuple[tuple[str, str], ...]
    goes: str
    gets: str
    colours: tuple[str, ...]
    things: tuple[str, ...]
    holds: str
    seen: str
    which: str
    reasons: tuple[tuple[str, str, str], ...]
    because: str
    means: str
    asks_subject: str
    asks_object: str
    asks: str
    options: str
    question: str
    answer: str
    has: str
    gain: str
    loss: str
    total: str
    nouns: tuple[str, ...]
    verbs: tuple[str, ...]
    adjectives: tuple[str, ...]
    sentence: str


def _read(name: str) -> Language:
    text = (Path(__file__).parent / f"{name}.toml").read_text(encoding="utf-8")
    tables: dict[str, Any] = tomllib.loads(text)
    tables["attributes"] = [tuple(row.values()) for row in tables["attributes"]]
    return Language(**{key: _frozen(value) for key, value in tables.items()})


def _frozen(value: Any) -> Any:
    """Lists as tuples, all the way down."""
    return tuple(map(_frozen, value)) if isinstance(value, (list, tuple)) else value


LANGUAGES = {language.name: language for language in map(_read, ("english", "chinese"))}
