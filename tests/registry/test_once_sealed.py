"""Items that were looked at as sealed are never rows that somebody sees or trains on."""

import pytest

from project.errors import InputError
from project.paths import rows_of
from project.records.data import Row, Split
from project.records.record import write_records
from registry.champion import refuse_once_sealed
from registry.store import Registry
from tests.conftest import evidence_of, sealed_set
from tests.registry.test_store import Make, submit

ASKED = [f"Who signs the form number {n} of branch {n * n}, and where?" for n in range(100, 160)]


@pytest.fixture(autouse=True)
def looked(registry: Registry, make_adapter: Make) -> None:
    """A registry with a look at these questions, and a project whose other rows ask others."""
    version, sealed = submit(registry, make_adapter, "a"), sealed_set(*ASKED)
    pins = evidence_of(version.adapter.files, None, sealed.items.digest).pins
    assert pins is not None
    registry.count_look(version.number, pins, sealed, policy="p" * 64, alpha=0.05)
    for part in (Split.DEV, Split.TRAIN):
        curate(part, [f"What does service {n} cost in {part}?" for n in range(50)])


def curate(part: Split, asked: list[str]) -> None:
    rows = [Row.of(text, "It is so.", group=text, source="s") for text in asked]
    write_records(rows_of(part), rows)


def test_rows_that_were_never_sealed_are_free(registry: Registry) -> None:
    refuse_once_sealed(registry)


@pytest.mark.attack
@pytest.mark.parametrize("part", [Split.DEV, Split.TRAIN])
def test_sealed_items_that_shares_turn_into_other_rows_are_refused(
    part: Split, registry: Registry
) -> None:
    curate(part, [f"What does service {n} cost?" for n in range(50)] + ASKED[:20])
    with pytest.raises(InputError, match=f"20 of the 60 items .* are {part} rows now") as refused:
        refuse_once_sealed(registry)
    assert str(refused.value).startswith("params.yaml: ")


@pytest.mark.attack
def test_so_are_they_in_other_capitals(registry: Registry) -> None:
    curate(Split.DEV, [text.upper() for text in ASKED])
    with pytest.raises(InputError, match="60 of the 60 items"):
        refuse_once_sealed(registry)


def test_items_that_are_still_sealed_or_left_by_a_person_stop_nothing(registry: Registry) -> None:
    curate(Split.TRAIN, ASKED)
    curate(Split.SEALED, ASKED)  # a table of sums: other signs are other questions
    refuse_once_sealed(registry)
    rows_of(Split.SEALED).unlink()
    registry.record_rotation("sealed", 60, "known by heart")
    refuse_once_sealed(registry)


def test_a_single_question_that_is_asked_elsewhere_too_stops_nothing(registry: Registry) -> None:
    curate(Split.TRAIN, ASKED[:1])
    refuse_once_sealed(registry)
