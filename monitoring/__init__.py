"""Traffic in, night verdicts and triggers out. `monitoring.compare` compares two sets."""

from typing import TYPE_CHECKING, Any

from project.libraries import settle

if TYPE_CHECKING:
    from monitoring.drift.compare_sets import compare as compare

settle()


def __getattr__(name: str) -> Any:
    """`compare` is looked up when asked for: it needs numpy and scikit-learn, a reader of traffic
    does not."""
    if name != "compare":
        raise AttributeError(f"module 'monitoring' has no attribute {name!r}")
    from monitoring.drift.compare_sets import compare

    return compare
