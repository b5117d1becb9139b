"""Mean and best template of runs' answers: FLAN 2021 reports both (Wei et al., 2021, section 3)."""

from collections.abc import Sequence

import pandas as pd

from flanrepro.report.item_noise import Answers


def best_template(scores: pd.DataFrame, answers: Answers) -> pd.DataFrame:
    """The mean over templates, and the score of each data set's best one, per suite.

    The paper chooses the best template on the dev set. Here it is chosen on every second item of a
    template and scored on the others, and the other way round, so that no further evaluation is
    needed and no item chooses the template that it is scored in.

    Args:
        scores: DataFrame of `flanrepro.experiments.results.scores` of items that were asked in all
            templates in turn.
        answers: see `flanrepro.report.item_noise.answers_in`.

    Returns:
        suite, mean and best (shares of right answers, in per cent, data sets weighing the same),
        spread (standard deviation over templates within a data set, in points), runs; suites whose
        metric is not accuracy have no row.
    """
    rows = []
    for suite, own in scores.groupby("suite", sort=False):
        kept = [items for items in map(answers, own.to_dict("records")) if items]
        if kept:
            each = pd.concat([_by_task(items) for items in kept]).mean()
            rows.append({"suite": suite, **each, "runs": " ".join(dict.fromkeys(own["run"]))})
    return pd.DataFrame(rows, columns=["suite", "mean", "best", "spread", "runs"])


def _by_task(items: Sequence[dict]) -> pd.DataFrame:
    columns = ["task", "template", "correct"]
    table = pd.DataFrame([[item[name] for name in columns] for item in items], columns=columns)
    table["half"] = table.groupby(["task", "template"]).cumcount() % 2
    rows = []
    for _, of_task in table.groupby("task", sort=False):
        shares = 100 * of_task.groupby(["half", "template"])["correct"].mean().unstack("half")
        shares = shares.dropna()
        if shares.shape[1] < 2 or shares.empty:  # too few items for two halves
            continue
        best = [shares[1 - half][shares[half].idxmax()] for half in (0, 1)]
        spread = shares.mean(axis=1).std(ddof=0)
        rows.append({"mean": 100 * of_task["correct"].mean(), "best": sum(best) / 2})
        rows[-1]["spread"] = spread
    return pd.DataFrame(rows, columns=["mean", "best", "spread"])
