"""Every fault by the name of its column, which a contract may speak of."""

from curation.faults.finder import Finder

FAULTS: dict[str, Finder] = {}
