"""The side of a family of rows: a function of its name and the seed alone."""

from curation.curation_settings import CurateParams
from project.canonical import digest_json
from project.records.data import Split


def side(lot: float, params: CurateParams) -> Split:
    """Low lots are sealed, high ones train: see `draw` of curation/curate.py for this order."""
    if lot < params.sealed_share:
        return Split.SEALED
    return Split.DEV if lot < params.sealed_share + params.dev_share else Split.TRAIN


def lot(seed: int, name: str) -> float:
    """A number in [0, 1) that is a function of seed and name, spread evenly over names."""
    return int(digest_json([seed, name])[:13], 16) / 16**13
