"""Every file of real data is read by a task, whole, and every record of it can be asked about."""

from collections import Counter

import pytest

from flanrepro.collection.formats import (
    Format,
    layouts,
    number_of_option_styles,
    number_of_turn_styles,
    option_style,
    turn_style,
)
from flanrepro.collection.prompt import exemplar_candidates, render
from flanrepro.collection.templates import load_wordings
from flanrepro.errors import InputError
from flanrepro.raw import files
from flanrepro.raw.reader import file_names, find
from flanrepro.sources import load_collection
from flanrepro.sources.flan2022 import cot, cot_suite, evaluation, niv2

NO_RECORDS = {"ag_news/classes.txt", "flan_collection/flan_collection_info.csv"}
REFUSED = {name for name in files.manifest() if name.startswith("niv2/mmlu_filter_samples/")}
WITHOUT_TEXTS = {"cxc/sts_val.csv": 44009, "cxc/sts_test.csv": 44045}


@pytest.fixture(scope="module", autouse=True)
def here(mirror, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLANREPRO_MIRROR", str(mirror))
        patch.setenv("FLANREPRO_CACHE", str(tmp_path_factory.mktemp("cache")))
        load_collection.cache_clear()
        yield
    load_collection.cache_clear()


def at_hand():
    for task in load_collection("flan2022").every_task.values():
        for split in task.splits:
            if not task.missing(split):
                yield task, split


def test_every_file_of_the_manifest_is_read_by_a_task():
    read = set(cot_suite.GSM8K.values()) | {cot.file_of(name) for name in cot.DATASETS}
    for suite in (cot_suite.STRATEGYQA, cot_suite.SVAMP, cot_suite.ASDIV, cot_suite.COMMONSENSEQA):
        read |= set(suite.values())
    for task, split in at_hand():
        if task.dataset:
            read |= set(file_names(find(task.dataset, split).path))
    assert set(files.manifest()) - read == NO_RECORDS | REFUSED | set(WITHOUT_TEXTS)


def test_pairs_whose_texts_are_missing_are_read_too():
    for name, rows in WITHOUT_TEXTS.items():
        assert len(list(evaluation.cxc_pairs(files.fetch(name)))) == rows


def test_task_files_made_from_mmlu_are_refused():
    assert len(REFUSED) == 2
    for name in REFUSED:
        with pytest.raises(InputError, match="made from MMLU"):
            niv2.read(files.fetch(name))


@pytest.mark.parametrize("every", [53, pytest.param(1, marks=pytest.mark.slow)])
def test_every_record_can_be_asked_in_every_setting(every):
    counted = Counter()
    for task, split in at_hand():
        wordings = load_wordings(task.templates)
        templates, shown_after = wordings.templates, wordings.few_shot or wordings.templates
        few_shot = "train" in task.splits and not task.missing(task.exemplar_split)
        for i in range(0, task.size(split), every):
            template, layout = templates[i % len(templates)], layouts()[i % len(layouts())]
            shown = ("prompt", "exemplars", "nowhere")[i % 3]
            target = ("text", "label")[i // 3 % 2]
            style, turns = i % number_of_option_styles(), i % number_of_turn_styles()
            form = Format(layout, option_style(style), shown, target, turn_style(turns))
            prompts = [render(task, i, split=split, template=template, format=form)]
            if few_shot:
                same = i if split == task.exemplar_split else None
                candidates = exemplar_candidates(task, i, same)
                prompts.append(
                    render(
                        task,
                        i,
                        split=split,
                        template=shown_after[i % len(shown_after)],
                        format=form,
                        exemplars=candidates,
                        shots=2,
                    )
                )
            for prompt in prompts:
                assert prompt.inputs.strip(), (task.name, split, i)
                # An inverted template of the evaluated CommonsenseQA wants a rationale it lacks.
                assert prompt.targets.strip() or prompt.inverted, (task.name, split, i)
        counted[task.source] += task.size(split)
    assert counted["cot"] > 58_000
    assert sum(counted.values()) > 240_000
