"""An item's texts are what it asks, and not what other items or training records share with it."""

from flanrepro.collection.asked import item_texts, record_texts

LONG = "Why does the teacher not tolerate noise during a test?"


def test_options_belong_to_the_item_unless_all_items_have_the_same():
    asked = [
        {"question": LONG, "options": "a bank\nthe mall", "answer": "a bank"},
        {"question": "Who?", "options": "a cat\na dog", "answer": "a dog"},
    ]
    assert item_texts(asked) == [
        (LONG, f"{LONG}\na bank\nthe mall"),
        ("Who?", "Who?\na cat\na dog"),
    ]
    closed = [
        {"question": LONG, "options": "yes\nno", "answer": "no"},
        {"question": "Who?", "options": "no\nyes", "answer": "no"},
    ]
    assert item_texts(closed) == [(LONG,), ("Who?",)]


def test_a_question_that_two_items_share_is_no_item_but_one_that_is_listed_twice_is():
    pair = [
        {"question": LONG, "options": "a\nb", "answer": "a"},
        {"question": LONG, "options": "c\nd", "answer": "c"},
    ]
    assert item_texts(pair) == [(f"{LONG}\na\nb",), (f"{LONG}\nc\nd",)]
    twice = item_texts([pair[0], pair[0], {**pair[1], "question": "Who?"}])
    assert twice[0] == twice[1] == (LONG, f"{LONG}\na\nb")


def test_a_passage_is_no_item_but_its_words_beside_a_short_question_are():
    passage = " ".join(f"p{n}" for n in range(50))
    long, short = (
        {"passage": passage, "question": question, "answer": "x"} for question in (LONG, "Who won?")
    )
    assert item_texts([long]) == [(LONG,)]
    assert item_texts([short]) == [
        (
            "Who won?",
            " ".join([*(f"p{n}" for n in range(39, 50)), "who won"]),
            " ".join(["who won", *(f"p{n}" for n in range(11))]),
        )
    ]
    assert item_texts([{"passage": "Few words.", "question": "Who won?"}]) == [("Who won?",)]


def test_a_question_about_two_passages_is_looked_for_with_each():
    pair = [{"passage": " ".join(f"{p}{n}" for n in range(20)), "question": LONG} for p in "ab"]
    assert item_texts(pair) == [
        (
            f"{p}14 {p}15 {p}16 {p}17 {p}18 {p}19 why does the teacher not tolerate noise",
            f"teacher not tolerate noise during a test {p}0 {p}1 {p}2 {p}3 {p}4 {p}5",
        )
        for p in "ab"
    ]


def test_hypotheses_and_pairs_of_sentences_are_asked():
    premise = {"premise": "All men, as is well known, are mortal.", "hypothesis": LONG}
    assert item_texts([premise]) == [(LONG,)]
    pair = {"sentence1": "A dog runs over the wet grass.", "sentence2": "A cat sleeps."}
    assert item_texts([pair]) == [("A dog runs over the wet grass.\nA cat sleeps.",)]


def test_a_record_s_parts_stand_together():
    record = {"passage": "One. Two.", "question": "Q?", "options": "a\nb", "answer": "z"}
    assert list(record_texts(record)) == ["One. Two.", "z", "1 2\nQ?\na\nb"]
    assert list(record_texts({"input": "I", "answer": "A"})) == ["I", "A", ""]
