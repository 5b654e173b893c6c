"""What one may set stays little: whoever adds a key makes another one a constant, or joins two.

A key counts by where it is declared: `batch_size` of four steps of training is one. What a list
holds, such as a source's columns or a pool's replicas, describes one's own things, and the list
itself counts.
"""

import re
from collections.abc import Iterator
from typing import get_origin

from docs.extension.setting_keys import every_key
from incumbent.verbs.upgrade import own_settings, parts_of
from project.settings import SECTIONS, Settings, model_of
from tests.conftest import ROOT

MOST_SETTINGS = 200
MOST_NAMES = 285  # whole names, each step's batch_size and what is in lists among them
PAGE = ROOT / "docs" / "reference" / "settings.md"


def declared(model: type[Settings]) -> Iterator[tuple[type[Settings], str]]:
    """Each key that has a value of its own, with the model that declares it."""
    for name, field in model.model_fields.items():
        parts = () if in_a_list(field.annotation) else tuple(parts_of(field.annotation))
        if not parts:
            yield next(m for m in reversed(model.__mro__) if declares(m, name)), name
        for part in parts:
            yield from declared(part)


def declares(model: type, name: str) -> bool:
    return own_settings(model) and name in model.__annotations__


def in_a_list(annotation: object) -> bool:
    """Whether a type is a list or a mapping, or one of several that is."""
    if get_origin(annotation) in (tuple, list, dict):
        return True
    return any(in_a_list(inner) for inner in getattr(annotation, "__args__", ()))


def test_there_are_no_more_settings_than_two_hundred() -> None:
    found = {key for section in SECTIONS for key in declared(model_of(section))}
    assert len(found) <= MOST_SETTINGS


def test_their_names_only_become_fewer() -> None:
    every = every_key()
    assert len(every - {name.rpartition(".")[0] for name in every}) <= MOST_NAMES


def test_each_constant_of_the_page_is_in_the_file_that_it_names() -> None:
    told = re.findall(r"`([A-Z_]+)` in `([a-z_/]+\.py)`", PAGE.read_text())
    assert len(told) >= 12
    for name, file in told:
        assert re.search(rf"^([A-Z_]+, )*{name}\b.* = ", (ROOT / file).read_text(), re.M), name
