"""Pocket's `flan2021`: small twins of FLAN 2021's data sets, in its 12 clusters, by their names."""

from collections.abc import Sequence

from flanrepro.collection.task import Record, Task
from flanrepro.sources.pocket.world import (
    BAD,
    GOOD,
    KINDS,
    KNOWN,
    OBJECTS,
    TRANSLATED,
    TUNED,
    WORKS,
    Dice,
    fact,
    task,
)

SPLITS = {"train": 1000, "validation": 100}

# Names, parted so that a pronoun tells two persons apart.
SHE = "ann cara eva hana jan kim".split()
HE = [name for name in KINDS["name"] if name not in SHE]
FOODS, PLACES, COLORS, NAMES = (KINDS[kind] for kind in ("food", "place", "color", "name"))

# Attributes for tasks of unlike kinds, so that not every task asks for every fact.
EASY = tuple(TUNED)[:8]
HARD = tuple(TUNED)[8:14]
OPEN = tuple(TUNED)[14:17]  # FLAN 2021 asks for these and the next without options
TRIVIA = tuple(TUNED)[17:]


def is_in(thing: str, place: str) -> str:
    return f"the {thing} is in the {place}."


def has(name: str, thing: str) -> str:
    return f"{name} has the {thing}."


def is_colored(thing: str, color: str) -> str:
    return f"the {thing} is {color}."


SAY = {
    "place": (is_in, OBJECTS, PLACES),
    "name": (has, NAMES, OBJECTS),
    "color": (is_colored, FOODS, COLORS),
}
"""Function to a sentence, its subjects and their values, by kind of statement."""


# --- natural language inference ---


def _states(dice: Dice, kinds: Sequence[str]) -> list[tuple[str, str, str]]:
    """Draws statements (kind, subject, value), one of each kind, in random order."""
    return [(k, dice.one(SAY[k][1]), dice.one(SAY[k][2])) for k in dice.mixed(kinds)]


def _in_words(rows: Sequence[tuple[str, str, str]]) -> str:
    return " ".join(SAY[kind][0](subject, value) for kind, subject, value in rows)


def _other(dice: Dice, words: Sequence[str], word: str) -> str:
    return dice.one([other for other in words if other != word])


def entailment(dice: Dice, kinds: Sequence[str], labels: int, said: bool = False) -> Record:
    """Asks for entailment, with 2 or 3 labels; the premise has one statement of each kind."""
    rows = _states(dice, kinds)
    label = dice.below(labels)
    hypothesis = claim(dice, *dice.one(rows), label)
    premise = _in_words(rows)
    return dict(
        premise=f"{dice.one(NAMES)} said: {premise}" if said else premise,
        hypothesis=hypothesis,
        answer=("yes", "no", "maybe")[label],
        options="\n".join(("yes", "no", "maybe")[:labels]),
    )


DENIED = {" is ": " is not ", " has ": " does not have "}


def claim(dice: Dice, kind: str, subject: str, value: str, label: int) -> str:
    """Says what follows from a statement (label 0), contradicts it (1), or leaves it open (2).

    As in the data sets that these are twins of, a denial is mostly a contradiction (Gururangan et
    al., 2018): half of the contradictions deny, and one in ten of what follows.
    """
    say, subjects, values = SAY[kind]
    if label == 2:
        return say(_other(dice, subjects, subject), value)
    denies = dice.coin((0.1, 0.5)[label])
    text = say(subject, value if (label == 0) != denies else _other(dice, values, value))
    if denies:
        for verb, denied in DENIED.items():
            text = text.replace(verb, denied)
    return text


def answered(dice: Dice) -> Record:
    """Asks if a sentence answers a question (QNLI)."""
    kind = dice.one(tuple(SAY))
    say, subjects, values = SAY[kind]
    first, second = dice.some(subjects, 2)
    holds = dice.coin()
    return dict(
        premise=say(first, dice.one(values)),
        hypothesis=ask(kind, first if holds else second),
        answer="yes" if holds else "no",
        options="yes\nno",
    )


def ask(kind: str, subject: str) -> str:
    if kind == "place":
        return f"where is the {subject}?"
    if kind == "name":
        return f"what does {subject} have?"
    return f"which color is the {subject}?"


def _sorted(options: Sequence[str]) -> str:
    """Writes options one per line, sorted, which tells nothing of the answer."""
    # In random order a question would make two records: one to train on, one to evaluate.
    return "\n".join(sorted(options))


# --- reading comprehension ---


def _passage(dice: Dice, n: int) -> tuple[str, str, str, str]:
    """Returns a passage of n statements of different kinds, and one's kind, subject and value.

    With two of a kind, a question is answered by binding a subject to its value, which models of
    pocket's sizes do not learn in minutes (`data_cards/pocket.md`).
    """
    rows = _states(dice, dice.some(tuple(SAY), n))
    return _in_words(rows), *dice.one(rows)


def whether(kind: str, subject: str, value: str) -> str:
    if kind == "place":
        return f"is the {subject} in the {value}?"
    if kind == "name":
        return f"does {subject} have the {value}?"
    return f"is the {subject} {value}?"


def yes_no_reading(dice: Dice, n: int) -> Record:
    passage, kind, subject, value = _passage(dice, n)
    holds = dice.coin()
    said = value if holds else _other(dice, SAY[kind][2], value)
    return dict(
        passage=passage,
        question=whether(kind, subject, said),
        answer="yes" if holds else "no",
        options="yes\nno",
    )


def reading(dice: Dice, n: int, unanswerable: float = 0.0) -> Record:
    passage, kind, subject, value = _passage(dice, n)
    if dice.coin(unanswerable):
        others = [word for word in SAY[kind][1] if word not in passage.replace(".", "").split()]
        subject, value = dice.one(others), "not known"
    return dict(passage=passage, question=ask(kind, subject), answer=value)


def checked(dice: Dice, n: int) -> Record:
    """Asks if a candidate answer is right (MultiRC)."""
    passage, kind, subject, value = _passage(dice, n)
    holds = dice.coin()
    wrong = _other(dice, SAY[kind][2], value)
    question = f"{ask(kind, subject)} is it {value if holds else wrong}?"
    return dict(
        passage=passage, question=question, answer="yes" if holds else "no", options="yes\nno"
    )


def amounts(dice: Dice, n: int) -> Record:
    names, foods = dice.some(NAMES, n), dice.some(FOODS, n)
    numbers = dice.some(range(1, 20), n)
    i = dice.below(n)
    rows = zip(names, numbers, foods, strict=True)
    return dict(
        passage=" ".join(f"{name} has {number} {food}." for name, number, food in rows),
        question=f"how many {foods[i]} does {names[i]} have?",
        answer=str(numbers[i]),
    )


def open_book(dice: Dice) -> Record:
    kind = dice.one(("animal", "food", "tool"))
    word = dice.one(KINDS[kind])
    return dict(
        passage=f"the {word} is of the kind {kind}.",
        question=f"of which kind is the {word}?",
        answer=kind,
        options=dice.options(kind, ("animal", "food", "tool", "place")),
    )


# --- commonsense ---

DOES = {"animal": "fed", "food": "ate", "tool": "used", "place": "went to", "name": "met"}
"""Verb for what is done with words of a kind, by kind."""


def deed(dice: Dice, n: int, before: str = "") -> Record:
    """Asks what somebody fed, ate, used, went to or met; one of n words is of the verb's kind."""
    kind, *others = dice.some(tuple(DOES), n)
    words = [dice.one(KINDS[kind]), *(dice.one(KINDS[other]) for other in others)]
    article = "" if kind == "name" else "the"
    start = {"": "", "wanted": "{0} was in the {1}. then ", "story": "{0} has the {2}. "}[before]
    name, place, thing = dice.one(NAMES), dice.one(PLACES), dice.one(OBJECTS)
    return dict(
        passage=f"{start.format(name, place, thing)}{name} {DOES[kind]} {article}".strip(),
        answer=words[0],
        options=_sorted(words),
    )


# --- sentiment ---


def review(dice: Dice, verb: str, things: Sequence[str], n: int = 2) -> Record:
    good = dice.coin()
    words = dice.some(GOOD if good else BAD, n)
    return dict(
        review=f"{dice.one(NAMES)} {verb} the {dice.one(things)}. it was {' and '.join(words)}.",
        answer="positive" if good else "negative",
        options="positive\nnegative",
    )


# --- paraphrase ---


def turned(dice: Dice, swapped: bool) -> Record:
    """Asks if two sentences say the same; if not, one names another thing, place or order."""
    first, second = dice.some(PLACES, 2)
    thing, other = dice.some(OBJECTS, 2)
    same = dice.coin()
    if swapped:
        name, friend = dice.some(NAMES, 2)
        said = f"{name} met {friend} in the {first}."
        again = (name, friend) if same else (friend, name)
        sentence2 = "in the {2} {0} met {1}.".format(*again, first)
    else:
        said = is_in(thing, first)
        again = (first, thing) if same else dice.one(((first, other), (second, thing)))
        sentence2 = "in the {} there is the {}.".format(*again)
    return _pair(said, sentence2, same)


def asked_twice(dice: Dice) -> Record:
    same = dice.coin()
    attribute, thing = dice.one(EASY), dice.one(KNOWN)
    again = (attribute, thing)
    if not same:
        other = _other(dice, KNOWN, thing)
        again = dice.one([(attribute, other), (_other(dice, EASY, attribute), thing)])
    return _pair(question(attribute, thing), "tell me the {} of the {}.".format(*again), same)


def _pair(sentence1: str, sentence2: str, same: bool) -> Record:
    answer = "yes" if same else "no"
    return dict(sentence1=sentence1, sentence2=sentence2, answer=answer, options="yes\nno")


def overlap(dice: Dice) -> Record:
    """Asks how many words two lists of three share (the twin of a graded similarity)."""
    words = dice.some(OBJECTS, 6)
    shared = dice.below(4)
    other = dice.mixed([*words[:shared], *words[3 : 6 - shared]])
    options = "0\n1\n2\n3"
    return dict(
        sentence1=" ".join(words[:3]),
        sentence2=" ".join(other),
        answer=str(shared),
        options=options,
    )


# --- closed-book questions ---


def question(attribute: str, thing: str) -> str:
    return f"what is the {attribute} of the {thing}?"


def closed_book(dice: Dice, attributes: Sequence[str], choices: int, hard: bool = False) -> Record:
    """Asks for a fact with `choices` options; `hard`: the wrong ones are true of other things."""
    attribute, thing = dice.one(attributes), dice.one(KNOWN)
    answer = fact(attribute, thing)
    record = dict(question=question(attribute, thing), answer=answer)
    if choices:
        words = KINDS[TUNED[attribute]]
        if hard:
            words = sorted({fact(attribute, other) for other in KNOWN})
        record["options"] = dice.options(answer, words, choices)
    return record


def whose(dice: Dice, attributes: Sequence[str]) -> Record:
    """Asks which of four things has a value: the question turned around."""
    attribute, thing = dice.one(attributes), dice.one(KNOWN)
    value = fact(attribute, thing)
    others = [other for other in KNOWN if fact(attribute, other) != value]
    return dict(
        question=f"which of these has the {attribute} {value}?",
        answer=thing,
        options="\n".join(dice.mixed([thing, *dice.some(others, 3)])),
    )


def of_kind(dice: Dice) -> Record:
    kind, *others = dice.some(tuple(KINDS), 4)
    words = [dice.one(KINDS[k]) for k in (kind, *others)]
    return dict(
        question=f"which of these is of the kind {kind}?",
        answer=words[0],
        options="\n".join(dice.mixed(words)),
    )


# --- coreference ---


def pronoun(dice: Dice) -> Record:
    pair = dice.mixed([dice.one(SHE), dice.one(HE)])
    who = dice.one(pair)
    word, adjective = "she" if who in SHE else "he", dice.one(("glad", "tired", "hungry", "late"))
    return dict(
        passage=f"{pair[0]} met {pair[1]} in the {dice.one(PLACES)}. {word} was {adjective}.",
        question=f"who was {adjective}?",
        answer=who,
        options=_sorted(pair),
    )


def given(dice: Dice) -> Record:
    giver, taker = dice.some(NAMES, 2)
    thing, now = dice.one(OBJECTS), dice.coin()
    verb = dice.one(("gave", "sold", "sent"))
    return dict(
        passage=f"{giver} {verb} {taker} the {thing}.",
        question=f"who {'has' if now else 'had'} the {thing}?",
        answer=taker if now else giver,
        options=_sorted([giver, taker]),
    )


def sleeper(dice: Dice) -> Record:
    animal, thing = dice.one(KINDS["animal"]), dice.one(KINDS["tool"])
    slept = dice.coin()
    first, second = dice.mixed([animal, thing])
    return dict(
        passage=f"the {first} was with the {second}. it {'slept' if slept else 'broke'}.",
        question=f"what {'slept' if slept else 'broke'}?",
        answer=animal if slept else thing,
        options=_sorted([animal, thing]),
    )


# --- reading comprehension with commonsense ---


def where_now(dice: Dice) -> Record:
    """Asks where a thing is that somebody took along (Cosmos QA)."""
    names, things = dice.some(NAMES, 2), dice.some(OBJECTS, 2)
    places = dice.some(PLACES, 4)
    i = dice.below(2)
    rows = zip(names, things, places, strict=False)
    passage = " ".join(f"{n} took the {t} to the {p}." for n, t, p in rows)
    return dict(
        passage=passage,
        question=f"where is the {things[i]} now?",
        answer=places[i],
        options="\n".join(dice.mixed(places)),
    )


def blank(dice: Dice) -> Record:
    passage, kind, subject, value = _passage(dice, 2)
    say, _, values = SAY[kind]
    return dict(
        passage=passage,
        question=f"fill in: {say(subject, 'blank')}",
        answer=value,
        options=dice.options(value, values),
    )


# --- structure to text ---


def triple(dice: Dice, kinds: Sequence[str]) -> Record:
    rows, text = [], []
    for kind in kinds:
        say, subjects, values = SAY[kind]
        subject, value = dice.one(subjects), dice.one(values)
        rows.append(f"{subject}, {kind if kind != 'name' else 'has'}, {value}")
        text.append(say(subject, value))
    return dict(data="; ".join(rows), answer=" ".join(text))


def words(dice: Dice) -> Record:
    name, thing, place = dice.one(NAMES), dice.one(OBJECTS), dice.one(PLACES)
    text = f"{name} has the {thing} in the {place}."
    return dict(data=", ".join(dice.mixed([name, thing, place])), answer=text)


def slots(dice: Dice) -> Record:
    name, food, place = dice.one(NAMES), dice.one(FOODS), dice.one(PLACES)
    return dict(
        data=f"name: {name}, food: {food}, place: {place}",
        answer=f"{name} ate the {food} in the {place}.",
    )


# --- translation ---

LANGUAGES = ("english", "pocketish")


def translated(word: str) -> str:
    return TRANSLATED.get(word, word)


def sentence(dice: Dice, pattern: str) -> tuple[str, str]:
    """Returns a sentence and its translation, in which an adjective follows its noun."""
    thing, color = dice.one(KINDS["animal"] + FOODS), dice.one(COLORS)
    place, name, t = dice.one(PLACES), dice.one(NAMES), translated
    noun, foreign = f"the {color} {thing}", f"le {t(thing)} {t(color)}"
    return {
        "in": (f"{noun} is in the {place}.", f"{foreign} esta en le {t(place)}."),
        "is": (
            f"the {thing} in the {place} is {color}.",
            f"le {t(thing)} en le {t(place)} esta {t(color)}.",
        ),
        "has": (f"{name} has {noun}.", f"{name} havas {foreign}."),
        "noun": (f"{noun} in the {place}", f"{foreign} en le {t(place)}"),
        "and": (f"{noun} and the {place}", f"{foreign} kaj le {t(place)}"),
    }[pattern]


def translation(dice: Dice, pattern: str, back: bool) -> Record:
    pair = sentence(dice, pattern)
    source, target = (1, 0) if back else (0, 1)
    return dict(
        text=pair[source],
        answer=pair[target],
        source_language=LANGUAGES[source],
        language=LANGUAGES[target],
    )


# --- summaries ---


def news(dice: Dice, n: int) -> Record:
    """Asks for a report's summary, which is who did what."""
    name, kind = dice.one(NAMES), dice.one(("animal", "food", "tool"))
    thing = dice.one(KINDS[kind])
    rest = (
        f"{name} was in the {dice.one(PLACES)}.",
        f"it was {dice.one(GOOD)}.",
        f"{dice.one(NAMES)} was there.",
    )
    text = [f"{name} {DOES[kind]} the {thing}.", *dice.some(rest, n)]
    return dict(text=" ".join(text), answer=f"{name} {DOES[kind]} the {thing}.")


def mail(dice: Dice) -> Record:
    name, friend = dice.some(NAMES, 2)
    thing, place = dice.one(OBJECTS), dice.one(PLACES)
    text = f"dear {name}, the {thing} is in the {place}. please get it. from {friend}."
    return dict(text=text, answer=f"the {thing}")


def chat(dice: Dice) -> Record:
    name, friend = dice.some(NAMES, 2)
    thing, place = dice.one(OBJECTS), dice.one(PLACES)
    text = f"{name}: where is the {thing}? {friend}: in the {place}. {name}: thanks."
    return dict(text=text, answer=f"{friend} told {name} where the {thing} is.")


def opinions(dice: Dice) -> Record:
    work, good = dice.one(WORKS), dice.coin()
    words = dice.some(GOOD if good else BAD, 3)
    text = " ".join(f"the {work} was {word}." for word in words)
    return dict(text=text, answer=f"the {work} was {'good' if good else 'bad'}.")


def topic(dice: Dice) -> Record:
    kind = dice.one(("animal", "food", "tool", "place"))
    first, second = dice.some(KINDS[kind], 2)
    text = f"{dice.one(NAMES)} told {dice.one(NAMES)} of the {first} and the {second}."
    return dict(text=text, answer=kind, options="animal\nfood\nplace\ntool")


# --- other ---


def acceptable(dice: Dice) -> Record:
    kind = dice.one(tuple(SAY))
    say, subjects, values = SAY[kind]
    text, holds = say(dice.one(subjects), dice.one(values)), dice.coin()
    if not holds:
        parts = text.rstrip(".").split(" ")
        i = dice.below(len(parts) - 1)
        parts[i], parts[i + 1] = parts[i + 1], parts[i]
        text = f"{' '.join(parts)}."
    return dict(text=text, answer="yes" if holds else "no", options="yes\nno")


def question_type(dice: Dice) -> Record:
    kind = dice.one(tuple(SAY))
    text = ask(kind, dice.one(SAY[kind][1]))
    answer = {"place": "place", "name": "thing", "color": "color"}[kind]
    text = f"{dice.one(NAMES)} wants to know: {text}"
    return dict(text=text, answer=answer, options="place\nthing\ncolor")


def added(dice: Dice) -> Record:
    a, b = dice.number(1, 12), dice.number(1, 12)
    sign = dice.coin()
    text = f"{a} and {b}" if sign else f"{a + b} less {b}"
    return dict(text=text, answer=str(a + b if sign else a))


def last_word(dice: Dice) -> Record:
    passage, kind, subject, value = _passage(dice, 2)
    prefix = SAY[kind][0](subject, value).removesuffix(f"{value}.").strip()
    return dict(text=f"{passage} so {prefix}", answer=value)


def same_meaning(dice: Dice) -> Record:
    """Asks if a word is another's translation (the twin of word senses)."""
    kind = dice.one(("animal", "food", "place", "color"))
    word, other = dice.some(KINDS[kind], 2)
    same = dice.coin()
    return _pair(word, translated(word if same else other), same)


# Name, maker, its arguments, by the template file of the cluster.
TASKS: dict[str, list[tuple]] = {
    "nli": [
        ("rte", entailment, ("place", "color"), 2),
        ("anli_r1", entailment, ("place",), 3),
        ("anli_r2", entailment, ("name", "place"), 3),
        ("anli_r3", entailment, ("name", "place", "color"), 3),
        ("cb", entailment, ("name",), 3, True),
        ("snli", entailment, ("color",), 3),
        ("mnli_matched", entailment, ("color", "place"), 3),
        ("mnli_mismatched", entailment, ("name", "color"), 3, True),
        ("wnli", entailment, ("name",), 2),
        ("qnli", answered),
    ],
    "reading": [
        ("bool_q", yes_no_reading, 2),
        ("squad_v1", reading, 3),
        ("squad_v2", reading, 2, 0.3),
        ("drop", amounts, 2),
        ("multirc", checked, 2),
        ("openbookqa", open_book),
    ],
    "commonsense": [
        ("copa", deed, 2),
        ("hellaswag", deed, 4),
        ("piqa", deed, 2, "story"),
        ("story_cloze", deed, 2, "wanted"),
    ],
    "sentiment": [
        ("imdb_reviews", review, "saw", WORKS),
        ("sentiment140", review, "got", FOODS, 1),
        ("sst2", review, "liked", WORKS, 1),
        ("yelp_polarity_reviews", review, "went to", PLACES),
    ],
    "paraphrase": [
        ("glue_mrpc", turned, False),
        ("paws_wiki", turned, True),
        ("glue_qqp", asked_twice),
        ("wic", same_meaning),
    ],
    "similarity": [("stsb", overlap)],
    "closed_book": [
        ("arc_easy", closed_book, EASY, 4),
        ("arc_challenge", closed_book, HARD, 4, True),
        ("unified_qa_science_inst", of_kind),
        ("natural_questions", closed_book, OPEN, 0),
        ("trivia_qa", closed_book, TRIVIA, 0),
        ("trivia_qa_wiki_missing", closed_book, EASY + OPEN, 0),
    ],
    "coreference": [
        ("definite_pronoun_resolution", sleeper),
        ("winogrande", given),
        ("wsc", pronoun),
    ],
    "reading_with_commonsense": [
        ("cosmos_qa", where_now),
        ("record", blank),
    ],
    "struct_to_text": [
        ("common_gen", words),
        ("dart", triple, ("name", "color")),
        ("e2e_nlg", slots),
        ("web_nlg_en", triple, ("place", "name")),
    ],
    "translation": [
        ("wmt14_enfr", translation, "in", False),
        ("para_crawl_enes", translation, "has", False),
        ("wmt16_translate_csen", translation, "is", True),
        ("wmt16_translate_deen", translation, "in", True),
        ("wmt16_translate_fien", translation, "noun", True),
        ("wmt16_translate_roen", translation, "has", True),
        ("wmt16_translate_ruen", translation, "and", False),
        ("wmt16_translate_tren", translation, "and", True),
    ],
    "summarization": [
        ("gigaword", news, 1),
        ("xsum", news, 2),
        ("cnn_dailymail", news, 3),
        ("aeslc", mail),
        ("samsum", chat),
        ("opinion_abstracts_rotten_tomatoes", opinions),
    ],
    "misc": [
        ("ag_news_subset", topic),
        ("cola", acceptable),
        ("trec", question_type),
        ("math_dataset", added),
        ("lambada", last_word),
    ],
}

# Template files of tasks whose wording is not their cluster's.
WORDING = {
    "qnli": "answered",
    "glue_qqp": "asked_twice",
    "wic": "meaning",
    "cosmos_qa": "reading",
    "record": "reading",
    "ag_news_subset": "topic",
    "cola": "acceptability",
    "trec": "question_type",
    "math_dataset": "math",
    "lambada": "last_word",
}

CLUSTERS = {
    "closed_book": "closed_book_qa",
    "reading": "reading_comprehension",
    "similarity": "paraphrase",
}
"""FLAN 2021's name of a cluster, where its template file has a shorter one."""

# Tasks that have fewer different records than `SPLITS` asks for.
FEWER = {
    "openbookqa": {"train": 600, "validation": 100},
    "wic": {"train": 400, "validation": 50},
    "natural_questions": {"train": 28, "validation": 8},
    "trivia_qa": {"train": 28, "validation": 8},
    "trivia_qa_wiki_missing": {"train": 110, "validation": 20},
    "math_dataset": {"train": 240, "validation": 40},
    "definite_pronoun_resolution": {"train": 450, "validation": 60},
    "trec": {"train": 450, "validation": 60},
}


def tasks() -> tuple[Task, ...]:
    """Makes all twins, under the names of FLAN 2021's data sets."""
    made = []
    for cluster, rows in TASKS.items():
        for name, make, *args in rows:
            made.append(
                task(
                    name,
                    "flan2021",
                    CLUSTERS.get(cluster, cluster),
                    make,
                    *args,
                    templates=WORDING.get(name, cluster),
                    splits=FEWER.get(name, SPLITS),
                )
            )
    return tuple(made)
