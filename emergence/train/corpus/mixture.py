"""Mixture: which domains and languages a corpus is made of, and what that makes of its losses."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from emergence.train.corpus.texts import OwnText, fingerprint

WORLD = "world5"  # another, when its words or forms change
ENGLISH = 4 / 5  # share of documents, as in Du et al. (2024)
# Weight of the documents of each domain within a language.
WEIGHTS = {
    "prose": 0.03,
    "biography": 0.07,
    "copying": 0.12,
    "letters": 0.12,
    "sums": 0.05,
    "fact": 0.04,
    "cloze": 0.04,
    "reading": 0.1,
    "coreference": 0.1,
    "exam": 0.2,
    "arithmetic": 0.13,
}


@dataclass(frozen=True)
class Mixture:
    """What a corpus is made of.

    ``weights`` are those of the domains within a language, ``english`` is the share of English
    documents; the user's own ``text`` takes the place of the prose first, then of everything in
    proportion.

    Examples
    --------
    >>> Mixture({"fact": 1, "biography": 3}, english=1.0).shares()
    {'biography': 3, 'fact': 1}
    """

    weights: Mapping[str, float] = field(default_factory=WEIGHTS.copy)
    english: float = ENGLISH
    text: OwnText | None = None

    def shares(self) -> dict[str, float]:
        """Weights of all domains, those of the own text among them, in one order for all."""
        weights = {name: w for name in WEIGHTS if (w := self.weights.get(name, 0.0))}
        if self.text is None:
            return weights
        whole, prose = sum(weights.values()), weights.pop("prose", 0.0)
        others = whole - prose or 1.0  # of prose alone nothing is left to share
        rest = {name: w / others * (1 - self.text.share) for name, w in weights.items()}
        return {"text": self.text.share} | rest

    def languages(self) -> list[str]:
        """Languages of which there are documents."""
        return [name for name, w in (("en", self.english), ("zh", 1 - self.english)) if w]

    @property
    def name(self) -> str:
        """Name of all that it can say: losses on another are not comparable."""
        usual = Mixture(text=self.text)
        chosen = "" if self._said() == usual._said() else f"~{fingerprint(repr(self._said()))}"
        own = "" if self.text is None else f"+{self.text.name}:{self.text.share:g}"
        return f"{WORLD}{chosen}{own}"

    def _said(self) -> tuple[float, list[tuple[str, float]]]:
        """Shares that add to one: the same for weights in another unit."""
        shares = self.shares()
        whole = sum(shares.values())
        return round(self.english, 9), [(name, round(w / whole, 9)) for name, w in shares.items()]


MIXTURE = Mixture()
