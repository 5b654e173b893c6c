"""Which grounded rows the project begins with, and which wait for the second round."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from curation.curation_settings import CurateParams
from curation.kinship import families_of_kin
from examples.bank.dealing import part_of
from examples.bank.facts import documents
from examples.bank.grounded_rows import Grounded, cited_answer
from examples.bank.make_rows import Fields, row_fields
from project.records.data import Row, Split


Kind = tuple[bool, bool]  # whether a row is answerable, and of a document that nobody trains on
ITEMS: Mapping[Split, Mapping[Kind, int]] = {
    Split.DEV: {(True, True): 52, (False, True): 14, (True, False): 64, (False, False): 30},
    Split.SEALED: {(True, True): 66, (False, True): 18, (True, False): 80, (False, False): 38},
}


@dataclass(frozen=True)
class DealtGrounded:
    one: Grounded
    group: str
    part: Split


def deal_grounded(
    rows: Sequence[Grounded], params: CurateParams, reserve: int
) -> tuple[list[DealtGrounded], list[Grounded]]:
    """The project's rows, and the reserve. Pure. Families of kin are dealt whole, as curation would
    have it: to the part that lacks most of what they hold, those of unseen documents first.
    """
    families: dict[str, list[Grounded]] = {}
    names = families_of_kin([as_row(one) for one in rows]).names
    for one, name in zip(rows, names, strict=True):
        families.setdefault(name, []).append(one)
    lacking = {part: Counter(kinds) for part, kinds in ITEMS.items()}
    dealt: list[DealtGrounded] = []
    left: list[list[Grounded]] = []
    for family in sorted(families.values(), key=lambda own: not any(o.unseen for o in own)):
        held = Counter(kind_of(one) for one in family)
        gains = {part: sum((lacks & held).values()) for part, lacks in lacking.items()}
        part = max(gains, key=lambda part: gains[part] / sum(ITEMS[part].values()))
        if any(one.unseen for one in family) or 2 * gains[part] > len(family):
            dealt += placed(family, part, params)
            lacking[part] -= held
        else:
            left.append(family)
    train = [one for family in left for one in family]
    kept = train[len(train) - reserve :]
    for family in left:
        dealt += placed([one for one in family if one not in kept], Split.TRAIN, params)
    return dealt, kept


def placed(family: Sequence[Grounded], part: Split, params: CurateParams) -> list[DealtGrounded]:
    """All under one group, whose lot makes it of that part."""
    names = (f"{family[0].row.id}.{number}" for number in count()) if family else iter(())
    group = next((name for name in names if part_of(name, params) is part), "")
    return [DealtGrounded(one, group, part) for one in family]


def kind_of(one: Grounded) -> Kind:
    return one.answerable, one.unseen


def as_row(one: Grounded) -> Row:
    row = Row.of(one.row.prompt, cited_answer(one), group=one.row.id, source="bank")
    return row.model_copy(update={"answerable": one.answerable})


def grounded_fields(one: Grounded, group: str) -> Fields:
    """A row as (instruction, input, output) with its passages."""
    fields = row_fields(one.row, group)
    if not one.answerable:
        fields.pop("assertions", None)
    return {
        **fields,
        "output": cited_answer(one),
        "slices": {
            "topic": one.row.topic,
            "fact": one.row.fact,
            "document": "unseen" if one.unseen else "seen",
            "answerable": "yes" if one.answerable else "no",
        },
        "evidence": [passage.model_dump() for passage in one.shown],
        "answerable": one.answerable,
    }
