"""Items leave an eval set by a person's rotation alone, and rows that were never items come in."""

from pathlib import Path

import pytest

from curation.curate import main
from curation.eval_sets import EVAL_SETS, Rotation, freeze, frozen_items, read_changes
from project.canonical import stamp
from project.paths import CURATED, ORIGINS, RAW, rows_of
from project.records.data import Origin, Row, Split
from project.records.record import write_records
from registry.store import Registry
from tests.incumbent.tiny_project import printed_by


@pytest.fixture(autouse=True)
def curated(pinned_base: None) -> None:
    """Sealed takes 20 of about 100 rows on its side, which show +0.2; dev all on its side."""
    write_params(sealed=20, effect=0.2)
    rows = [
        Row.of(f"what is number {i}?", f"it is {i}", group=f"g{i}", source="answers.jsonl")
        for i in range(400)
    ]
    write_records(RAW, rows)
    write_records(ORIGINS, [Origin(file=row.source, line=1, row=row.id) for row in rows])
    main()


def freeze_for(registry: Registry) -> tuple[Split, ...]:
    return freeze(at=stamp(registry.clock()), by=registry.actor)


def write_params(sealed: int, effect: float) -> None:
    Path("params.yaml").write_text(
        f"curation:\n  curate:\n    sealed: {sealed}\n"
        f"evaluation:\n  policy:\n    effect: {effect}\n"
    )


def items(part: Split) -> set[str]:
    return {row.id for row in Row.read_lines(rows_of(part))}


def rotated(*more: str, code: int = 0) -> str:
    return printed_by("data", "rotate-eval", *more, code=code)


def test_a_rotation_is_on_record_and_the_next_run_fills_the_part() -> None:
    before = {part: items(part) for part in Split}
    said = rotated("--reason", "eight looks were taken")
    assert "20 items leave sealed" in said
    (change,) = read_changes().values()
    assert isinstance(change, Rotation)
    assert (change.by, change.reason) == ("tester", "eight looks were taken")
    assert set(change.rows) == before[Split.SEALED]
    main()
    after = {part: items(part) for part in Split}
    assert len(after[Split.SEALED]) == 20
    assert not before[Split.SEALED] & set.union(*after.values())
    assert (after[Split.DEV], after[Split.TRAIN]) == (before[Split.DEV], before[Split.TRAIN])


def test_it_goes_on_until_too_few_unused_rows_are_there() -> None:
    """Of 94 rows on that side."""
    for _ in range(3):
        rotated("--reason", "worn out")
        main()
    said = rotated("--reason", "worn out", code=2)
    assert "only 14 unused rows are there for the 20 items of sealed" in said
    assert len(read_changes()) == 3


def test_a_part_that_takes_all_rows_has_none_to_fill_up_with() -> None:
    size = len(items(Split.DEV))
    said = rotated("--reason", "worn out", "--part", "dev", code=2)
    assert f"only 0 unused rows are there for the {size} items of dev" in said
    assert "new rows are needed" in said
    assert not EVAL_SETS.exists()


def test_twice_without_a_run_between_is_refused() -> None:
    rotated("--reason", "worn out")
    assert "its items left already: run `dvc repro` first" in rotated("--reason", "oh", code=2)
    assert len(read_changes()) == 1


def test_a_frozen_set_grows_by_a_persons_word_and_no_item_of_it_leaves() -> None:
    before = items(Split.SEALED)
    assert "sealed is not frozen yet" in rotated("--grow", "--reason", "more", code=2)
    with Registry.here() as registry:
        assert freeze_for(registry) == (Split.DEV, Split.SEALED)
        assert freeze_for(registry) == ()
    assert "no row waits" in rotated("--grow", "--reason", "more", code=2)
    write_params(sealed=30, effect=0.2)
    main()
    assert items(Split.SEALED) == before
    assert "10 items more in sealed, 30 in all" in rotated("--grow", "--reason", "more")
    main()
    assert before < items(Split.SEALED) and len(items(Split.SEALED)) == 30


def test_after_a_rotation_the_fresh_items_are_frozen_by_the_next_look() -> None:
    with Registry.here() as registry:
        freeze_for(registry)
        rotated("--reason", "worn out")
        main()
        assert freeze_for(registry) == (Split.SEALED,)
    assert set(frozen_items(read_changes())[Split.SEALED]) == items(Split.SEALED)


def test_items_that_were_accepted_after_a_freeze_are_frozen_by_the_next_look() -> None:
    with Registry.here() as registry:
        freeze_for(registry)
        sealed = Row.read_lines(rows_of(Split.SEALED))
        new = Row.of("why is it so?", "because", group="n", source="labelled.jsonl")
        write_records(rows_of(Split.SEALED), [*sealed, new])
        assert freeze_for(registry) == ()
        lines = len(read_changes())
        assert freeze_for(registry) == ()
    assert list(frozen_items(read_changes())[Split.SEALED]) == [*(row.id for row in sealed), new.id]
    assert lines == len(read_changes()) == 3


def test_nothing_is_rotated_before_there_is_something() -> None:
    for path in CURATED.iterdir():
        path.unlink()
    assert "nothing is curated yet: run `dvc repro`" in rotated("--reason", "oh", code=2)


def test_a_rotation_needs_a_reason_and_one_of_the_eval_sets() -> None:
    assert "Missing option '--reason'" in rotated(code=2)
    assert "needs a --reason" in rotated("--reason", " ", code=2)
    assert "'train' is not one of" in rotated("--reason", "oh", "--part", "train", code=2)


def test_only_those_who_may_promote_rotate(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("roles.yaml").write_text("promote: [ann]\n")
    monkeypatch.setenv("INCUMBENT_ROLES", "roles.yaml")
    assert "tester may not promote: that is for ann" in rotated("--reason", "oh", code=1)
    assert not EVAL_SETS.exists()


@pytest.mark.attack
def test_a_rotation_to_items_that_show_too_little_is_refused() -> None:
    """Small fresh sets, one after the other, were as many first looks."""
    write_params(sealed=20, effect=0.02)
    said = rotated("--reason", "worn out", code=2)
    assert "20 fresh items find +0.02 in rougeL in about 9 % of cases, and 80 % are asked" in said
    assert "or say in evaluation.policy.effect what gain is worth waiting for" in said
    assert "so many items find +0.1" in said
    assert not EVAL_SETS.exists()
    with Registry.here() as registry:
        assert registry.history() == []
