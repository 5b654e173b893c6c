"""What a model wrote is trained on, within its share, where a person accepted it; and no item."""

from curation.accepted_rows import SEEN, SYNTHETIC_WAITS, UNACCEPTED
from curation.curate import Curated, curate, seen_items
from curation.curation_settings import CurateParams
from curation.eval_sets import Extension
from project.records.data import Row, Split
from tests.curation.test_accepted_rows import BASE, PARAMS, extension, ids, labelled
from tests.curation.test_selection import selection

PERSON = labelled("who may open a deposit box?", "whoever has an account", group="box")


def written(count: int) -> list[Row]:
    rows = [labelled(f"which coin {i}?", f"buy coin {i}") for i in range(1_000, 1_000 + count)]
    return [row.model_copy(update={"synthetic": "a model"}) for row in rows]


def curated(*batches: list[Row], params: CurateParams = PARAMS) -> Curated:
    changes: dict[int, Extension] = {n: extension(*rows) for n, rows in enumerate(batches, start=1)}
    return curate([*BASE, *(row for rows in batches for row in rows)], dict(changes), params)


OLD = curate(BASE, {}, PARAMS)


def test_none_of_many_is_ever_an_item() -> None:
    made = curated(written(200))
    for part in (Split.DEV, Split.SEALED):
        assert ids(made.parts[part]) == ids(OLD.parts[part])
    assert any(row.synthetic for row in made.parts[Split.TRAIN])


def test_training_holds_no_more_than_the_share_and_the_rest_waits() -> None:
    made = curated(written(200), params=PARAMS.model_copy(update={"accepted_share": 0.9}))
    train = made.parts[Split.TRAIN]
    there = sum(row.synthetic is not None for row in train)
    assert there / len(train) <= 0.2
    assert there == len(OLD.parts[Split.TRAIN]) // 4
    assert list(made.left_out.values()).count(SYNTHETIC_WAITS) == 200 - there


def test_a_row_of_a_person_that_came_later_does_not_wait_for_them() -> None:
    few = PARAMS.model_copy(update={"accepted_share": 0.01})
    people = [labelled(f"how is fund {i} run?", f"by bank {i}") for i in range(2_000, 2_040)]
    made = curated(written(200), people, params=few)
    own = [row for row in made.parts[Split.TRAIN] if row.source == "labelled.jsonl"]
    assert own
    assert not any(row.synthetic for row in own)


def test_one_like_an_item_goes_nowhere_and_does_not_pass_for_a_users_question() -> None:
    item = OLD.parts[Split.SEALED][0]
    like = item.model_copy(update={"id": "x", "source": "labelled.jsonl", "synthetic": "a model"})
    made = curated([like])
    assert made.left_out["x"] == SEEN
    assert seen_items(made) == []


def test_one_like_an_accepted_item_goes_nowhere_too() -> None:
    params = PARAMS.model_copy(update={"sealed_share": 0.98, "dev_share": 0.01})
    like = PERSON.model_copy(update={"id": "x", "synthetic": "a model"})
    made = curated([PERSON], [like], params=params)
    assert PERSON.id in ids(made.parts[Split.SEALED])
    assert made.left_out["x"] == SEEN


def test_one_of_a_plain_source_goes_nowhere() -> None:
    row = BASE[0].model_copy(update={"synthetic": "a model"})
    made = curate([row, *BASE[1:]], {}, PARAMS)
    assert made.left_out[row.id] == UNACCEPTED


def test_a_selection_leaves_rehearsed_and_accepted_rows_alone() -> None:
    params = PARAMS.model_copy(update={"train_only": ("rehearsal.jsonl",)})
    rehearsed = Row.of("name a colour", "blue", group="r", source="rehearsal.jsonl")
    chosen = ids(OLD.parts[Split.TRAIN])[:4][::-1]
    changes = {1: extension(*written(1))}
    made = curate(
        [rehearsed, *BASE, *written(1)], dict(changes), params, selection=selection(*chosen)
    )
    train = made.parts[Split.TRAIN]
    assert ids([row for row in train if not row.synthetic]) == [rehearsed.id, *chosen]
    assert ids([row for row in train if row.synthetic]) == ids(written(1))
    for part in (Split.DEV, Split.SEALED):
        assert ids(made.parts[part]) == ids(OLD.parts[part])
