"""The playground, as papermill runs it: without a front end, and so without a click."""

from flanrepro.collection.question import typed
from flanrepro.experiments.ask import DEFAULT_MODELS, WORLD, answers, models_of
from flanrepro.report.talk import IN_POCKETS_WORDS

NOTEBOOK = "playground.ipynb"


def test_it_prints_both_models_answers_and_trains_nothing(executes, tmp_path, code_cells):
    executed = tmp_path / "out.ipynb"
    executes(NOTEBOOK, executed, out=tmp_path)
    outputs = [output for cell in code_cells(executed) for output in cell.outputs]
    assert [output for output in outputs if output.get("name") == "stderr"] == []
    text = "".join(output.text for output in outputs if output.output_type == "stream")
    models = models_of(DEFAULT_MODELS, tmp_path)
    for question in (question for kind in IN_POCKETS_WORDS.values() for question in kind):
        for row in answers(models, typed(question)).to_dict("records"):
            assert f"{row['model']:19}{row['answer'] or '(nothing)'}\n" in text
    assert text.count(WORLD) == 1
    kinds = {kind for output in outputs for kind in output.get("data", {})}
    assert "application/vnd.jupyter.widget-view+json" in kinds
    assert [path.name for path in tmp_path.iterdir()] == [executed.name]
