"""Question 6: how accurate it is, what each part adds, and what would improve it.

What belongs here: metrics of MLflow's runs in words, always with their noise. What does not: reading the runs
(`runs.py`), any training. Every number is read back from a run.
"""

from typing import TYPE_CHECKING

from browse_assets.analysis.churn_report import between, listed, percent, plain
from browse_assets.notebook.answer import Answer
from browse_assets.notebook.installation import Installation
from browse_assets.notebook.runs import churn_ablation, metrics, nested_runs, store, training_of

if TYPE_CHECKING:
    import pandas as pd

_PARTS = {
    "majority": "always the commonest topic",
    "centroid": "embeddings alone, nearest mean",
    "bayes": "words or letters alone, naive Bayes",
    "head": "both together (in use)",
}
_HEADS = {"page": "texts of pages", "host": "names of hosts"}
_NO_TRAINING = "Nothing was trained here: there is too little history of people who left and people who stayed."


def topics(installation: Installation) -> Answer:
    """The topic classifier with and without its parts, on sites that it has not seen."""
    import pandas as pd

    from browse_assets.analysis.churn_report_groups import wilson
    from browse_assets.notebook.pictures import intervals_figure

    training = training_of(installation, "topic_classifier")
    if training is None:
        return Answer("The topic classifier was not trained here.", pd.DataFrame())
    runs = metrics(nested_runs(installation, *training), "accuracy", "coverage", "precision_answered", "support")
    head_and_part = runs["name"].str.extract(r"^(page|host)(?:: | )(.*)$")
    runs = runs.assign(head=head_and_part[0], part=head_and_part[1])
    runs["support"] = runs.groupby("head")["support"].transform("max")
    bounds = [wilson(row["accuracy"] * row["support"], row["support"]) for row in runs.to_dict("records")]
    runs["low"], runs["high"] = [low for low, _ in bounds], [high for _, high in bounds]
    runs["order"] = runs["part"].map(list(_PARTS).index)
    runs = runs.sort_values(["head", "order"], ascending=[False, True], kind="stable")
    table = pd.DataFrame(
        {
            "judged by": runs["head"].map(_HEADS),
            "variant": runs["part"].map(_PARTS),
            "right at once": runs["accuracy"],
            "95 % interval": [between(low, high) for low, high in zip(runs["low"], runs["high"], strict=True)],
            "answers": runs["coverage"],
            "of them right": runs["precision_answered"],
            "held-out rows": runs["support"].astype("int64"),
        }
    ).reset_index(drop=True)
    words = " ".join(_topic_words(runs[runs["head"] == head], _HEADS[head]) for head in _HEADS)
    rows = [
        (f"{row['head']}: {row['part']}", row["accuracy"], row["low"], row["high"]) for row in runs.to_dict("records")
    ]
    words += (
        " Where it is not sure it gives no answer (last columns). No site of the test is one of the training's, "
        "and the "
        "panel's pages are in neither."
    )
    figure = intervals_figure(
        rows, title="Topic classifier and its parts", value_label="right at once, on held-out sites"
    )
    return Answer(words, table, figure, "Ablation of the topic classifier (MLflow experiment topic_classifier)")


def _topic_words(runs: "pd.DataFrame", name: str) -> str:
    both = runs[runs["part"] == "head"]
    others = runs[runs["part"] != "head"].sort_values("accuracy", ascending=False, kind="stable")
    if not len(both) or not len(others):
        return ""
    full, best = both.iloc[0], others.iloc[0]
    is_apart = full["low"] > best["high"]
    verdict = "more than noise" if is_apart else "within noise of each other: the intervals overlap"
    return (
        f"From {name}, {percent(full['accuracy'])} are right at once; the better part alone ({_PARTS[best['part']]}) "
        f"has {percent(best['accuracy'])}, {verdict}."
    )


def candidates(installation: Installation) -> Answer:
    """Churn's candidates on the test, with differences to logistic regression on the same people."""
    import pandas as pd

    from browse_assets.notebook.pictures import intervals_figure

    training = training_of(installation, "churn_model")
    names = ("log_loss", "log_loss_low", "log_loss_high", "roc_auc", "roc_auc_low", "roc_auc_high", "calibration_error")
    differences = ("log_loss_difference", "log_loss_difference_low", "log_loss_difference_high")
    runs = (
        metrics(nested_runs(installation, *training), *names, *differences, "people", "random_split_roc_auc")
        if training
        else pd.DataFrame()
    )
    if not len(runs) or training is None:
        return Answer(_why_not_trained(installation), pd.DataFrame())
    runs = runs.sort_values(["log_loss", "name"], kind="stable").reset_index(drop=True)
    table = pd.DataFrame(
        {
            "model": runs["name"].map(plain),
            "log loss": runs["log_loss"],
            "95 % interval": _between(runs, "log_loss"),
            "less logistic regression": _between(runs, "log_loss_difference"),
            "verdict": [_verdict(row, "log_loss_difference") for row in runs.to_dict("records")],
            "ROC AUC": runs["roc_auc"],
            "AUC 95 %": _between(runs, "roc_auc"),
            "AUC of a random split": runs["random_split_roc_auc"],
        }
    )
    by_name = runs.set_index("name")
    noise = [plain(row["name"]) for row in runs.to_dict("records") if _is_noise(row, "log_loss_difference")]
    best, dummy = runs.iloc[0], by_name.loc["dummy"]
    words = (
        f"On a test of {int(best['people']):,} people, later than all that was learned from where the data have "
        f"times, {plain(best['name'])} has the lowest log loss, {best['log_loss']:.3f} against the "
        f"{dummy['log_loss']:.3f} "
        f"of always saying the base rate. Within noise of logistic regression, so not better for all we know: "
        f"{listed(noise) or 'none'}."
    )
    if runs["random_split_roc_auc"].notna().any():
        words += " The last column is what a random split of rows would have claimed; it mixes times and people."
    rows = [
        (plain(row["name"]), row["log_loss"], row["log_loss_low"], row["log_loss_high"])
        for row in runs.to_dict("records")
    ]
    figure = intervals_figure(rows, title="Candidates of churn", value_label="log loss on the test (lower is better)")
    return Answer(words, table, figure, "Candidates (MLflow experiment churn)")


def _why_not_trained(installation: Installation) -> str:
    training = training_of(installation, "churn_model")
    if training is None:
        return _NO_TRAINING
    reason = store(installation).get_run(training[1]).data.tags.get("reason", "")
    return f"{_NO_TRAINING} {reason}".strip()


def _between(runs: "pd.DataFrame", metric: str) -> list[str]:
    return [between(low, high) for low, high in zip(runs[f"{metric}_low"], runs[f"{metric}_high"], strict=True)]


def _is_noise(row: "dict[object, float]", metric: str) -> bool:
    """Whether the interval of a difference holds 0; the model that is compared with is no case of it."""
    return row[f"{metric}_low"] <= 0 <= row[f"{metric}_high"] and row[f"{metric}_low"] != row[f"{metric}_high"]


def _verdict(row: "dict[object, float]", metric: str, *, lower_is_better: bool = True) -> str:
    low, high = row[f"{metric}_low"], row[f"{metric}_high"]
    if low != low or low == high == 0:
        return "compared with" if low == low else "not known"
    if _is_noise(row, metric):
        return "within noise"
    return "surely better" if (high < 0) == lower_is_better else "surely worse"


def ablation(installation: Installation) -> Answer:
    """Churn without each group of features and each step of training, on the same split and people."""
    import pandas as pd

    from browse_assets.notebook.pictures import differences_figure

    runs, params = churn_ablation(installation)
    if not len(runs):
        why = params["reason"] if "reason" in params else _why_not_trained(installation)
        return Answer(f"There is no ablation. {why}", pd.DataFrame())
    wanted = ("log_loss", "log_loss_difference", "roc_auc", "roc_auc_difference", "f1", "f1_difference")
    found = metrics(runs, *(f"{name}{end}" for name in wanted for end in ("", "_low", "_high")))
    full, others = found.iloc[0], found.iloc[1:].reset_index(drop=True)
    table = pd.DataFrame(
        {
            "variant": found["name"],
            "log loss": found["log_loss"],
            "difference": found["log_loss_difference"],
            "95 % interval": _between(found, "log_loss_difference"),
            "verdict": [_ablation_verdict(row) for row in found.to_dict("records")],
            "ROC AUC": found["roc_auc"],
            "AUC difference": _between(found, "roc_auc_difference"),
            "F1": found["f1"],
            "F1 difference": _between(found, "f1_difference"),
        }
    )
    worse = [row["name"] for row in others.to_dict("records") if _verdict(row, "log_loss_difference") == "surely worse"]
    noise = [row["name"] for row in others.to_dict("records") if _is_noise(row, "log_loss_difference")]
    people, left = int(params["people"]), int(params["left"])
    words = (
        f"{plain(params['candidate']).capitalize()} without tuning, fitted on the rows of the training and "
        "tested on its "
        f"{people:,} people: with everything its log loss is {full['log_loss']:.3f}. It gets surely worse so: "
        f"{listed(worse) or 'in no way'}. {len(noise)} of {len(others)} variants are within noise. "
        f"{_few_words(installation, left)} Of {len(others)} intervals at 95 % about one in twenty misses by "
        "chance, and "
        "groups that say the same can stand in for each other: that leaving one out costs nothing does not mean "
        "that it "
        "says nothing."
    )
    rows = [
        (row["name"], row["log_loss_difference"], row["log_loss_difference_low"], row["log_loss_difference_high"])
        for row in others.to_dict("records")
        if row["log_loss_difference_low"] != row["log_loss_difference_high"]
    ]
    figure = differences_figure(
        rows, title="Churn: what leaving it out does", value_label="log loss added (to the right: worse)"
    )
    return Answer(words, table, figure, "Ablation of churn (MLflow experiment churn, run ablation)")


def _ablation_verdict(row: "dict[object, float]") -> str:
    """By log loss; another threshold leaves the probabilities as they are, and is judged by F1."""
    from browse_assets.analysis.churn_ablation import HALF

    if row["name"] != HALF:
        return _verdict(row, "log_loss_difference")
    return f"F1 {_verdict(row, 'f1_difference', lower_is_better=False)}"


def _few_words(installation: Installation, left: int) -> str:
    doubt = ": with so few, only large differences show" if left < 100 else ""
    return f"Of the people tested {installation.told(left)} left{doubt}."


def returns(installation: Installation) -> Answer:
    """Who returns to a product: methods of the back-test."""
    import pandas as pd

    from browse_assets.notebook.pictures import intervals_figure

    training = training_of(installation, "product_backtest")
    names = ("average_precision", "average_precision_low", "average_precision_high", "precision_at_k", "log_loss")
    runs = metrics(nested_runs(installation, *training), *names, "is_above_popularity") if training else pd.DataFrame()
    if not len(runs):
        return Answer("Returns to products could not be tested: there are too few of them.", pd.DataFrame())
    runs = runs.sort_values(["average_precision", "name"], ascending=[False, True], kind="stable").reset_index(
        drop=True
    )
    table = pd.DataFrame(
        {
            "method": runs["name"].map(plain),
            "average precision": runs["average_precision"],
            "95 % interval": _between(runs, "average_precision"),
            "precision at k": runs["precision_at_k"],
            "log loss": runs["log_loss"],
            "surely above popularity": runs["is_above_popularity"] == 1,
        }
    )
    best, second = runs.iloc[0], runs.iloc[1]
    overlap = best["average_precision_low"] <= second["average_precision_high"]
    above = [plain(row["name"]) for row in runs.to_dict("records") if row["is_above_popularity"] == 1]
    words = (
        f"Who comes back to a product within 14 days, tried at past dates: {plain(best['name'])} ranks best (average "
        f"precision {best['average_precision']:.3f}), {plain(second['name'])} next "
        f"({second['average_precision']:.3f}{', within noise' if overlap else ''}). Surely better than naming what is "
        f"popular: {listed(above) or 'none'}."
    )
    rows = [
        (plain(row["name"]), row["average_precision"], row["average_precision_low"], row["average_precision_high"])
        for row in runs.to_dict("records")
    ]
    figure = intervals_figure(
        rows, title="Who returns to a product", value_label="average precision (higher is better)"
    )
    return Answer(words, table, figure, "Methods (MLflow experiment product_return)")


def improvements(installation: Installation) -> Answer:
    """What would make it more accurate, each with the figure that speaks for it."""
    import pandas as pd

    topic = topics(installation).table
    head = topic[(topic["variant"] == _PARTS["head"])] if len(topic) else topic
    rows = [
        (
            f"texts to learn from, for {row['judged by']}",
            f"{percent(1 - row['answers'])} of held-out rows get no answer; of the answers "
            f"{percent(row['of them right'])} "
            "are right",
            "more labelled texts and languages; the site's own description, which an extension can read",
        )
        for row in head.to_dict("records")
    ]
    runs, params = churn_ablation(installation)
    if len(runs):
        found = metrics(runs, "log_loss_difference", "log_loss_difference_low", "log_loss_difference_high")
        for row in found.iloc[1:].to_dict("records"):
            verdict = _verdict(row, "log_loss_difference")
            if verdict == "surely worse":
                says = f"log loss {row['log_loss_difference']:+.3f} ({between(*_ends(row))}): {verdict}"
                rows.append((f"churn {row['name']}", says, "keep it, and make sure that it is complete and current"))
        few = installation.told(int(params["left"]))
        rows.append(
            (
                "people who left",
                f"{few} of {int(params['people']):,} in churn's test",
                "more people or months: nothing else narrows the intervals",
            )
        )
    unknown = installation.query(
        "SELECT count(*) FILTER (dwell_seconds IS NULL) AS n, count(*) AS of FROM scrubbed_events"
    ).iloc[0]
    if unknown["of"]:
        rows.append(
            (
                "time on page",
                f"not known for {percent(unknown['n'] / unknown['of'])} of page views",
                "the extension measures it (next section)",
            )
        )
    table = pd.DataFrame(rows, columns=["where", "what the figures say", "what would help"])
    words = (
        "Accuracy comes from evidence, not from larger models: above, simple models are as good as complex ones within "
        "noise wherever the table says so. What would help most is more and better evidence."
    )
    return Answer(words, table, None, "What would improve it")


def _ends(row: "dict[object, float]") -> tuple[float, float]:
    return row["log_loss_difference_low"], row["log_loss_difference_high"]
