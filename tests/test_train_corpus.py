from __future__ import annotations

import re
from collections import Counter
from itertools import islice, permutations
from random import Random

import numpy as np
import pytest

pytest.importorskip("tokenizers", reason="the trainer needs the extra 'train'")

from emergence.errors import DataError
from emergence.train.corpus.corpus import Corpus, document, documents, train_tokenizer
from emergence.train.corpus.items import (
    CATEGORIES,
    FREQUENT,
    HARD,
    attribute_of,
    is_held_out,
    person,
    population,
)
from emergence.train.corpus.mixture import WEIGHTS, WORLD, Mixture
from emergence.train.corpus.tasks import TASKS
from emergence.train.corpus.texts import OwnText
from emergence.train.corpus.words import LANGUAGES


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(1500, rows=40)


def test_twelve_tasks_in_six_categories_and_two_languages() -> None:
    assert len(TASKS) == 12
    assert Counter(t.category for t in TASKS.values()) == dict.fromkeys(CATEGORIES, 2)


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda t: t.name)
def test_items_are_different_balanced_and_the_same_every_time(task) -> None:
    items = task.items()
    assert len({i.key for i in items}) == 400
    assert items == task.items()
    places = Counter(i.gold for i in items)
    assert max(places.values()) - min(places.values()) <= 1
    for item in items:
        assert item.options[item.gold] == item.answer
        assert len(set(item.options)) == len(item.options)


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda t: t.name)
def test_no_item_is_in_training(task) -> None:
    held_out = {i.prompt for i in task.items()}
    rng, language = Random(1), LANGUAGES[task.language]
    texts = [document(rng, language, task.category) for _ in range(4000)]
    assert not any(text.startswith(tuple(held_out)) for text in texts)


def test_no_worked_answer_is_in_training() -> None:
    answers = {i.answer.split("#")[0].strip() for i in TASKS["arithmetic_en"].items()}
    rng = Random(4)
    for _ in range(4000):
        text = document(rng, LANGUAGES["zh"], "arithmetic")
        steps = text.split("答:")[1].split("#")[0].strip().split(" , ")
        assert not answers & {" , ".join(steps[i : i + 2]) for i in range(len(steps) - 1)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_held_out_facts_are_a_fair_sample(language) -> None:
    golds = Counter(i.answer for i in TASKS[f"fact_{language}"].items())
    assert len(golds) >= 47  # of 48: every value of every attribute, or all but one
    assert max(golds.values()) < 25
    # What runs in the family says nothing about what goes with the given name.
    pairs = {
        (attribute_of(LANGUAGES[language], who, 0), attribute_of(LANGUAGES[language], who, 1))
        for who in range(population(LANGUAGES[language]))
    }
    assert len(pairs) > 120


@pytest.mark.parametrize("language", LANGUAGES)
def test_most_facts_run_in_the_family_or_with_the_given_name(language) -> None:
    it, shared = LANGUAGES[language], []
    given, people = len(it.given), range(population(it))
    for attribute in range(4):
        for name in range(given if attribute % 2 else len(it.family)):
            members = [w for w in people if (w % given if attribute % 2 else w // given) == name]
            values = Counter(attribute_of(it, who, attribute) for who in members)
            shared.append(values.most_common(1)[0][1] / len(members))
    # One in eight is of the person alone, and one in twelve of those is the same by chance.
    assert np.mean(shared) == pytest.approx(1 - 11 / 12 / 8, abs=0.03)


@pytest.mark.parametrize("language", LANGUAGES)
def test_half_of_the_hard_coreference_is_of_verbs_that_training_seldom_has(language) -> None:
    it, rng = LANGUAGES[language], Random(5)
    rare = {reason for _, *reasons in it.reasons[FREQUENT:] for reason in reasons}

    def share(texts: list[str]) -> float:
        return float(np.mean([any(reason in text for reason in rare) for text in texts]))

    items = [i.prompt for i in TASKS[f"coreference_{language}"].items()]
    training = [document(rng, it, "coreference") for _ in range(4000)]
    assert share(items) == pytest.approx(0.5, abs=4 * 0.025)
    assert share(training) == pytest.approx(0.05, abs=4 * 0.0035)


def test_every_word_is_drawn() -> None:
    text = " ".join(document(Random(i), LANGUAGES["en"], "prose") for i in range(600))
    assert all(word in text for word in LANGUAGES["en"].nouns)


@pytest.mark.parametrize("language", LANGUAGES)
def test_easy_forms_do_not_give_held_out_facts_away(language) -> None:
    # The same question in an easier form has the same key, or another question.
    it, rng = LANGUAGES[language], Random(2)
    held_out = [
        question.format(who=person(it, who))
        for attribute, (_, question, _) in enumerate(it.attributes)
        for who in range(population(it))
        if is_held_out(f"fact/{who}/{attribute}")
    ]
    for _ in range(1000):
        text = document(rng, it, "fact")
        assert not any(f"{it.space}{question}" in text for question in held_out)


@pytest.mark.parametrize("language", LANGUAGES)
def test_easy_forms_do_not_give_held_out_coreference_away(language) -> None:
    it, rng = LANGUAGES[language], Random(6)
    held_out = {
        it.because.format(a=a, verb=verb, b=b, reason=reason)
        for a, b in permutations(it.given, 2)
        for verb, *reasons in it.reasons
        for reason, subject in zip(reasons, (True, False), strict=True)
        if is_held_out(f"coreference/{a}/{verb}/{b}/{subject}")
    }
    texts = [document(rng, it, "coreference") for _ in range(4000)]
    assert not held_out & {text.partition(f"{it.space}{it.question}")[0] for text in texts}


def test_arithmetic_is_right_and_its_steps_follow() -> None:
    rng = Random(3)
    for language in LANGUAGES.values():
        for difficulty in range(HARD + 1):
            for _ in range(200):
                item = CATEGORIES["arithmetic"](rng, language, difficulty)
                steps, total = item.answer.split("#")
                for step in steps.split(","):
                    left, right = step.split("=")
                    assert eval(left) == int(right)
                    assert 0 <= int(right) <= 60
                assert eval(item.key.removeprefix("arithmetic/")) == int(total)


@pytest.mark.parametrize("name", ["en", "zh"])
def test_no_question_that_an_exam_asks_besides_is_held_out(name) -> None:
    language, asked = LANGUAGES[name], 0
    before, after = language.asks.split("{where}")
    places = "|".join(place for place, _ in language.scripts)
    for seed in range(400):
        text = document(Random(seed), language, "exam")
        things = re.findall(r" [A-D] ([^;\n]+)", text.splitlines()[0])
        found = re.findall(f"{re.escape(before)}({places}){re.escape(after)}", text)
        assert len(set(found)) == len(found) <= len(things)
        asked += len(found)
        assert not any(is_held_out(f"exam/{place}/{'/'.join(things)}") for place in found)
    assert asked > 800  # more than two of a document


def test_recall_is_of_what_biographies_say() -> None:
    english = LANGUAGES["en"]
    said = {document(Random(i), english, "biography") for i in range(50)}
    assert any(f"{person(english, 0)} lives in {attribute_of(english, 0, 0)}." in s for s in said)


def test_a_task_that_is_exhausted_says_so() -> None:
    with pytest.raises(DataError, match=r"fact_en holds only \d+ different"):
        TASKS["fact_en"].items(5000)


def test_mixture_is_four_to_one_and_every_domain_is_there() -> None:
    stream = documents(0, 0)
    seen = Counter(next(stream)[0] for _ in range(8000))
    english = sum(n for name, n in seen.items() if name.endswith("_en"))
    assert english / 8000 == pytest.approx(0.8, abs=4 * np.sqrt(0.8 * 0.2 / 8000))
    assert {name.rsplit("_", 1)[0] for name in seen} == set(WEIGHTS)
    assert sum(WEIGHTS.values()) == pytest.approx(1.0)


def test_a_mixture_holds_what_it_names_and_has_a_name_of_its_own() -> None:
    chosen = Mixture({"fact": 1.0, "sums": 3.0, "exam": 0.0}, english=1.0)
    stream = documents(0, 0, chosen)
    seen = Counter(next(stream)[0] for _ in range(2000))
    assert set(seen) == {"fact_en", "sums_en"}
    assert seen["sums_en"] / 2000 == pytest.approx(0.75, abs=4 * np.sqrt(0.75 * 0.25 / 2000))
    assert Mixture().name == WORLD
    assert len({m.name for m in (chosen, Mixture(), Mixture(english=1.0))}) == 3


def test_neither_the_order_nor_the_unit_of_weights_makes_another_mixture() -> None:
    mixture = Mixture({"fact": 1, "sums": 3})
    reordered, doubled = Mixture({"sums": 3, "fact": 1, "exam": 0}), Mixture({"fact": 2, "sums": 6})
    assert mixture.name == reordered.name == doubled.name
    said = [list(islice(documents(0, 0, m), 200)) for m in (mixture, reordered, doubled)]
    assert said[0] == said[1] == said[2]
    # Where there is own text there is no prose, whatever its weight.
    text = OwnText("book", ("to train on",), ("to hold out",), share=0.2)
    assert Mixture(WEIGHTS | {"prose": 5.0}, text=text).name == Mixture(text=text).name


@pytest.mark.parametrize("weights", [WEIGHTS, {"prose": 1.0}, {"fact": 1.0}])
def test_own_text_takes_the_place_of_prose_first(weights) -> None:
    text = OwnText("book", ("to train on",), ("to hold out",), share=0.2)
    shares = Mixture(weights, text=text).shares()
    assert "prose" not in shares
    others = sum(shares.values()) - shares["text"]
    assert shares["text"] == 0.2
    assert others == pytest.approx(0.0 if weights == {"prose": 1.0} else 0.8)


def test_batches_depend_on_the_step_alone(tokenizer) -> None:
    corpus = Corpus(tokenizer, context=64, rows=4)
    late = corpus.batch(7)
    assert late.shape == (4, 65)
    np.testing.assert_array_equal(late, Corpus(tokenizer, context=64, rows=4).batch(7))
    assert not np.array_equal(late, corpus.batch(8))
    # The same rows, whatever the size of the batch.
    np.testing.assert_array_equal(late, Corpus(tokenizer, context=64, rows=28).batch(1)[:4])


def test_tokenizer_is_deterministic_and_loses_nothing(tokenizer) -> None:
    assert tokenizer.to_str() == train_tokenizer(1500, rows=40).to_str()
    for task in TASKS.values():
        text = task.items(8)[-1].text
        assert tokenizer.decode(tokenizer.encode(text).ids) == text


def test_chinese_has_no_spaces_between_words() -> None:
    for category in ("fact", "cloze", "coreference"):
        assert not any(" " in item.text for item in TASKS[f"{category}_zh"].items(40))


def test_letters_are_single_tokens_and_those_of_the_list(tokenizer) -> None:
    for language in LANGUAGES:
        item = TASKS[f"exam_{language}"].items(4)[0]
        listed = tokenizer.encode(item.prompt.splitlines()[0]).tokens
        for option in item.options:
            (token,) = tokenizer.encode(option).tokens
            assert token in listed
