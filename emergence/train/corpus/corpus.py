"""Corpus: an endless mixture of documents, a pure function of seed and position.

Every row of every batch has a source of random numbers of its own, keyed by (seed, row
number), so that the position in the stream is the step and resuming needs no state.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import numpy as np
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from emergence._typing import AnyArray, IntArray
from emergence.errors import DataError
from emergence.train.corpus import items
from emergence.train.corpus.mixture import MIXTURE, Mixture
from emergence.train.corpus.words import LANGUAGES, Language

END = "<|end|>"
# Share of the easy, middle and hard forms of a question.
_SPECTRUM = (0.45, 0.45, 0.1)
_SPECTRA = {"exam": (0.3, 0.3, 0.4), "reading": (0.3, 0.4, 0.3)}  # of those learned latest

_SHARE_ROWS = 2000  # behind the shares of the domains: cheap, for no model reads them


def prose(rng: Random, language: Language) -> str:
    """Sentences of a small grammar, common words first."""

    def word(words: tuple[str, ...]) -> str:
        return words[items.zipf(rng, len(words))]

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
    who = items.zipf_person(rng, language)
    order = rng.sample(range(len(language.attributes)), len(language.attributes))
    return language.space.join(
        language.attributes[a][0].format(
            who=items.person(language, who), what=items.attribute_of(language, who, a)
        )
        for a in order
    )


def copying(rng: Random, language: Language) -> str:
    """Different words, then the same again, twice: what teaches to look back."""
    # Of the words that passages and exams ask about: small models look back word by word.
    found = [thing for _, thing in language.scripts[: items.COMMON]]
    pool = (*language.things, *language.colours, *found, *items.LETTERS)
    words = " ".join(rng.sample(pool, rng.randint(3, 8)))
    return f"{words} | {words} | {words}"


def letters(rng: Random, language: Language) -> str:
    """Which letter goes with each word of a list: the half of an exam that is no recall."""
    words = rng.sample([thing for _, thing in language.scripts[: items.COMMON]], rng.randint(2, 4))
    # With a space before it a word is the same token as in the list.
    asked = [f"? {word} {letter}" for word, letter in zip(words, items.LETTERS, strict=False)]
    return "\n".join([items.lettered(language, words), *rng.choices(asked, k=rng.randint(3, 5))])


_TEXTS: dict[str, Callable[[Random, Language], str]] = {
    "prose": prose,
    "biography": biography,
    "copying": copying,
    "letters": letters,
    "sums": items.bare_sums,
}


def document(rng: Random, language: Language, domain: str) -> str:
    """One training document of a domain; never a held-out item."""
    if domain in _TEXTS:
        return _TEXTS[domain](rng, language)
    while True:
        difficulty = rng.choices(range(items.HARD + 1), _SPECTRA.get(domain, _SPECTRUM))[0]
        item = items.CATEGORIES[domain](rng, language, difficulty)
        if not any(map(items.is_held_out, (item.key, *item.inside))):
            return item.text


def documents(
    seed: int | str, row: int, mixture: Mixture = MIXTURE, held_out: bool = False
) -> Iterator[tuple[str, str]]:
    """Yield the endless documents of one row: (domain, such as ``prose_en``, text)."""
    rng = Random(f"{seed}/{row}")
    shares = mixture.shares()
    names, weights = list(shares), list(shares.values())
    while True:
        language = LANGUAGES["en" if rng.random() < mixture.english else "zh"]
        domain = rng.choices(names, weights)[0]
        if domain == "text" and mixture.text is not None:
            yield domain, mixture.text.draw(rng, held_out)
        else:
            yield f"{domain}_{language.name}", document(rng, language, domain)


def read_tokenizer(path: Path) -> Tokenizer:
    """Tokenizer of a run; DataError for a file that is none."""
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises no narrower one
        raise DataError(
            f"{path} is damaged or missing ({error}); restore it from a copy, or remove the folder "
            "to train the run again"
        ) from error


def train_tokenizer(vocab_size: int, rows: int = 400, mixture: Mixture = MIXTURE) -> Tokenizer:
    """Byte-level BPE of the corpus, the same for the same arguments.

    At most ``vocab_size`` tokens (at least 300; a narrow mixture has fewer), learned from ``rows``
    rows of fifty documents.
    """
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    texts = (
        piece
        for row in range(rows)
        for (_, piece), _ in zip(documents(0, row, mixture), range(50), strict=False)
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


class Corpus:
    """Batches of tokens: ``batch(step)`` depends on nothing but the arguments.

    Rows hold one token more than the ``context`` that the model reads at once, the last target.
    ``seed`` is that of the training rows; the held-out ones are the same for every seed.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        context: int,
        rows: int,
        seed: int = 0,
        mixture: Mixture = MIXTURE,
    ) -> None:
        self.tokenizer, self.context, self.rows = tokenizer, context, rows
        self.seed, self.mixture = seed, mixture
        self._end = tokenizer.get_vocab()[END]

    def batch(self, step: int, rank: int = 0, world: int = 1) -> IntArray:
        """Tokens, shape (rows / world, context + 1): the rows of one rank of several."""
        rows = range(step * self.rows + rank, (step + 1) * self.rows, world)
        return np.stack([self._row(self.seed, row, False)[0] for row in rows])

    def sample(self, rows: int, *, held_out: bool) -> tuple[IntArray, AnyArray]:
        """Rows to measure the loss on, and the domain of every token."""
        # Held-out rows are no part of any run; the others are the first of this one.
        seed = "held-out" if held_out else self.seed
        tokens, domains = zip(*(self._row(seed, r, held_out) for r in range(rows)), strict=True)
        return np.stack(tokens), np.stack(domains)

    def shares(self, rows: int = _SHARE_ROWS) -> dict[str, float]:
        """Share of all tokens that are of each domain, from that many rows."""
        _, domains = self.sample(rows, held_out=True)
        names, counts = np.unique(domains.astype(str), return_counts=True)
        return {str(n): float(c) / domains.size for n, c in zip(names, counts, strict=True)}

    def _row(self, seed: int | str, number: int, held_out: bool) -> tuple[IntArray, AnyArray]:
        tokens: list[int] = []
        domains: list[str] = []
        stream = documents(seed, number, self.mixture, held_out)
        while len(tokens) <= self.context:
            domain, text = next(stream)
            piece = [self._end, *self.tokenizer.encode(text).ids]
            tokens += piece
            domains += [domain] * len(piece)
        n = self.context + 1
        return np.array(tokens[:n], dtype=np.int64), np.array(domains[:n], dtype=object)
