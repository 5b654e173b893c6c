"""What a version answered on dev when it was judged, as far as it is kept on this machine."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from evaluation.report.dev_items import (
    DevItem,
    DevItems,
    kept_comparison,
    kept_path,
    kept_versions,
)
from project.errors import InputError
from project.records.data import Row

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DevAnswers:
    """By the items' ids: what was asked, and the version's first answer."""

    rows: Mapping[str, Row]
    texts: Mapping[str, str]


def dev_answers(family: str, version: int) -> DevAnswers | None:
    """From the version's own dev items, or from those of a version that was compared with it."""
    try:
        if kept_path(family, version).is_file():
            return answers_in(family, version, own=True)
        for other in kept_versions(family):
            if kept_comparison(kept_path(family, other)).opponent.version == version:
                return answers_in(family, other, own=False)
    except InputError as error:
        log.warning("the dev items of v%d cannot be read: %s", version, error)
    return None


def answers_in(family: str, version: int, *, own: bool) -> DevAnswers | None:
    items = DevItems.kept(kept_path(family, version)).items
    if not items:
        return None
    return DevAnswers(
        rows={item.row.id: item.row for item in items},
        texts={item.row.id: answer_of(item, own) for item in items},
    )


def answer_of(item: DevItem, own: bool) -> str:
    return item.challenger if own else item.champion
