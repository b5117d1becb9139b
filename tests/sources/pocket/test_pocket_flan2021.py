"""Pocket's `flan2021`: its records are right, balanced, short and parted."""

import re
from collections import Counter

import pytest

from flanrepro.collection import render
from flanrepro.collection.suites import HELD_IN
from flanrepro.collection.task import Record
from flanrepro.data.vocabulary import load_vocabulary
from flanrepro.sources import load_collection
from flanrepro.sources.pocket import flan2021
from flanrepro.sources.pocket.world import BAD, GOOD, KIND_OF, TRANSLATED

TASKS = {task.name: task for task in flan2021.tasks()}
LABELLED = [
    *("rte", "anli_r1", "anli_r2", "anli_r3", "cb", "snli", "mnli_matched", "mnli_mismatched"),
    *("wnli", "qnli", "bool_q", "multirc", "imdb_reviews", "sentiment140", "sst2"),
    *("yelp_polarity_reviews", "glue_mrpc", "paws_wiki", "glue_qqp", "wic", "stsb"),
    *("ag_news_subset", "cola", "trec"),
]
"""Tasks with the same options in each record."""
CHOSEN = [
    *("openbookqa", "copa", "hellaswag", "piqa", "story_cloze", "arc_easy", "arc_challenge"),
    *("definite_pronoun_resolution", "winogrande", "wsc", "cosmos_qa", "record"),
]
"""Tasks with options of their own in each record, always the same number."""
FIELDS = ("premise", "hypothesis", "passage", "question", "sentence1", "sentence2", "text", "data")


def records(name: str) -> list[Record]:
    task = TASKS[name]
    return [record for split in task.splits for record in task.records(split)]


# --- shape ---


def test_it_has_flan_2021s_tasks_in_twelve_clusters():
    assert Counter(task.cluster for task in TASKS.values()) == {
        "nli": 10,
        "reading_comprehension": 6,
        "closed_book_qa": 6,
        "commonsense": 4,
        "sentiment": 4,
        "paraphrase": 5,
        "coreference": 3,
        "reading_with_commonsense": 2,
        "struct_to_text": 4,
        "translation": 8,
        "summarization": 6,
        "misc": 5,
    }
    real = load_collection("flan2022").tasks
    twins = {task.name: task.cluster for task in TASKS.values()}
    assert all(real[name].source == "flan2021" for name in twins)
    assert set(HELD_IN) <= set(twins)
    assert {task.source for task in TASKS.values()} == {"flan2021"}


def test_tasks_without_options_and_those_with_are_told_apart():
    shown = {name for name in TASKS if "options" in records(name)[0]}
    assert shown == {*LABELLED, *CHOSEN, "unified_qa_science_inst"}


@pytest.mark.parametrize("name", TASKS)
def test_no_record_is_in_two_splits_or_twice_in_one(name):
    every = [tuple(record.items()) for record in records(name)]
    assert len(set(every)) == len(every) == sum(TASKS[name].splits.values())


@pytest.mark.parametrize("name", TASKS)
def test_a_records_inputs_have_at_most_thirty_pieces(name):
    vocabulary = load_vocabulary("pocket")
    for record in records(name)[::20]:
        inputs = " ".join(record[field] for field in FIELDS if field in record)
        assert len(vocabulary.encode(inputs)) <= 30, inputs


@pytest.mark.parametrize("name", [*LABELLED, *CHOSEN, "unified_qa_science_inst"])
def test_the_answer_is_among_the_options_once(name):
    for record in records(name):
        options = record["options"].split("\n")
        assert len(set(options)) == len(options) > 1
        assert options.count(record["answer"]) == 1


def within_sampling_error(counts: Counter, parts: int, share: float) -> bool:
    """Tells if each of the parts was met as often as by chance, to four standard deviations."""
    total = sum(counts.values())
    spread = 4 * (total * share * (1 - share)) ** 0.5
    found = [count - total * share for count in counts.values()]
    return len(counts) == parts and max(map(abs, found)) < spread


@pytest.mark.parametrize("name", LABELLED)
def test_labels_are_balanced(name):
    (options,) = {record["options"] for record in records(name)}
    labels = options.split("\n")
    counts = Counter(record["answer"] for record in records(name))
    assert set(counts) == set(labels)
    assert within_sampling_error(counts, len(labels), 1 / len(labels)), counts


@pytest.mark.parametrize("name", CHOSEN)
def test_the_place_of_an_option_tells_nothing(name):
    (n,) = {len(record["options"].split("\n")) for record in records(name)}
    places = Counter(r["options"].split("\n").index(r["answer"]) for r in records(name))
    assert within_sampling_error(places, n, 1 / n), places


def test_the_balance_would_be_missed():
    assert not within_sampling_error(Counter(yes=630, no=470), 2, 0.5)
    assert not within_sampling_error(Counter(yes=1100), 2, 0.5)


# --- answers, by rules of their own ---

DOES_NOT = " does not have the "
INSIDE = {"kitchen", "barn", "attic", "cellar", "shed", "hall"}
WARM = {"red", "brown", "pink", "gold", "yellow"}


def classed(said: str, told: str) -> str:
    """Says if it is so by what is told that a subject is inside, is of a warm color or has food."""
    words = said.rstrip("?.").split()
    (subject,) = [word for word in words if word in KIND_OF]
    pattern, members = {
        "inside": (rf"the {subject} is in the (\w+)\.", INSIDE),
        "color": (rf"the {subject} is (\w+)\.", WARM),
        "food": (rf"{subject} has the (\w+)\.", {w for w in KIND_OF if KIND_OF[w] == "food"}),
    }[words[-1]]
    (value,) = re.findall(pattern, told)
    return "yes" if value in members else "no"


def follows(premise: str, hypothesis: str) -> str:
    """Says what a premise says about a hypothesis: `yes`, `no` or `maybe`."""
    if re.search(r" (likes|wants|sold) the ", hypothesis):
        return "maybe"
    plain = hypothesis.replace(DOES_NOT, " has the ").replace(" not ", " ")
    if plain in premise:
        return "yes" if plain == hypothesis else "no"
    return classed(hypothesis, premise)


@pytest.mark.parametrize("name", [n for n in TASKS if TASKS[n].templates == "pocket/nli"])
def test_a_hypothesis_follows_or_not(name):
    for record in records(name):
        assert follows(record["premise"], record["hypothesis"]) == record["answer"], record


def test_a_yes_no_question_is_answered_by_its_passage():
    for record in records("bool_q"):
        assert record["answer"] == classed(record["question"], record["passage"]), record


def test_what_somebody_likes_is_of_the_kind():
    for record in records("openbookqa"):
        kind = record["passage"].rstrip(".").split()[-1]
        options = record["options"].split("\n")
        assert [o for o in options if KIND_OF[o] == kind] == [record["answer"]]


@pytest.mark.parametrize("name", [n for n in TASKS if TASKS[n].cluster == "sentiment"])
def test_more_words_of_a_review_are_of_its_sentiment(name):
    for record in records(name):
        words = re.findall(r"\w+", record["review"])
        good, bad = sum(w in GOOD for w in words), sum(w in BAD for w in words)
        assert record["answer"] == ("positive" if good > bad else "negative")
        assert good != bad


def test_paraphrases_name_the_same_words_in_the_same_roles():
    content = set(KIND_OF)
    for record in records("glue_mrpc"):
        first, second = (set(re.findall(r"\w+", record[f"sentence{i}"])) & content for i in (1, 2))
        assert record["answer"] == ("yes" if first == second else "no"), record
    for record in records("paws_wiki"):
        who, whose = re.match(r"(\w+) fed the animals of (\w+)", record["sentence1"]).groups()
        same = f"the animals of {whose} were fed by {who}." in record["sentence2"]
        assert record["answer"] == ("yes" if same else "no"), record


def test_translations_are_word_for_word():
    for record in records("wic"):
        same = [TRANSLATED[word] for word in record["sentence1"].split()]
        assert record["answer"] == ("yes" if record["sentence2"].split() == same else "no")
    back = {other: word for word, other in TRANSLATED.items()}
    for name, task in TASKS.items():
        if task.cluster == "translation":
            for record in records(name):
                one, other = (re.findall(r"\w+", record[field]) for field in ("text", "answer"))
                table = TRANSLATED if record["language"] == "pocketish" else back
                assert sorted(table.get(word, word) for word in one) == sorted(other), record


def test_sums_shared_words_and_places_are_right():
    for record in records("math_dataset"):
        a, sign, b = record["text"].split()
        assert int(record["answer"]) == (int(a) + int(b) if sign == "and" else int(a) - int(b))
    for record in records("stsb"):
        shared = set(record["sentence1"].split()) & set(record["sentence2"].split())
        assert record["answer"] == str(len(shared))
    for record in records("cosmos_qa"):
        before, after = re.findall(r"(?:in|to) the (\w+)\.", record["passage"])
        assert record["answer"] == (after if record["question"].endswith("now?") else before)


def test_a_prompt_reads_like_this():
    record = TASKS["rte"].records("train")[0]
    assert record == dict(
        premise="the knife is in the garden. the plum is gold.",
        hypothesis="the knife is inside.",
        answer="no",
        options="yes\nno",
    )
    prompt = render(TASKS["rte"], 0)
    assert prompt.inputs == (
        "premise: the knife is in the garden. the plum is gold. hypothesis: the knife is inside. "
        "does it follow?\nOptions:\n- yes\n- no"
    )
    assert prompt.targets == "no"
