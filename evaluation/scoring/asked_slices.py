"""The slices that scorers are told of: one that no item has would go unnoticed, or end a look."""

from collections.abc import Collection

from evaluation.evaluation_settings import ScoringParams
from evaluation.scoring.built_in import SCORERS
from evaluation.scoring.scorer_class import misfit


def refuse_absent_slices(params: ScoringParams, there: Collection[str]) -> None:
    """Raise InputError for a slice, as "key=value", that an option names and no item has."""
    for at, choice in enumerate(params.metrics):
        slices, only = (choice.options.get(name) for name in ("slices", "only"))
        asked = [*(slices if isinstance(slices, dict) else ()), only]
        for name in asked if choice.metric in SCORERS else ():
            if isinstance(name, str) and name not in there:
                known = ", ".join(sorted(there)) or "none"
                problem = f"no item is in slice {name!r}; there are {known}"
                raise misfit(at, problem, "options", "only" if name == only else "slices")
