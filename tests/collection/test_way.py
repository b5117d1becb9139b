"""Prompts as the reference writes them: flan/v2/templates.py, tasks.py and few_shot.py."""

from collections import Counter

import pytest

from flanrepro.collection import Mixture, Task
from flanrepro.collection.formats import plain_style
from flanrepro.collection.prompt import MIXED_SHOTS, SHARED_SHOTS, again
from flanrepro.collection.templates import load_few_shot, load_templates

NLI = [
    {"premise": f"p{i}.", "hypothesis": f"h{i}.", "answer": "yes", "options": "yes\nno\nmaybe"}
    for i in range(200)
]
RTE = Task("rte", "flan2021", "nli", lambda split: NLI, {"train": 200}, "flan2021/rte")


@pytest.fixture(scope="module")
def prompts():
    mixture = Mixture((RTE,), way="reference", few_shot_fraction=0.5)
    return [mixture[i] for i in range(8000)]


def test_the_two_settings_have_wordings_of_their_own(prompts):
    named = {
        setting: {p.template for p in prompts if p.setting == setting}
        for setting in ("zero_shot", "few_shot")
    }
    assert named["zero_shot"] == {t.name for t in load_templates(RTE.templates)}
    assert named["few_shot"] == {t.name for t in load_few_shot(RTE.templates)}
    assert {p.template_idx for p in prompts} == set(range(20))


def test_half_of_the_few_shot_prompts_with_options_have_several_wordings(prompts):
    asked = [p for p in prompts if p.setting == "few_shot"]
    mixed = [p for p in asked if p.asked.beside]
    shown = [p for p in asked if p.asked.format.options == "prompt"]
    assert len(mixed) / len(shown) == pytest.approx(0.5, abs=0.03)
    assert {p.asked.format.options for p in mixed} == {"prompt"}
    assert {len(p.exemplars) for p in mixed} == {MIXED_SHOTS}
    assert all(t.mixed for p in mixed for t in (p.asked.template, *p.asked.beside))
    assert max(len({t.name for t in p.asked.beside}) for p in mixed) == MIXED_SHOTS


def test_the_others_have_as_many_exemplars_as_25_draws_give_in_one_of_ten_wordings(prompts):
    shots = Counter(
        len(p.exemplars) for p in prompts if p.setting == "few_shot" and not p.asked.beside
    )
    # Those without any are left out: (1 - 0.1)^25 of them.
    mean = SHARED_SHOTS / 10 / (1 - 0.9**SHARED_SHOTS)
    drawn = sum(n * k for n, k in shots.items()) / shots.total()
    assert drawn == pytest.approx(mean, abs=0.08)
    assert shots[2] > shots[1] > 0
    assert 7 <= max(shots) <= 12


def test_every_exemplar_is_written_like_the_question(prompts):
    for p in prompts[:500]:
        if p.setting == "few_shot" and not p.asked.beside:
            records = [NLI[i] for i in (*p.exemplars, p.record)]
            places = [p.inputs.find(r["premise"]) for r in records]
            if not p.inverted:
                assert places == sorted(places)
                assert places[0] >= 0


def test_lists_of_options_vary_without_exemplars_and_are_plain_with_them(prompts):
    styles = {
        setting: Counter(
            p.format.option_style.name
            for p in prompts
            if p.setting == setting and p.format.options == "prompt"
        )
        for setting in ("zero_shot", "few_shot")
    }
    assert len(styles["zero_shot"]) > 1000
    assert list(styles["few_shot"]) == [plain_style().name]
    labelled = [p for p in prompts if p.format.target == "label"]
    assert all(p.targets != "yes" and not p.exemplars for p in labelled)
    # flan/v2/templates.py: 64 of 87 marks are labels.
    regular = [p for p in prompts if p.format.options == "prompt" and not p.exemplars]
    answered = [p for p in regular if p.asked.template.answers]
    assert len(labelled) / len(answered) == pytest.approx(64 / 87, abs=0.04)


def test_inverted_wordings_that_are_added_to_ten_others_cost_these_no_exemplars():
    rows = [
        {"question": f"q{i}?", "asked": f"q{i}?", "rationale": f"r{i}.", "answer": f"a{i}"}
        for i in range(200)
    ]
    task = Task("c", "cot", "c", lambda split: rows, {"train": 200}, "cot/gsm8k")
    rates = {"few_shot_fraction": 1.0, "options_fraction": 0.0, "inversion_rate": 0.5}
    mixture = Mixture((task,), way="reference", **rates)
    shots = {False: [], True: []}
    for i in range(4000):
        shots[mixture[i].inverted].append(len(mixture[i].exemplars))
    # Ten of each: as many as where inverted tasks are tasks of their own.
    mean = SHARED_SHOTS / 10 / (1 - 0.9**SHARED_SHOTS)
    assert {k: sum(n) / len(n) for k, n in shots.items()} == pytest.approx(
        {False: mean, True: mean}, abs=0.15
    )


@pytest.mark.parametrize("wording", ["flan2021/arc", "flan2021/rte", "flan2021/sst2"])
@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_a_stated_inversion_rate_holds_in_mixed_prompts_too(wording, rate):
    rows = [{**row, "question": f"q{i}", "text": f"t{i}"} for i, row in enumerate(NLI)]
    task = Task("t", "flan2021", "c", lambda split: rows, {"train": 200}, wording)
    mixture = Mixture((task,), way="reference", few_shot_fraction=1.0, inversion_rate=rate)
    inverted = sum(mixture[i].inverted for i in range(2600))
    assert inverted == round(2600 * rate / (1 + rate))


def test_a_mixed_prompt_rendered_again_keeps_its_wordings(prompts):
    p = next(p for p in prompts if p.asked.beside)
    shorter = again(RTE, p, shots=2)
    assert shorter.exemplars == p.exemplars[:2]
    assert shorter.asked == p.asked
    first = p.inputs[: p.inputs.index(NLI[p.exemplars[2]]["premise"]) - 40]
    assert shorter.inputs.startswith(first)
