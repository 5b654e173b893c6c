"""Whether users fell to the arms as the share says: where they did not, something chose them.

An e-value that may be looked at at any time: the chance of this very row of arms, averaged over
shares around the stated one (a Beta distribution), by its chance at the stated one (Lindon & Malek
2022, "Anytime-valid inference for multinomial count data"; Ville 1939).
"""

import numpy as np
from scipy import special

from serving.experiments.differences import Flags

ALPHA = 0.001
WEIGHT = 100.0  # users' worth of belief in the stated share


def ratio_e_value(challenger: Flags, share: float) -> float:
    """The most that the evidence against the share ever was, in the order of arrival [T]."""
    if not len(challenger):
        return 1.0
    treated = np.cumsum(challenger)
    others = np.arange(1, len(challenger) + 1) - treated
    a, b = WEIGHT * share, WEIGHT * (1 - share)
    logs = special.betaln(a + treated, b + others) - special.betaln(a, b)
    logs -= treated * np.log(share) + others * np.log1p(-share)
    return finite(max(0.0, float(logs.max())))


def finite(log: float) -> float:
    """A number of its logarithm, that a record can hold."""
    return float(np.exp(min(log, 600.0)))
