"""Who becomes champion of churn, and why: a decision made from one training's figures, in words.

Here: the rule. Not here: training (`churn`), the registry where the decision is written (assets).
"""

from dataclasses import dataclass

from browse_assets.analysis.churn import ChurnTraining
from browse_assets.analysis.churn_candidates import DUMMY, ONE_RULE
from browse_assets.analysis.evaluation import interval, resample_metrics


@dataclass(frozen=True)
class Promotion:
    """What a training means for the registry.

    Attributes:
        promoted: name of the candidate that becomes champion; None if none does.
        reason: why it does, or why none does, in words.
    """

    promoted: str | None
    reason: str


def decide(training: ChurnTraining, *, seed: int) -> Promotion:
    """The best model is promoted if it surely beats the dummy, and the one rule at all.

    Surely: the 95% interval of the paired difference of log losses on the test lies below 0.
    """
    if training.best is None:
        return Promotion(None, training.reason)
    thresholds = dict(zip(training.table["model"], training.table["threshold"], strict=True))
    samples = resample_metrics(
        training.predictions["churned"],
        {name: training.predictions[name] for name in thresholds},
        thresholds,
        seed=seed,
    )
    losses = {name: sample["log_loss"] for name, sample in samples.items()}
    now = {name: float(loss.iloc[0]) for name, loss in losses.items()}
    best = training.best
    low, high = interval((losses[best] - losses[DUMMY]).iloc[1:])
    against = (
        f"log loss {now[best]:.3f} against {now[DUMMY]:.3f} of always saying the base rate "
        f"(difference {now[best] - now[DUMMY]:+.3f}, 95% interval {low:+.3f} to {high:+.3f})"
    )
    if not high < 0:
        return Promotion(None, f"no champion: {best} is the best model, but does not surely beat it: {against}")
    if now[best] > now[ONE_RULE]:
        return Promotion(
            None,
            f"no champion: {best} is the best model, but the one rule alone does better, "
            f"log loss {now[ONE_RULE]:.3f}; {against}",
        )
    return Promotion(best, f"{best}: {against}; the one rule alone {now[ONE_RULE]:.3f}")
