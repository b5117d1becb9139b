"""Questions of `cot` have right answers, and rationales that lead to them."""

import re
from collections import Counter

import pytest
from recomputed import answer, parts, step

from flanrepro.sources.pocket import cot, held_out, niv2
from flanrepro.sources.pocket.lexicon import check_words
from flanrepro.sources.pocket.steps import GRAMMAR, STEP_ROWS
from flanrepro.sources.pocket.world import INSIDE, KIND_OF, KNOWN, WARM, fact

TASKS = {task.name: task for task in cot.tasks()}
SUITE = {task.name: task for task in cot.suite().tasks}
IN_STEPS = ("cot_qasc", "stream_qed", "stream_aqua")


def records(task) -> list:
    return [record for split in task.splits for record in task.records(split)]


def facts_of(text: str) -> list[tuple[str, str, str]]:
    """Attribute, thing and value of each fact that a rationale states."""
    return re.findall(r"the (\w+ \w+) of the (\w+) is (\w+)\.", text)


def test_tasks_have_the_names_of_their_twins():
    assert len(TASKS) == 9
    assert {task.source for task in TASKS.values()} == {"cot"}
    assert set(SUITE) == {"gsm8k", "strategyqa", "commonsenseqa", "svamp", "asdiv"}
    assert {task.source for task in SUITE.values()} == {"evaluation"}


@pytest.mark.parametrize("name", sorted({*TASKS, "svamp", "asdiv"}))
def test_no_question_of_validation_is_trained_on_or_shown(name):
    task = (TASKS | SUITE)[name]
    train = "train" if "train" in task.splits else "exemplars"
    asked = {record["question"] for record in task.records(train)}
    assert not asked & {record["question"] for record in task.records("validation")}


@pytest.mark.parametrize("name", sorted(TASKS))
def test_no_record_says_what_is_held_out(name):
    for record in records(TASKS[name]):
        check_words(record.values(), name)
        text = " | ".join(record.values())
        assert not held_out.attributes(text)
        assert not held_out.wordings(text)
        assert not held_out.compositions(record["question"])
        assert not held_out.compositions(record["rationale"])


@pytest.mark.parametrize("name", sorted(TASKS))
def test_an_answer_is_one_of_the_options_once(name):
    for record in records(TASKS[name]):
        if "options" in record:
            options = record["options"].split("\n")
            assert options.count(record["answer"]) == 1
            assert len(set(options)) == len(options)


@pytest.mark.parametrize("name", IN_STEPS)
def test_operations_are_worked_out_in_two_steps(name):
    new = {one.name for one in niv2.choice().new}
    kinds = Counter()
    for record in records(TASKS[name]):
        first, second, written = parts(record["question"])
        run = re.search(rf"(?:{WORD})(?: (?:{WORD})){{2,4}}(?!\w)", record["question"])
        words = run[0]
        kind = listed_kind(words)
        said = []
        for one in (first, second):
            words = step(one, words)
            said.append(f"{STEP_ROWS[one]['done']} {words}.")
        said.append(f"{GRAMMAR['answers'][written]['done']} {answer(written, words)}.")
        assert record["rationale"] == " ".join(said)
        assert record["rationale"].endswith(f" {record['answer']}.")
        assert f"{kind}_list_then_{first}_then_{second}_then_write_{written}" not in new
        kinds[kind] += 1
    wanted = dict(
        zip(IN_STEPS, (cot.ALIKE, ("mixed", "truth"), ("number",)), strict=True),
    )
    assert set(kinds) == set(wanted[name])


WORD = "|".join([*KIND_OF, "yes", "no", r"\d+"])


def listed_kind(words: str) -> str:
    kinds = {
        KIND_OF.get(word, "truth" if word in ("yes", "no") else "number") for word in words.split()
    }
    return kinds.pop() if len(kinds) == 1 else "mixed"


@pytest.mark.parametrize("name", ["cot_gsm8k", "svamp", "asdiv"])
def test_sums_are_right(name):
    for record in records((TASKS | SUITE)[name]):
        for a, sign, b, c in re.findall(r"(\d+) (and|less) (\d+) is (\d+)", record["rationale"]):
            assert int(c) == int(a) + (int(b) if sign == "and" else -int(b))
        assert record["rationale"].endswith(f" is {record['answer']}.")
        assert set(re.findall(r"\d+", record["rationale"])) <= {
            *re.findall(r"\d+", record["question"]),
            *(c for c in re.findall(r"is (\d+)", record["rationale"])),
        }


def test_a_chain_leads_over_a_thing_of_which_all_is_known():
    for record in records(TASKS["cot_ecqa"]):
        (relation, thing, middle), (attribute, same, end) = facts_of(record["rationale"])
        assert middle == same == fact(relation, thing)
        assert middle in KNOWN
        assert end == record["answer"] == fact(attribute, middle)
        assert f"the {relation} of the {thing}" in record["question"]
        assert attribute in record["question"]


def test_two_things_have_the_same_value_in_half_of_the_questions():
    counts = Counter(record["answer"] for record in records(TASKS["cot_strategyqa"]))
    assert min(counts.values()) > 0.45 * sum(counts.values())
    for record in records(TASKS["cot_strategyqa"]):
        (first, one, a), (second, other, b) = facts_of(record["rationale"])
        assert first == second in record["question"]
        assert (a, b) == (fact(first, one), fact(first, other))
        assert record["answer"] == ("yes" if a == b else "no")


def test_a_claim_is_checked_by_the_fact():
    counts = Counter(record["answer"] for record in records(TASKS["cot_creak"]))
    assert min(counts.values()) > 0.45 * sum(counts.values())
    for record in records(TASKS["cot_creak"]):
        ((attribute, thing, value),) = facts_of(record["rationale"])
        assert value == fact(attribute, thing)
        said = re.fullmatch(rf"is (\w+) the {attribute} of the {thing}\?", record["question"])[1]
        assert record["answer"] == ("yes" if said == value else "no")


def test_a_known_fact_is_its_own_reason():
    for record in records(TASKS["cot_sensemaking"]):
        ((attribute, thing, value),) = facts_of(record["rationale"])
        assert record["answer"] == value == fact(attribute, thing)
        assert record["rationale"].endswith(f"{value} is of the kind {KIND_OF[value]}.")


def test_statements_decide_what_follows_and_what_stays_open():
    counts = Counter()
    for record in records(TASKS["cot_esnli"]):
        *told, asked = re.findall(r"[^.?]+[.?]", record["question"])
        told = [sentence.strip() for sentence in told]
        if record["answer"] == "maybe":
            assert record["rationale"] == "nothing is said of that."
            assert asked.split()[2] == "want"
        else:
            assert record["rationale"] in told
            value = record["rationale"].rstrip(".").split()[-1]
            holds = value in INSIDE + WARM or KIND_OF[value] == "food"
            assert record["answer"] == ("yes" if holds else "no"), record
        counts[record["answer"]] += 1
    assert min(counts.values()) > 0.3 * sum(counts.values())


def test_the_suite_asks_trained_tasks_about_unseen_records():
    for name, of in cot.TWINS.items():
        assert SUITE[name].records("validation") == TASKS[of].records("validation")
