"""Who is champion of churn, and why: a decision made from one training's figures, in words.

Here: the rule. Not here: training (`churn`), the audit (`churn_audit`), the registry where the decision is written
and the champion so far is read (assets).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from browse_assets.analysis.churn import ChurnTraining
from browse_assets.analysis.churn_candidates import DUMMY, ONE_RULE
from browse_assets.analysis.churn_reliability import Reliability, reliability
from browse_assets.analysis.evaluation import interval, resample_metrics

Decision = Literal["promoted", "kept", "none", "not_enough_history"]

INCUMBENT = "champion so far"


@dataclass(frozen=True)
class Incumbent:
    """The champion so far, as it does on the test of a new training.

    Attributes:
        version: its version in the registry.
        candidate: name of the candidate that it was.
        probability: P(churned) of the people of the new test, in the order of its predictions; None for one that
            may not stay, or where nothing was trained.
        retired: why it may not stay whatever the new training found, in words; empty when it may.
        has_seen: why it may have learned from people of the new test at that time, in words; empty when it has not.
    """

    version: str
    candidate: str
    probability: npt.NDArray[np.float64] | None = None
    retired: str = ""
    has_seen: str = ""

    @property
    def name(self) -> str:
        """Version and candidate."""
        return f"version {self.version} ({self.candidate})"


@dataclass(frozen=True)
class Promotion:
    """What a training means for the registry.

    Attributes:
        decision: 'promoted': the challenger is champion now; 'kept': the champion so far stays; 'none': there is no
            champion now; 'not_enough_history': nothing was trained, a champion stays unless `retires`.
        promoted: name of the candidate that becomes champion; None if none does.
        reason: why, in words and numbers.
        retires: whether the champion so far loses its place without a successor.
        beats_dummy: whether the champion of now surely beats the dummy on this training's test; None without a
            champion or a test.
    """

    decision: Decision
    promoted: str | None
    reason: str
    retires: bool = False
    beats_dummy: bool | None = None


def decide(training: ChurnTraining, *, seed: int, audit_passed: bool, incumbent: Incumbent | None = None) -> Promotion:
    """Compare the challenger (the training's best model) with the baselines and the champion so far.

    It is promoted if it surely beats the dummy, is not worse than the one rule, its probabilities come true
    (`Reliability.problem`), the audit found no leak, and, where there is a champion that may stay, it surely beats
    that too. Surely: the 95% interval of the paired difference of log losses on the same people lies below 0. A
    champion is not unseated by chance, so it stays in a tie; one of other data, or that knows an erased person,
    does not stay at all.

    Args:
        training: what `train_churn` found.
        seed: of the bootstrap.
        audit_passed: whether the audit of leakage found nothing (`churn_audit.audit_passed`).
        incumbent: the champion so far; None without any.

    Raises:
        ValueError: a champion that may stay comes without its probabilities for the test.
    """
    retires = incumbent is not None and bool(incumbent.retired)
    retirement = f"; {incumbent.name} is champion no longer: {incumbent.retired}" if incumbent and retires else ""
    if training.best is None:
        stays = f"; {incumbent.name} stays champion as it is" if incumbent and not retires else ""
        return Promotion("not_enough_history", None, training.reason + stays + retirement, retires=retires)
    rival = None if incumbent is None or retires else incumbent
    if rival is not None and rival.probability is None:
        raise ValueError("the champion so far has no probabilities for the test")

    compare = _comparison(training, rival, seed)
    best = training.best
    beats_dummy, against_dummy = compare(best, DUMMY, "always saying the base rate")
    problem = _problem(training, beats_dummy=beats_dummy, audit_passed=audit_passed)
    found = f"{against_dummy}; {_one_rule(training)}{_calibration(training, best)}"
    if rival is None:
        if problem:
            reason = f"no champion: {best} is the best model, but {problem}; {found}{retirement}"
            return Promotion("none", None, reason, retires=retires)
        return Promotion("promoted", best, f"{best}: {found}{retirement}", beats_dummy=True)

    is_better, against_rival = compare(best, INCUMBENT, rival.name)
    still_beats, of_rival = compare(INCUMBENT, DUMMY, "always saying the base rate")
    seen = f" (which may favour it: {rival.has_seen})" if rival.has_seen else ""
    if is_better and not problem:
        reason = f"{best} takes the place of {rival.name}{seen}: {against_rival}; {found}"
        return Promotion("promoted", best, reason, beats_dummy=True)
    why = problem or f"does not surely beat it{seen}"
    now = "" if still_beats else f"; but {rival.name} itself does not surely beat the dummy any more: {of_rival}"
    reason = f"{rival.name} stays champion: {best}, the best new model, {why}; {against_rival}; {found}{now}"
    return Promotion("kept", None, reason, beats_dummy=still_beats)


def may_have_seen(learned_from: str | None, tested_at: str | None, *, split: str) -> str:
    """Why a model may have learned from the test of now, in words; empty when it has not.

    A model learns from outcomes that were over at the time of its own test at the latest, so it knows nothing of a
    test at that time or later.

    Args:
        learned_from: time of its own test (ISO 8601), as its version says; None where it had none.
        tested_at: time of the test of now; None without an order in time.
        split: 'time' or 'people', of the training of now.
    """
    if split != "time" or learned_from is None or tested_at is None:
        return "there is no order in time, so people of the test may be among those that it learned from"
    if learned_from > tested_at:
        return f"its own test is of {learned_from}, after that of now, {tested_at}"
    return ""


def _comparison(
    training: ChurnTraining, rival: Incumbent | None, seed: int
) -> Callable[[str, str, str], tuple[bool, str]]:
    """A function of two models and the second one's name in words: whether the first surely beats it, and how."""
    names = [name for name in (training.best, DUMMY, ONE_RULE) if name in training.predictions.columns]
    probabilities = {str(name): training.predictions[name].to_numpy() for name in names}
    if rival is not None and rival.probability is not None:
        probabilities[INCUMBENT] = rival.probability
    samples = resample_metrics(
        training.predictions["churned"], probabilities, dict.fromkeys(probabilities, 0.5), seed=seed
    )
    losses = {name: sample["log_loss"] for name, sample in samples.items()}

    def compare(first: str, second: str, name: str) -> tuple[bool, str]:
        now, then = float(losses[first].iloc[0]), float(losses[second].iloc[0])
        low, high = interval((losses[first] - losses[second]).iloc[1:])
        words = (
            f"log loss {now:.3f} against {then:.3f} of {name} "
            f"(difference {now - then:+.3f}, 95% interval {low:+.3f} to {high:+.3f})"
        )
        return high < 0, words

    return compare


def _problem(training: ChurnTraining, *, beats_dummy: bool, audit_passed: bool) -> str:
    """Why the challenger may not be champion of anything, in words; empty when it may."""
    best = str(training.best)
    if not beats_dummy:
        return "does not surely beat the dummy"
    loss = dict(zip(training.table["model"], training.table["log_loss"], strict=True))
    if ONE_RULE in loss and loss[best] > loss[ONE_RULE]:
        return "the one rule alone does better"
    unreliable = _reliability(training, best).problem
    if unreliable:
        return f"is not calibrated: {unreliable}"
    return "" if audit_passed else "the audit found a leak, see churn_audit"


def _one_rule(training: ChurnTraining) -> str:
    loss = dict(zip(training.table["model"], training.table["log_loss"], strict=True))
    return f"the one rule alone {loss[ONE_RULE]:.3f}; " if ONE_RULE in loss else ""


def _calibration(training: ChurnTraining, name: str) -> str:
    return _reliability(training, name).in_words


def _reliability(training: ChurnTraining, name: str) -> Reliability:
    learned_rate = float(training.train["churned"].mean()) if training.split == "time" else None
    return reliability(training.predictions["churned"], training.predictions[name], learned_rate=learned_rate)
