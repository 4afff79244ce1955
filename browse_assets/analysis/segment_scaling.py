"""Sessions by topic as coordinates in which distances between people mean something.

Here: the transformer of the segments' model. Not here: clusters (`segments`). It imports scikit-learn
when it is loaded (3 s): only `segments` imports it, and only inside functions.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, TransformerMixin

FloatArray = npt.NDArray[np.float64]


class ScaledShares(TransformerMixin, BaseEstimator):
    """Smoothed topic shares on a scale between Hellinger's and the chi-square distance.

    A person with x_j of n sessions on topic j gets the share p_j = (x_j + c m_j) / (n + c), m being the
    panel's mean shares: the posterior mean under a Dirichlet prior that weighs `prior_sessions` = c
    sessions, so that two visits make no profile. The coordinate is sqrt(p_j) / m_j^(1/4). Square roots
    alone (Legendre and Gallagher 2001, "Ecologically meaningful transformations for ordination of
    species data") leave the topics that everybody reads to decide; division by sqrt(m_j), the
    chi-square distance, leaves it to single visits of rare ones. This is the geometric mean of both.

    Parameters:
        prior_sessions: weight of the panel's mean, in sessions.

    Attributes:
        mean_: the panel's mean share of each topic, in the order of columns.

    Example:
        >>> ScaledShares(prior_sessions=2.0).fit_transform([[2.0, 0.0], [0.0, 2.0]]).round(3).tolist()
        [[1.03, 0.595], [0.595, 1.03]]
    """

    def __init__(self, prior_sessions: float = 5.0) -> None:
        self.prior_sessions = prior_sessions

    def fit(self, sessions: npt.ArrayLike, y: Any = None) -> "ScaledShares":  # noqa: ARG002  (scikit-learn's signature)
        """Learn the mean shares of people with any session."""
        counts = np.asarray(sessions, dtype=np.float64)
        self.n_features_in_ = counts.shape[1]
        self.mean_ = (counts / counts.sum(axis=1, keepdims=True)).mean(axis=0)
        return self

    def transform(self, sessions: npt.ArrayLike) -> FloatArray:
        """Coordinates of each person; topics that nobody of the panel touched are 0."""
        counts = np.asarray(sessions, dtype=np.float64)
        prior = self.prior_sessions
        shares = (counts + prior * self.mean_) / (counts.sum(axis=1, keepdims=True) + prior)
        scale = np.sqrt(np.sqrt(self.mean_))
        return np.divide(np.sqrt(shares), scale, out=np.zeros_like(shares), where=scale > 0)
