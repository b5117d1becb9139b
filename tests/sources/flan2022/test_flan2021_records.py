"""FLAN 2021's irregular data sets: from rows as the Hub has them to records."""

import pytest
from rendering import named_fields

from flanrepro.errors import InputError
from flanrepro.sources.flan2022.flan2021 import CONVERTERS, tasks
from flanrepro.sources.flan2022.flan2021_records import LANGUAGES

PAIR = {"en": "Good day.", "fr": "Bonjour."}

# name in `rows`, row, records
CASES = {
    "a pair with a label": (
        "snli",
        {"premise": "A dog runs.", "hypothesis": "A dog sleeps.", "label": 2},
        [
            {
                "premise": "A dog runs.",
                "hypothesis": "A dog sleeps.",
                "answer": "no",
                "options": "yes\nit is not possible to tell\nno",
            }
        ],
    ),
    "an article with its highlights": (
        "record",
        {
            "passage": "Ann met Bo.\n@highlight\nAnn met him",
            "query": "@placeholder was met.",
            "entities": ["Ann", "Bo", "Bo"],
            "answers": ["Bo", "Bo"],
        },
        [
            {
                "passage": "Ann met Bo.",
                "query": "@placeholder was met.",
                "answer": "Bo",
                "references": '["Bo"]',
                "options": "Ann\nBo",
            }
        ],
    ),
    "a review's line breaks": (
        "imdb_reviews",
        {"text": "Good.<br /><br />Really.", "label": 1},
        [{"text": "Good.\nReally.", "answer": "positive", "options": "negative\npositive"}],
    ),
    "escaped line ends and quotation marks": (
        "yelp_polarity_reviews",
        {"text": 'So \\""fresh\\"".\\n\\nBad.', "label": 0},
        [{"text": 'So "fresh".\nBad.', "answer": "negative", "options": "negative\npositive"}],
    ),
    "quotation marks of a csv file": (
        "glue_qqp",
        {"question1": '"What is ""it""?"', "question2": 'Is "it" it?', "label": 0},
        [
            {
                "sentence1": 'What is "it"?',
                "sentence2": 'Is "it" it?',
                "answer": "no",
                "options": "no\nyes",
            }
        ],
    ),
    "an empty question": ("glue_qqp", {"question1": "a", "question2": "", "label": 0}, []),
    "half a point is rounded to even": (
        "stsb",
        {"sentence1": "a", "sentence2": "b", "label": 2.5},
        [{"sentence1": "a", "sentence2": "b", "answer": "2", "options": "0\n1\n2\n3\n4\n5"}],
    ),
    "a pronoun with a quotation mark behind it": (
        "wsc",
        {
            "text": 'Tom said "get him," loudly.',
            "span1_text": "Tom",
            "span2_text": "him",
            "span2_index": 3,
            "label": 0,
        },
        [
            {
                "text": 'Tom said "get *him*," loudly.',
                "pronoun": "him",
                "noun": "Tom",
                "answer": "no",
                "options": "no\nyes",
            }
        ],
    ),
    "an index that points to another word": (
        "wsc",
        {"text": "He ran.", "span1_text": "Al", "span2_text": "He", "span2_index": 1, "label": 1},
        [
            {
                "text": "He ran.",
                "pronoun": "He",
                "noun": "Al",
                "answer": "yes",
                "options": "no\nyes",
            }
        ],
    ),
    "a question without an answer": (
        "squad",
        {
            "title": "An_Article",
            "context": "a",
            "question": "b",
            "answers": {"text": [], "answer_start": []},
        },
        [
            {
                "title": "An Article",
                "passage": "a",
                "question": "b",
                "answer": "unanswerable",
                "references": '["unanswerable"]',
            }
        ],
    ),
    "the first span": (
        "drop",
        {"passage": "a", "question": "b", "answers_spans": {"spans": ["7", "8"], "types": []}},
        [{"passage": "a", "question": "b", "answer": "7"}],
    ),
    "no span": ("drop", {"passage": "a", "question": "b", "answers_spans": {"spans": []}}, []),
    "questions of a conversation": (
        "coqa",
        {"story": "S.", "questions": ["Who?", "Why?"], "answers": {"input_text": ["I", "So"]}},
        [{"passage": "S.", "dialogue": "Q: Who?\nA: I", "question": "Why?", "answer": "So"}],
    ),
    "a conversation about an article": (
        "quac",
        {
            "wikipedia_page_title": "T",
            "background": "B",
            "context": "C. CANNOTANSWER",
            "questions": ["Who?", "Why?"],
            "orig_answers": {"texts": ["I", "CANNOTANSWER"]},
        },
        [
            {
                "title": "T",
                "background": "B",
                "passage": "C.",
                "dialogue": "Q: Who?\nA: I",
                "question": "Why?",
                "answer": "unanswerable",
            }
        ],
    ),
    "marks of WikiHow": (
        "hellaswag",
        {
            "ctx": "[header] How to sit [title] Sit.",
            "endings": ["a", "[step] b", "c", "d"],
            "label": "1",
        },
        [{"context": "How to sit \nSit.", "answer": "b", "options": "a\nb\nc\nd"}],
    ),
    "Python's notation of bytes": (
        "math_dataset",
        {"question": "b'Solve 2*x = 4 for x.\\n'", "answer": "b'2\\n'"},
        [{"question": "Solve 2*x = 4 for x.", "answer": "2"}],
    ),
    "a mail": (
        "aeslc",
        {"email_body": "Hi,\nsee you.\n", "subject_line": "Re:\n you"},
        [{"text": "Hi, see you.", "answer": "Re: you"}],
    ),
    "highlights": (
        "cnn_dailymail",
        {"article": "a", "highlights": "One .\nTwo ."},
        [{"text": "a", "answer": "One. Two."}],
    ),
    "a headline": (
        "gigaword",
        {"document": "it rained in oslo .", "summary": "rain in oslo"},
        [{"text": "it rained in oslo .", "answer": "rain in oslo"}],
    ),
    "masked digits": ("gigaword", {"document": "rose ## percent", "summary": "rise"}, []),
    "several articles": (
        "multi_news",
        {"document": "One. ||||| Two. |||||", "summary": "– Both."},
        [{"text": "One.\n\nTwo.", "answer": "Both."}],
    ),
    "an article under its title": (
        "newsroom",
        {"title": " Rain ", "text": "It rained.", "summary": "Rain fell."},
        [{"text": "It rained.", "title": "Rain", "answer": "Rain fell."}],
    ),
    "an article without a title": (
        "newsroom",
        {"title": None, "text": "It rained.", "summary": "Rain fell."},
        [],
    ),
    "a report": (
        "xsum",
        {"document": "It rained.", "summary": "Rain."},
        [{"text": "It rained.", "answer": "Rain."}],
    ),
    "a guide": (
        "wiki_lingua",
        {"source": "Boil it well.", "target": "Boil it."},
        [{"text": "Boil it well.", "answer": "Boil it."}],
    ),
    "an empty document": ("xsum", {"document": "", "summary": "b"}, []),
    "a missing document": ("xsum", {"document": None, "summary": "b"}, []),
    "a dialogue": (
        "samsum",
        {"dialogue": "A: Hi\r\nB: Ho", "summary": "They greet."},
        [{"dialogue": "A: Hi\nB: Ho", "answer": "They greet."}],
    ),
    "reviews of a film": (
        "opinions_rotten_tomatoes",
        {
            "_movie_name": "the_film",
            "_critics": {"1": "Good.", "2": " "},
            "_critic_consensus": "Ok.",
        },
        [{"topic": "the film", "text": "- Good.", "first": "Good.", "answer": "Ok."}],
    ),
    "a film without reviews": (
        "opinions_rotten_tomatoes",
        {"_movie_name": "the_film", "_critics": {"1": " "}, "_critic_consensus": "Ok."},
        [],
    ),
    "arguments of a debate": (
        "opinions_idebate",
        {
            "_debate_name": "Close_zoos",
            "_argument_sentences": {"1": "Cages hurt.", "2": "Films show more."},
            "_claim": "Zoos are wrong.",
        },
        [
            {
                "topic": "Close zoos",
                "text": "- Cages hurt.\n- Films show more.",
                "first": "Cages hurt.",
                "answer": "Zoos are wrong.",
            }
        ],
    ),
    "an empty side": ("english_french", {"translation": {**PAIR, "fr": ""}}, []),
    "concepts": (
        "common_gen",
        {"concepts": ["dog", "run"], "target": "A dog runs."},
        [{"concepts": "dog, run", "concept_lines": "dog\nrun", "answer": "A dog runs."}],
    ),
    "triples of a table": (
        "dart",
        {
            "tripleset": [["[TABLECONTEXT]", "[TITLE]", "Games"], ["Ada", "YEAR", "1999"]],
            "target": "b",
        },
        [{"data": "Games\nAda | YEAR | 1999", "answer": "b"}],
    ),
    "triples of Wikipedia": (
        "web_nlg",
        {"input": ["A_B | is_in | C"], "target": "b"},
        [{"data": "A B | is in | C", "answer": "b"}],
    ),
    "a sentence without capitals": (
        "true_case",
        {"translation": {"en": "We sell 52 houses, Ann."}},
        [{"text": "we sell 52 houses, ann.", "answer": "We sell 52 houses, Ann."}],
    ),
    "a sentence without marks": (
        "fix_punct",
        {"translation": {"en": "We sell 80 houses, Ann."}},
        [{"text": "We sell 80 houses Ann", "answer": "We sell 80 houses, Ann."}],
    ),
    "a sentence without spaces": (
        "word_segment",
        {"translation": {"en": "We sell 66 houses, Ann."}},
        [{"text": "Wesell66houses,Ann.", "answer": "We sell 66 houses, Ann."}],
    ),
    "the last word": (
        "lambada",
        {"text": "he said the word \n"},
        [{"text": "he said the", "answer": "word"}],
    ),
}


# All pairs of languages are read alike.
PAIRS = {
    f"english_{language.lower()}": {
        "text": "Good day.",
        "answer": "Bonjour.",
        "source_language": "English",
        "target_language": language,
    }
    for language in LANGUAGES.values()
}


@pytest.mark.parametrize("code, language", LANGUAGES.items())
def test_a_pair_of_sentences_names_its_languages(code, language):
    row = {"translation": {"en": "Good day.", code: "Bonjour."}}
    name = f"english_{language.lower()}"
    assert CONVERTERS[name](row) == [PAIRS[name]]


def test_records_have_every_field_that_a_wording_of_their_task_names():
    made = PAIRS | {name: records[0] for name, _, records in CASES.values() if records}
    for task in tasks():
        convert = task.dataset.convert
        record = made[convert] if convert else task.dataset.fields
        assert named_fields(task) <= set(record), task.name


@pytest.mark.parametrize("name, row, records", CASES.values(), ids=CASES)
def test_rows_become_records(name, row, records):
    assert CONVERTERS[name](row) == records


def test_every_function_is_used_and_every_one_named_is_there():
    assert {task.dataset.convert for task in tasks()} - {""} == set(CONVERTERS)


def test_a_sentence_is_in_one_of_the_three_tasks_that_spoil_sentences_at_most():
    rows = [{"translation": {"en": f"Sentence {n}, in English."}} for n in range(4000)]
    made = {
        name: [record for row in rows for record in CONVERTERS[name](row)]
        for name in ("true_case", "fix_punct", "word_segment")
    }
    answers = [record["answer"] for records in made.values() for record in records]
    assert len(answers) == len(set(answers)) > 0
    assert all(len(records) > 4000 / 80 / 2 for records in made.values())
    assert all(r["text"] == r["answer"].lower() for r in made["true_case"])
    assert all(r["answer"].startswith(r["text"].split()[0]) for r in made["fix_punct"])
    assert all(set(r["text"]).isdisjoint(",.") for r in made["fix_punct"])
    assert all(r["text"] == r["answer"].replace(" ", "") for r in made["word_segment"])


def test_a_sentence_that_cannot_be_spoiled_is_left_out():
    rows = [{"translation": {"en": f"{n:x}"}} for n in range(2000)]
    assert not any(CONVERTERS["true_case"](row) + CONVERTERS["word_segment"](row) for row in rows)


@pytest.mark.parametrize(
    "name, row, said",
    [
        ("snli", {"premise": "a", "hypothesis": "b", "label": 4}, "'4'"),
        ("stsb", {"sentence1": "a", "sentence2": "b", "label": 7.1}, "0 to 5"),
        ("hellaswag", {"ctx": "a", "endings": ["b"] * 4, "label": ""}, "0, 1, 2, 3"),
        ("coqa", {"story": "a", "questions": ["b"], "answers": {"input_text": []}}, "1 questions"),
    ],
)
def test_rows_out_of_range_are_refused(name, row, said):
    with pytest.raises(InputError, match=said):
        CONVERTERS[name](row)
