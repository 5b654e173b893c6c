"""Any-time evidence from a mean and its error, where both come from ever more votes.

An estimate that grows with every vote moves, on the scale of what is known, I = 1/SE², like a
random walk with drift: B = I (estimate − m) has mean I (θ − m) and variance I (Scharfstein, Tsiatis
& Robins 1997, JASA 92: efficient estimates have independent increments). Then

    E = ∫ exp(δ B − δ² I/2) dΠ(δ),   Π half-normal with scale ρ,

is a supermartingale where θ ≤ m, and the chance that it ever reaches 1/α is at most α (Robbins
1970, Annals of Mathematical Statistics 41; Howard et al. 2021, Annals of Statistics 49). It holds
as votes become many (Waudby-Smith et al. 2024, Annals of Statistics 52, on asymptotic confidence
sequences); benchmarks/votes.py measures it with few.
"""

from math import exp, inf, log, log1p, sqrt

from scipy import stats

from evaluation.decision.statistics import LARGEST_EXPONENT

SCALE = 0.1  # ρ: how far a preference is from one half, where it is
FARTHEST = 100.0  # a z that nothing real exceeds


def any_time_e_value(difference: float, se: float, df: float, scale: float = SCALE) -> float:
    """Evidence that a true difference is above 0: 2 Φ(x) exp(x²/2) / √(1 + ρ²I).

    x = z ρ√I / √(1 + ρ²I), where z is the normal quantile of what t with df degrees of freedom
    says, as the error is estimated. 1 without an error; infinite beyond the float range.
    """
    if se <= 0:
        return 1.0
    z = float(-stats.norm.ppf(stats.t.sf(difference / se, df)))
    known = (scale / se) ** 2
    x = min(max(z, -FARTHEST), FARTHEST) * sqrt(known / (1 + known))
    logarithm = log(2) + float(stats.norm.logcdf(x)) + x * x / 2 - log1p(known) / 2
    return exp(logarithm) if logarithm < LARGEST_EXPONENT else inf
