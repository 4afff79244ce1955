"""Whether probabilities of churn come true: in the large, in their spread, and as one test.

Here: measures of reliability on rows that no step of training saw, and which of them keep a model from being
promoted. Not here: calibrating (`churn_candidates`), bins and pictures (`evaluation`, `churn_figures`).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

# What may be off before it matters to who reads a probability: five points, or a quarter of the rarer outcome's rate.
LARGEST_GAP = 0.05
LARGEST_SHARE = 0.25
# Below 0.8 a model is commonly called overfitted (Steyerberg 2019, "Clinical prediction models", ch. 15): it says more
# than it knows. Above 1 it says less, which misleads nobody and is common, since it was calibrated as it was before it
# was fitted on more rows; from 2 on its log odds are less than half of what they should be.
SLOPES = (0.8, 2.0)
SMALLEST_PROBABILITY = 1e-6
Z95 = 1.959964


@dataclass(frozen=True)
class Reliability:
    """Observed against predicted, with 95% intervals.

    Attributes:
        observed: share that churned, 0 to 1.
        predicted: mean probability, 0 to 1.
        gap_low: lower end of the interval of observed less predicted ("calibration in the large").
        gap_high: its upper end.
        slope: of the outcome's log odds on the predicted ones (Cox 1958, "Two further applications of a model for
            binary regression"): below 1 the probabilities are too extreme. NaN where all are equal, or where they
            tell both outcomes apart without a mistake.
        slope_low: lower end of its interval.
        slope_high: its upper end.
        shift: how far the rate of the people learned from is off, 0 to 1: what moved with time, whatever the model.
        z: Spiegelhalter (1986), "Probabilistic prediction in patient management", standard normal for honest
            probabilities. Told, and no condition: with 100,000 people it rejects what is off by half a point.
    """

    observed: float
    predicted: float
    gap_low: float
    gap_high: float
    slope: float
    slope_low: float
    slope_high: float
    z: float
    shift: float = 0.0

    @property
    def problem(self) -> str:
        """Why the probabilities may not be told as such, in words; empty when nothing is surely far off.

        Far off: a whole interval outside of what is tolerated. So more people make it more certain, never stricter,
        and few people condemn nothing: what keeps a model of few people out is that it must surely beat the dummy.
        A model that is no further off than the rate it learned from only shows that fewer or more leave now: no
        training can know that, and it is told in the figures.
        """
        rare = min(self.observed, 1 - self.observed)
        tolerated = max(min(LARGEST_GAP, LARGEST_SHARE * rare), self.shift)
        if self.gap_low > tolerated or self.gap_high < -tolerated:
            return f"it predicts {self.predicted:.3f} on average where {self.observed:.3f} left"
        if self.slope_high < SLOPES[0]:
            return f"its probabilities are too extreme (slope {self.slope:.2f})"
        if self.slope_low > SLOPES[1]:
            return f"its probabilities are too timid (slope {self.slope:.2f})"
        return ""

    @property
    def in_words(self) -> str:
        """The figures in one sentence's part."""
        slope = f", slope {self.slope:.2f}" if self.slope == self.slope else ""
        shift = f", the rate learned from is {self.shift:.3f} off" if self.shift else ""
        return f"predicted {self.predicted:.3f}, observed {self.observed:.3f}{slope}{shift}"


def reliability(
    outcome: npt.ArrayLike, probability: npt.ArrayLike, *, learned_rate: float | None = None
) -> Reliability:
    """Measure how far probabilities come true.

    Args:
        outcome: 1 or 0 for each person, at least one.
        probability: of outcome 1, in the same order.
        learned_rate: share of outcome 1 among earlier people, whom the probabilities were learned from; None where
            they are of the same time as these.
    """
    y = np.asarray(outcome, dtype=np.float64)
    p = np.clip(np.asarray(probability, dtype=np.float64), SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    gap = y - p
    spread = Z95 * float(gap.std()) / np.sqrt(len(y))
    slope, deviation = _slope(y, np.log(p) - np.log1p(-p))
    variance = float(((1 - 2 * p) ** 2 * p * (1 - p)).sum())
    z = float((gap * (1 - 2 * p)).sum()) / np.sqrt(variance) if variance > 0 else 0.0
    return Reliability(
        observed=float(y.mean()),
        predicted=float(p.mean()),
        gap_low=float(gap.mean() - spread),
        gap_high=float(gap.mean() + spread),
        slope=slope,
        slope_low=slope - Z95 * deviation,
        slope_high=slope + Z95 * deviation,
        z=z,
        shift=0.0 if learned_rate is None else abs(learned_rate - float(y.mean())),
    )


def _slope(y: FloatArray, log_odds: FloatArray) -> tuple[float, float]:
    """Slope of a logistic regression and its standard error; NaN where the data have no such maximum."""
    from sklearn.linear_model import LogisticRegression

    unknown = (float("nan"), float("nan"))
    left, stayed = log_odds[y == 1], log_odds[y == 0]
    if not len(left) or not len(stayed) or np.ptp(log_odds) < 1e-9:
        return unknown
    if left.min() >= stayed.max() or stayed.min() >= left.max():
        return unknown
    x = log_odds[:, None]
    fitted = LogisticRegression(C=1e9, tol=1e-8, max_iter=1_000).fit(x, y)
    p = fitted.predict_proba(x)[:, 1]
    design = np.column_stack([np.ones(len(y)), log_odds])
    information = design.T @ (design * (p * (1 - p))[:, None])
    return float(fitted.coef_[0, 0]), float(np.sqrt(np.linalg.inv(information)[1, 1]))
