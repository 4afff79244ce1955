"""MBG/NBD: how often somebody comes back, from how often and how lately they came.

What belongs here: the modified beta-geometric/NBD model, its fit and its forecasts. What does not: which visits are
counted, and comparing it to other scores (`product_backtest.py`).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

RETURN_DAYS = 14.0
# A parameter beyond these says only that the data do not tell it.
_SMALLEST, _LARGEST = 1e-3, 1e4
_QUANTILES = 16
# Fewer pairs, or none that came back, fit nothing.
MIN_PAIRS = 30


@dataclass(frozen=True)
class RepeatModel:
    """Visits come at a rate drawn from Gamma(r, alpha) for each pair, and after each of them, the first included, the
    interest ends with a probability drawn from Beta(a, b).

    Batislam, Denizel and Filiztekin (2007), "Empirical validation and comparison of models for customer base
    analysis", International Journal of Research in Marketing 24(3); Hoppe and Wagner (2007), "Customer base
    analysis: the case for a central variant of the betageometric/NBD model", Marketing JRM 3(2). Unlike the BG/NBD
    it lets who came once be gone.

    Attributes:
        r: shape of the rate, > 0.
        alpha: inverse scale of the rate, in the unit of time.
        a: of the beta distribution, > 0.
        b: of the beta distribution, > 0.
    """

    r: float
    alpha: float
    a: float
    b: float

    def alive(self, x: npt.ArrayLike, t_x: npt.ArrayLike, age: npt.ArrayLike) -> FloatArray:
        """P(the interest has not ended), in (0, 1), for x repeat visits, the last at t_x, seen for `age`."""
        x, t_x, age = _arrays(x, t_x, age)
        odds = (self.r + x) * np.log((self.alpha + age) / (self.alpha + t_x)) + np.log(self.a) - np.log(self.b + x)
        return np.asarray(1 / (1 + np.exp(np.minimum(odds, 500))))

    def returning(
        self, x: npt.ArrayLike, t_x: npt.ArrayLike, age: npt.ArrayLike, horizon: float, *, after: float = 0.0
    ) -> FloatArray:
        """P(at least one visit within the horizon, once `after` has gone by), 0 to 1.

        While alive the interest can only end at a visit. So right away no visit at all has the chance of the rate
        alone, Gamma(r + x, alpha + age) given that it is alive. After a time without a look, an interest of rate l
        that ends at a visit with chance p is still there with exp(-l p after); the mean over p, Beta(a, b + x + 1)
        given that no visit has ended it, is taken at its middle quantiles.
        """
        from scipy.special import betaincinv

        x, t_x, age = _arrays(x, t_x, age)
        shape, scale = self.r + x, self.alpha + age
        back = np.zeros(np.broadcast(x, age).shape)
        quantiles = (np.arange(_QUANTILES) + 0.5) / _QUANTILES if after else np.zeros(1)
        for quantile in quantiles:
            gone = after * betaincinv(self.a, self.b + x + 1, quantile)
            back += np.exp(shape * np.log(scale / (scale + gone))) - np.exp(
                shape * np.log(scale / (scale + gone + horizon))
            )
        return np.asarray(self.alive(x, t_x, age) * back / len(quantiles))

    def expected(self, x: npt.ArrayLike, t_x: npt.ArrayLike, age: npt.ArrayLike, horizon: float) -> FloatArray:
        """Expected visits within the horizon (Hoppe and Wagner 2007, conditional expectation)."""
        from scipy.special import hyp2f1

        x, t_x, age = _arrays(x, t_x, age)
        a = self.a + 1e-9 if abs(self.a - 1) < 1e-9 else self.a  # a pole that is none: its limit exists
        z = horizon / (self.alpha + age + horizon)
        shrink = np.exp((self.r + x) * np.log((self.alpha + age) / (self.alpha + age + horizon)))
        forecast = (a + self.b + x) / (a - 1) * (1 - shrink * hyp2f1(self.r + x, self.b + x + 1, a + self.b + x, z))
        return np.asarray(self.alive(x, t_x, age) * forecast)


def history_of(
    visits: npt.ArrayLike, first_days: npt.ArrayLike, last_days: npt.ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(x, t_x, age) of days with a visit and the days since the first and the last, in whole days.

    Visits are counted in days too; and few distinct rows are fitted 20 times faster than all.
    """
    visits, first, last = _arrays(visits, first_days, last_days)
    return (
        visits - 1,
        np.where(visits > 1, np.round(first) - np.minimum(np.round(last), np.round(first)), 0.0),
        np.round(first),
    )


def log_likelihood(model: RepeatModel, x: npt.ArrayLike, t_x: npt.ArrayLike, age: npt.ArrayLike) -> FloatArray:
    """Log likelihood of each pair's (x, t_x, age) under the model."""
    from scipy.special import gammaln

    x, t_x, age = _arrays(x, t_x, age)
    r, alpha, a, b = model.r, model.alpha, model.a, model.b
    shared = gammaln(r + x) - gammaln(r) + r * np.log(alpha) - (r + x) * np.log(alpha + age)
    staying = gammaln(a + b) - gammaln(b) + gammaln(b + x + 1) - gammaln(a + b + x + 1)
    left = np.log(a) - np.log(b + x) + (r + x) * np.log((alpha + age) / (alpha + t_x))
    return np.asarray(shared + staying + np.logaddexp(0, left))


def fit_repeat_model(x: npt.ArrayLike, t_x: npt.ArrayLike, age: npt.ArrayLike) -> RepeatModel | None:
    """The model of maximum likelihood; None for fewer than MIN_PAIRS pairs or when nobody came back.

    Args:
        x: repeat visits, the first not counted.
        t_x: time from the first to the last visit; 0 where x is 0.
        age: time from the first visit to the end of observation, >= t_x.

    Equal rows are counted once with their number, so that the fit costs as much as there are distinct ones.

    Raises:
        ValueError: a count or a time is negative or not finite, or t_x > age.
    """
    from scipy.optimize import minimize

    x, t_x, age = _arrays(x, t_x, age)
    rows = np.column_stack([x, t_x, age])
    if not np.isfinite(rows).all() or (rows < 0).any() or (t_x > age).any():
        raise ValueError("visits and times must be finite, not negative, and the last visit before the end")
    if len(rows) < MIN_PAIRS or not (x > 0).any():
        return None
    distinct, counts = np.unique(rows, axis=0, return_counts=True)
    limits = np.log([_SMALLEST, _LARGEST])

    def loss(logs: FloatArray) -> float:
        model = RepeatModel(*np.exp(np.clip(logs, *limits)))
        return -float(counts @ log_likelihood(model, *distinct.T)) / len(rows)

    scale = np.log(max(1.0, float(np.median(age))))
    # A simplex: with four parameters as quick as gradients by differences, and no BLAS threads that wait for cores.
    start = np.array([-0.5, scale, -0.5, 0.5])
    best = minimize(loss, start, method="Nelder-Mead", options={"maxiter": 800, "xatol": 1e-3, "fatol": 1e-8})
    return RepeatModel(*(float(value) for value in np.exp(np.clip(best.x, *limits))))


def _arrays(*values: npt.ArrayLike) -> tuple[FloatArray, ...]:
    return tuple(np.asarray(value, dtype=np.float64) for value in values)
