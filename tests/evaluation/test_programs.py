import dataclasses

import pytest

from flanrepro.collection.task import Protocol, Suite, Task
from flanrepro.errors import InputError
from flanrepro.evaluation.answers import answer_suite
from flanrepro.evaluation.programs import passed, program_of
from flanrepro.evaluation.scores import score
from flanrepro.experiments.scores import suite_of
from flanrepro.sources import load_collection

TESTS = "assert double(2) == 4"


@pytest.mark.parametrize(
    ("answer", "passes"),
    [
        ("    return 2 * x", True),
        ("    return x + 2", True),  # the tests do not tell it from the right one
        ("    return x", False),
        ("  return 2 * x\n oops", False),
        ("    raise SystemExit(0)", False),
        ("    import os; os._exit(0)", False),
        ("    print('passed'); return 0", False),
    ],
)
def test_a_program_passes_if_its_tests_do(answer, passes):
    assert passed([program_of("def double(x):\n", answer, TESTS)]) == [passes]


def test_a_program_has_limits_of_time_and_memory(tmp_path):
    file = tmp_path / "made"
    programs = [
        "while True: pass",
        "import time; time.sleep(60)",
        "x = [0] * 10**10",
        f"with open({str(file)!r}, 'w') as file: file.write('x' * 10000)",
        "x = 1",
    ]
    assert passed(programs, seconds=1) == [False, False, False, False, True]
    assert not file.read_text()


def made(tests: str = TESTS, **fields) -> Suite:
    answer = "def double(x):\n    return 2 * x"
    record = {"problem": "Double a number.", "answer": answer, "tests": tests}
    task = Task(
        name="made",
        source="evaluation",
        cluster="code_generation",
        load=lambda split: [{k: v for k, v in record.items() if v}],
        splits={"test": 1},
        templates="program_synthesis/dmcc_python",
        answer="code",
    )
    return Suite("made", (task,), "test", Protocol(metric="pass_at_1"), **fields)


def test_a_suite_whose_protocol_runs_programs_scores_those_that_pass():
    # The baseline gives the reference itself.
    suite = made()
    rows = answer_suite("majority", suite, shots=0)
    assert [row["correct"] for row in rows] == [True]
    (task, mean) = score(suite, 0, rows)
    assert (task["metric"], task["value"], mean["metric"]) == ("pass_at_1", 100, "pass_at_1")
    wrong = made("assert double(2) == 5")
    assert [row["correct"] for row in answer_suite("majority", wrong, shots=0)] == [False]
    compared = dataclasses.replace(wrong, protocol=Protocol())
    assert [row["correct"] for row in answer_suite("majority", compared, shots=0)] == [True]


def test_programs_without_tests_are_not_scored_by_running():
    with pytest.raises(InputError, match="task 'made' has no tests to run a program against"):
        answer_suite("majority", made(tests=""), shots=0)


def test_mbpp_and_humaneval_asked_for_by_name_are_run_and_nothing_else_is():
    collection = load_collection("flan2022")
    for name in ("mbpp", "humaneval"):
        assert suite_of(collection, name).protocol.metric == "pass_at_1"
    assert suite_of(collection, "conala").protocol.metric == "table_3"
    assert all(suite.protocol.metric != "pass_at_1" for suite in collection.suites.values())
