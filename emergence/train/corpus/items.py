"""Items: one question with its answer, from easy to hard, in six categories.

A generator takes a source of random numbers, a language and a difficulty from 0 (easy) to 2
(the form that is asked in the evaluation).  The same generators write the training documents
and the held-out items: which of the two an item may be is decided by its ``key`` alone, so no
held-out item can be in training, whatever the seeds (:func:`is_held_out`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from random import Random

from emergence.train.corpus.words import Language

HARD = 2
# One question in so many is held out; more of facts, of which there are fewest.
_ONE_IN = {"fact": 2}
_ONE_IN_OTHERS = 5
FREQUENT = 6  # verbs of coreference that are met often
_OWN = 8  # one fact in eight is of the person alone
LETTERS = "ABCD"
# Most apples there may be, and most that come or go at once.
_SMALL, _LARGE = (20, 9), (60, 15)
# Share of small numbers in the easy forms and in the hard one.
_EASY_SMALL, _HARD_SMALL = 0.75, 0.7
COMMON = 12  # places that exams ask about
_FEW = 8  # things and colours of a passage: the fewer, the sooner looking back is learned


@dataclass(frozen=True)
class Item:
    """One question.

    ``answer`` is the text that follows ``prompt``; ``wrong`` the other options; ``gold`` the
    place of the answer among the options, that of its letter in an exam; ``key`` what makes
    two items the same question; ``inside`` the keys of other questions that it answers too;
    ``further`` what a training document asks of the same passage besides.
    """

    prompt: str
    answer: str
    wrong: tuple[str, ...]
    gold: int
    key: str
    inside: tuple[str, ...] = ()
    further: str = ""

    @property
    def text(self) -> str:
        """Training document."""
        return f"{self.prompt}{self.answer}{self.further}"

    @property
    def options(self) -> tuple[str, ...]:
        """All options in order; the one at ``gold`` is the answer."""
        return (*self.wrong[: self.gold], self.answer, *self.wrong[self.gold :])


Generator = Callable[[Random, Language, int], Item]


def is_held_out(key: str) -> bool:
    """Is this question kept from training?  One in five is; of facts, one in two.

    Examples
    --------
    >>> round(sum(is_held_out(f"question {i}") for i in range(5000)) / 5000, 1)
    0.2
    """
    return _hash(key) % _ONE_IN.get(key.partition("/")[0], _ONE_IN_OTHERS) == 0


def _hash(text: str) -> int:
    """Number drawn by a text; unlike a checksum, alike texts give unrelated numbers."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def _ask(language: Language, question: str) -> str:
    return language.space.join((language.question, question, language.answer))


def _choice(
    language: Language, prompt: str, answer: str, others: list[str], gold: int, key: str
) -> Item:
    space = language.space
    return Item(prompt, f"{space}{answer}", tuple(f"{space}{o}" for o in others), gold, key)


def person(language: Language, number: int) -> str:
    """Name of a person of the closed world; ``number`` is below :func:`population`."""
    family, given = divmod(number, len(language.given))
    return language.full_name.format(given=language.given[given], family=language.family[family])


def population(language: Language) -> int:
    """Number of people in the closed world."""
    return len(language.given) * len(language.family)


def attribute_of(language: Language, number: int, attribute: int) -> str:
    """What is true of a person: fixed for all seeds."""
    # Most facts run in the family (the even attributes) or with the given name (the odd ones).
    values = language.attributes[attribute][2]
    own = _hash(f"{language.name}/{number}/{attribute}")
    if own % _OWN == 0:
        return values[own // _OWN % len(values)]
    shared = divmod(number, len(language.given))[attribute % 2]
    return values[(shared + _hash(f"{language.name}/{attribute}")) % len(values)]


def zipf(rng: Random, n: int) -> int:
    """Draw a number below n, the k-th about in proportion to 1/k."""
    return int((n + 1) ** rng.random()) - 1


def zipf_person(rng: Random, language: Language) -> int:
    """Draw a person, the first ones most often."""
    return zipf(rng, population(language))


def fact(rng: Random, language: Language, difficulty: int) -> Item:
    """Recall an attribute of a person that was stated elsewhere; easy: the statement precedes."""
    # Most are shared with the relatives or the namesakes, so that they are learned together.
    who = rng.randrange(population(language)) if difficulty == HARD else zipf_person(rng, language)
    attribute = rng.randrange(len(language.attributes))
    statement, question, values = language.attributes[attribute]
    name, answer = person(language, who), attribute_of(language, who, attribute)
    begin = statement.partition("{what}")[0].format(who=name).rstrip()
    prompt = f"{_ask(language, question.format(who=name))}{language.space}{begin}"
    if difficulty == 0:
        prompt = f"{statement.format(who=name, what=answer)}{language.space}{prompt}"
    others = rng.sample([v for v in values if v != answer], 3)
    return _choice(
        language, prompt, answer, others, gold=rng.randrange(4), key=f"fact/{who}/{attribute}"
    )


def cloze(rng: Random, language: Language, difficulty: int) -> Item:
    """End a story: what one gets depends on the last of one to three places."""
    # The easy forms are of places by their frequency, the k-th in proportion to 1/k.
    if difficulty == HARD:
        last = rng.randrange(len(language.scripts))
    else:
        last = zipf(rng, len(language.scripts))
    stops = rng.sample([s for s in language.scripts if s != language.scripts[last]], 3)
    visited = [*stops[:difficulty], language.scripts[last]]
    who = rng.choice(language.given)
    story = language.space.join(language.goes.format(who=who, where=place) for place, _ in visited)
    key = f"cloze/{who}/{'/'.join(place for place, _ in visited)}"
    prompt = f"{story}{language.space}{language.gets.format(who=who)}"
    others = [thing for _, thing in stops]
    return _choice(language, prompt, visited[-1][1], others, gold=rng.randrange(4), key=key)


def reading(rng: Random, language: Language, difficulty: int) -> Item:
    """Find in a passage of one to four statements the one that is asked for."""
    # The easy and middle forms ask more than once of a passage, as reading tests do.
    n = (rng.choice((1, 2)), rng.choice((2, 3, 4)), 4)[difficulty]
    colours, things = rng.sample(language.colours[:_FEW], 4), rng.sample(language.things[:_FEW], n)
    space = language.space
    said = [
        language.holds.format(thing=t, colour=c) for t, c in zip(things, colours[:n], strict=True)
    ]

    def ask(i: int) -> str:
        begin = language.holds.partition("{colour}")[0].format(thing=things[i]).rstrip()
        return f"{_ask(language, language.which.format(thing=things[i]))}{space}{begin}"

    asked = rng.randrange(n)
    prompt = f"{language.seen}{space}{space.join(said)}{space}{ask(asked)}"
    more = rng.choices(range(n), k=rng.randint(1, 3)) if n > 1 and difficulty < HARD else []
    return Item(
        prompt,
        f" {colours[asked]}",
        tuple(f" {c}" for c in colours if c != colours[asked]),
        gold=rng.randrange(4),
        key=f"reading/{'/'.join(colours[:n])}/{'/'.join(things)}",
        further="".join(f"\n{ask(i)} {colours[i]}" for i in more),
    )


def coreference(rng: Random, language: Language, difficulty: int) -> Item:
    """Which of two people is meant: the verb and the reason decide, not the order."""
    # Easy: who did it, or to whom; middle: of whom the reason speaks; hard: the same, half of it of
    # verbs that are met seldom.
    rare = difficulty == HARD and rng.random() < 0.5
    verb, of_subject, of_object = rng.choice(
        language.reasons[FREQUENT:] if rare else language.reasons[:FREQUENT]
    )
    a, b = rng.sample(language.given, 2)
    subject = rng.random() < 0.5
    reason = of_subject if subject else of_object
    asks = language.asks_subject if subject else language.asks_object
    template = asks if difficulty == 0 else language.means
    question = template.format(a=a, verb=verb, b=b, reason=reason)
    sentence = language.because.format(a=a, verb=verb, b=b, reason=reason)
    prompt = f"{sentence}{language.space}{_ask(language, question)}"
    answer, other = (a, b) if subject else (b, a)
    key = f"coreference/{a}/{verb}/{b}/{subject}"
    return _choice(language, prompt, answer, [other], gold=0 if subject else 1, key=key)


def lettered(language: Language, words: Sequence[str]) -> str:
    """Options of an exam: each with its letter."""
    # On one line: with a space before it a letter is the same token as in the answer, and right
    # before its word it is found by what copying teaches.
    options = [f" {letter} {word}" for word, letter in zip(words, LETTERS, strict=False)]
    return f"{language.options}{';'.join(options)}"


def exam(rng: Random, language: Language, difficulty: int) -> Item:
    """Answer by letter; easier: two options, or a question that gives the answer away."""
    # The options come first, so that a training document can ask of them more than once.
    n = 2 if difficulty == 0 else 4
    stops = rng.sample(language.scripts[:COMMON], n)
    gold = rng.randrange(n)
    given = difficulty == 1 or (difficulty == 0 and rng.random() < 0.5)

    def ask(i: int) -> str:
        place, thing = stops[i]
        question = language.asks.format(where=place)
        # Given with a space before it, as in the list: the same token in both languages.
        question = f"{question} {thing}" if given else question
        return f"{language.question}{language.space}{question}\n{language.answer}"

    things = [thing for _, thing in stops]
    letters = [f" {letter}" for letter in LETTERS[:n]]
    keys = [f"exam/{place}/{'/'.join(things)}" for place, _ in stops]
    # Each other option is asked once: a question that comes again would teach to repeat a letter.
    more = [i for i in rng.sample(range(n), n) if i != gold and not is_held_out(keys[i])]
    return Item(
        f"{lettered(language, things)}\n{ask(gold)}",
        letters[gold],
        tuple(letters[:gold] + letters[gold + 1 :]),
        gold=gold,
        key=keys[gold],
        further="".join(f"\n{ask(i)}{letters[i]}" for i in more),
    )


def _worked(start: int, changes: list[int], slip: int = 0, at: int = -1) -> str:
    """Worked steps and the total; ``slip`` is added to one result and carried on."""
    total, steps = start, []
    for i, change in enumerate(changes):
        after = total + change + slip * (i == at)
        steps.append(f" {total} {'-' if change < 0 else '+'} {abs(change)} = {after}")
        total = after
    return f"{' ,'.join(steps)} # {total}"


def bare_sums(rng: Random, language: Language) -> str:
    """Sums without a story, small numbers mostly: what the worked steps are made of."""
    # Every language writes them alike.
    sums = []
    for _ in range(6):
        most, step = _numbers(rng, _EASY_SMALL)
        start = rng.randint(1, most - 1)
        sums.append(_worked(start, [_change(rng, start, most, step)]).split(" #")[0])
    return " ,".join(sums)


def _numbers(rng: Random, small: float) -> tuple[int, int]:
    """Most apples there may be, and most that come or go at once: small numbers or large."""
    return _SMALL if rng.random() < small else _LARGE


def _change(rng: Random, total: int, most: int, step: int) -> int:
    """Apples that come or go, so that 0 to ``most`` are there afterwards."""
    up = total == 0 or (total < most and rng.random() < 0.5)
    change = rng.randint(1, min(most - total if up else total, step))
    return change if up else -change


def arithmetic(rng: Random, language: Language, difficulty: int) -> Item:
    """Apples that come and go, with worked steps: one to three of them; the hard form has two."""
    # Three in ten of the hard form are of large numbers, whose sums are met seldom. The wrong
    # options have a slip of one or two in one step, carried on.
    most, step = _numbers(rng, _HARD_SMALL if difficulty == HARD else _EASY_SMALL)
    steps = (1, rng.choice((2, 3)), 2)[difficulty]
    who = rng.choice(language.given)
    total = start = rng.randint(1, most - 1)
    story, changes = [language.has.format(who=who, a=start)], []
    for _ in range(steps):
        change = _change(rng, total, most, step)
        sentence = language.gain if change > 0 else language.loss
        story.append(sentence.format(who=who, b=abs(change)))
        changes.append(change)
        total += change
    prompt = language.space.join((*story, _ask(language, language.total)))
    slips = [(s, at) for s in (-2, -1, 1, 2) for at in range(steps)]
    others = [_worked(start, changes, *slip) for slip in rng.sample(slips, 3)]
    totals = [start + sum(changes[:i]) for i in range(steps)]
    inside = tuple(_sum_key(totals[i], changes[i : i + 2]) for i in range(steps - 1))
    answer, key = _worked(start, changes), _sum_key(start, changes)
    gold = rng.randrange(4)
    return Item(prompt, answer, tuple(others), gold, key=key, inside=inside)


def _sum_key(start: int, changes: list[int]) -> str:
    """Key of a sum; three steps hold two questions of two steps each."""
    return f"arithmetic/{start}{''.join(f'{c:+d}' for c in changes)}"


CATEGORIES: dict[str, Generator] = {
    "fact": fact,
    "cloze": cloze,
    "reading": reading,
    "coreference": coreference,
    "exam": exam,
    "arithmetic": arithmetic,
}
