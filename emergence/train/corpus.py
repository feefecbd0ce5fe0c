"""Corpus: an endless mixture of documents, a pure function of seed and position.

Every row of every batch has a source of random numbers of its own, keyed by (seed, row
number), so that the position in the stream is the step and resuming needs no state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from emergence._typing import IntArray
from emergence.train.items import (
    CATEGORIES,
    HARD,
    attribute_of,
    is_held_out,
    person,
    zipf_person,
)
from emergence.train.words import LANGUAGES, Language

END = "<|end|>"
_ENGLISH = 4 / 5  # share of documents, as in Du et al. (2024)
# Share of each domain within a language.
WEIGHTS = {
    "prose": 0.24,
    "biography": 0.20,
    "copying": 0.06,
    "chain": 0.06,
    "fact": 0.06,
    "cloze": 0.08,
    "reading": 0.08,
    "coreference": 0.06,
    "exam": 0.06,
    "arithmetic": 0.10,
}


def prose(rng: Random, language: Language) -> str:
    """Sentences of a small grammar, common words first."""

    def word(words: tuple[str, ...]) -> str:
        return words[int(len(words) ** rng.random()) - 1]

    return language.space.join(
        language.sentence.format(
            adjective=word(language.adjectives),
            noun=word(language.nouns),
            verb=word(language.verbs),
            other=word(language.nouns),
        )
        for _ in range(rng.randint(3, 8))
    )


def biography(rng: Random, language: Language) -> str:
    """All that is true of a person, in any order; questions about some of it are held out."""
    who = zipf_person(rng, language)
    order = rng.sample(range(len(language.attributes)), len(language.attributes))
    return language.space.join(
        language.attributes[a][0].format(
            who=person(language, who), what=attribute_of(language, who, a)
        )
        for a in order
    )


def copying(rng: Random, language: Language) -> str:
    """Words of a small set, then the same again."""
    words = rng.choices(rng.sample(language.things, 10), k=rng.randint(4, 10))
    return f"{' '.join(words)} | {' '.join(words)}"


def chain(rng: Random, language: Language) -> str:
    """Two hops: from a colour to a thing, and from the thing to a place."""
    n = rng.randint(2, 4)
    colours, things = rng.sample(language.colours, n), rng.sample(language.things, n)
    places = [place for place, _ in rng.sample(language.scripts, n)]
    lines = [f"{c} > {t}" for c, t in zip(colours, things, strict=True)]
    lines += [f"{t} > {p}" for t, p in zip(things, places, strict=True)]
    asked = rng.randrange(n)
    rng.shuffle(lines)
    return f"{' ; '.join(lines)} ; {colours[asked]} >> {places[asked]}"


_TEXTS: dict[str, Callable[[Random, Language], str]] = {
    "prose": prose,
    "biography": biography,
    "copying": copying,
    "chain": chain,
}


def document(rng: Random, language: Language, domain: str) -> str:
    """One training document of a domain; never a held-out item."""
    if domain in _TEXTS:
        return _TEXTS[domain](rng, language)
    while True:
        item = CATEGORIES[domain](rng, language, rng.randint(0, HARD))
        if not is_held_out(item.key):
            return item.text


def documents(seed: int, row: int) -> Iterator[tuple[str, str]]:
    """Yield the endless documents of one row: (domain, such as ``prose_en``, text)."""
    rng = Random(f"{seed}/{row}")
    names, weights = list(WEIGHTS), list(WEIGHTS.values())
    while True:
        language = LANGUAGES["en" if rng.random() < _ENGLISH else "zh"]
        domain = rng.choices(names, weights)[0]
        yield f"{domain}_{language.name}", document(rng, language, domain)


def train_tokenizer(vocab_size: int, seed: int = 0, rows: int = 400) -> Tokenizer:
    """Byte-level BPE of the corpus; digits stay single, so that numbers are read alike.

    Parameters
    ----------
    vocab_size : int
        Number of tokens, at least 300.
    seed : int
        Seed of the corpus.
    rows : int
        Rows of fifty documents to learn from.

    Returns
    -------
    Tokenizer
        The same for the same arguments.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    texts = (
        text
        for row in range(rows)
        for (_, text), _ in zip(documents(seed, row), range(50), strict=False)
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


class Corpus:
    """Batches of tokens: ``batch(step)`` depends on nothing but the arguments.

    Parameters
    ----------
    tokenizer : Tokenizer
        As of :func:`train_tokenizer`.
    context : int
        Tokens that the model reads at once; rows hold one more, the last target.
    rows : int
        Rows of a batch.
    seed : int
        Seed of the corpus.
    """

    def __init__(self, tokenizer: Tokenizer, context: int, rows: int, seed: int = 0) -> None:
        self.tokenizer, self.context, self.rows, self.seed = tokenizer, context, rows, seed
        self._end = tokenizer.get_vocab()[END]

    def batch(self, step: int) -> IntArray:
        """Tokens, shape (rows, context + 1)."""
        first = step * self.rows
        return np.stack([self._row(first + i) for i in range(self.rows)])

    def _row(self, number: int) -> IntArray:
        tokens: list[int] = []
        stream = documents(self.seed, number)
        while len(tokens) <= self.context:
            tokens += [self._end, *self.tokenizer.encode(next(stream)[1]).ids]
        return np.array(tokens[: self.context + 1], dtype=np.int64)
