"""Stage `start`: training starts from the bare base, or from an adapter of the registry."""

import gc
import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from project.canonical import canonical_json, digest_bytes, digest_folder
from project.errors import IncumbentError, InputError
from project.files import home
from project.model_pins import ModelChoice, pin
from project.paths import ADAPTER as ADAPTER_CARD
from project.paths import ADAPTER_FILES, BASE, DATASET, START, TEACHER, rows_of
from project.records.adapters import Adapter, AdapterVersion
from project.records.data import DatasetVersion, EvidencePassage, Row, Split
from project.records.record import Digest, write_records
from registry.store import Registry
from tests import places
from tests.conftest import BASE as PIN
from training.recipe import LearntRows, Recipe, Teacher, TrainingStart, row_digest
from training.rows.experience_replay import learnt_by_challenger, replayed
from training.start import main, starting_version

ROWS = [Row.of(f"What is {n}?", f"It is {n}.", group=str(n), source="s") for n in range(4)]
OLD, NEW, NEWER = "1" * 64, "2" * 64, "3" * 64  # digests of curated rows
RECIPE = {"adapter": {"target_modules": ["q_proj", "v_proj"]}}
ADAPTER = {"start": "champion", "r": 8, "alpha": 16, "target_modules": ["q_proj", "v_proj"]}


@pytest.fixture
def registry() -> Iterator[Registry]:
    """The project's own, which the stage opens too."""
    with Registry(home() / "registry", "default", clock=places.ticking()) as opened:
        yield opened


@pytest.fixture(autouse=True)
def project() -> None:
    """On rows that are new to the first version."""
    PIN.write(BASE)
    curate(NEW)
    settings()


def settings(**adapter: object) -> None:
    Path("params.yaml").write_text(yaml.safe_dump({"training": {"adapter": ADAPTER | adapter}}))


def curate(rows: Digest) -> None:
    dataset(rows).write(DATASET)


def dataset(rows: Digest) -> DatasetVersion:
    return places.DATASET.model_copy(update={"rows": rows})


def trained(
    registry: Registry,
    rows: Digest,
    start: AdapterVersion | None = None,
    learnt: LearntRows | None = None,
    recipe: dict[str, Any] = RECIPE,
    **config: object,
) -> AdapterVersion:
    """A version, as the pipeline makes and submits one; each of other bytes."""
    number = len(registry.versions(with_deleted=True))
    files = Path("made", str(number))
    files.mkdir(parents=True)
    (files / "adapter_model.safetensors").write_bytes(f"weights {number}".encode())
    (files / "recipe.json").write_bytes(canonical_json(recipe) + b"\n")
    shape = {"r": 8, "lora_alpha": 16, "use_rslora": False}
    (files / "adapter_config.json").write_bytes(canonical_json(shape | config))
    adapter = Adapter(
        files=digest_folder(files),
        base=PIN,
        recipe=digest_bytes(canonical_json(recipe)),
        dataset=dataset(rows).digest,
        parent=start.adapter.files if start else None,
    )
    return registry.submit(adapter, files, "made", dataset(rows), *([learnt] if learnt else []))


def promoted(registry: Registry, version: AdapterVersion) -> AdapterVersion:
    return registry.promote(version.number, "it won", force=True)


def started() -> TrainingStart:
    """What the stage writes."""
    main()
    return TrainingStart.read(START / "start.json")


def bytes_of_start() -> Digest:
    main()
    return digest_folder(START)


def test_from_the_base_the_registry_is_not_even_opened() -> None:
    settings(start="base")
    assert started() == TrainingStart()
    assert not home().exists()


def test_without_a_champion_it_is_the_base_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert started() == TrainingStart()
    assert capsys.readouterr().out == ("training starts from the base: there is no champion yet\n")


def test_the_champion_goes_on_with_new_rows(registry: Registry) -> None:
    first = promoted(registry, trained(registry, OLD, learnt=LearntRows.of(ROWS)))
    start = started()
    assert (start.adapter, start.version) == (first.adapter.files, 1)
    assert set(start.known) == set(map(row_digest, ROWS))
    assert digest_folder(START / "adapter") == first.adapter.files


def test_what_was_submitted_and_did_not_win_is_no_start(registry: Registry) -> None:
    first = promoted(registry, trained(registry, OLD))
    before = bytes_of_start()
    trained(registry, NEW, start=first)
    assert bytes_of_start() == before


def test_right_after_a_promotion_nothing_changes(registry: Registry) -> None:
    first = promoted(registry, trained(registry, OLD))
    before = bytes_of_start()
    promoted(registry, trained(registry, NEW, start=first))
    assert bytes_of_start() == before
    assert started().version == 1


def test_nor_after_the_promotion_of_the_first_version(registry: Registry) -> None:
    before = bytes_of_start()
    promoted(registry, trained(registry, NEW))
    assert bytes_of_start() == before
    assert started() == TrainingStart()


def test_once_new_data_come_the_newest_champion_goes_on(registry: Registry) -> None:
    first = promoted(registry, trained(registry, OLD))
    second = promoted(registry, trained(registry, NEW, start=first))
    curate(NEWER)
    assert started().adapter == second.adapter.files


def test_after_a_rollback_training_starts_as_it_did(registry: Registry) -> None:
    first = promoted(registry, trained(registry, OLD))
    before = bytes_of_start()
    promoted(registry, trained(registry, NEW, start=first))
    registry.rollback("back")
    assert bytes_of_start() == before


def test_another_recipe_on_the_champions_rows_starts_where_it_did(registry: Registry) -> None:
    first = promoted(registry, trained(registry, OLD))
    second = promoted(registry, trained(registry, NEW, start=first))
    third = promoted(registry, trained(registry, NEW, start=first))
    assert second.adapter.files != third.adapter.files
    assert started().adapter == first.adapter.files


def test_where_its_start_was_deleted_it_is_the_champion_itself(registry: Registry) -> None:
    first = promoted(registry, trained(registry, OLD))
    second = promoted(registry, trained(registry, NEW, start=first))
    registry.delete(first.number, "too old")
    assert started().adapter == second.adapter.files


def test_what_learnt_erased_rows_is_no_start(registry: Registry) -> None:
    promoted(registry, trained(registry, OLD))
    registry.record_erasure(["row"], [1], [], "asked for")
    assert starting_version(registry, NEW) == (
        None,
        "default v1 was trained on rows that were erased since",
    )


def test_what_a_version_has_learnt_may_not_be_known(registry: Registry) -> None:
    promoted(registry, trained(registry, OLD))
    start = started()
    assert start.adapter and start.known == ()


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        (
            {"r": 16},
            "training.adapter.r: is 16, and default v1 was made with 8: set it to that",
        ),
        ({"alpha": 32}, "training.adapter.alpha: is 32.0, and default v1 was made with 16.0"),
        ({"rslora": True}, "training.adapter.rslora: is true, and default v1 was made with false"),
        (
            {"target_modules": "all-linear"},
            'training.adapter.target_modules: is "all-linear", and default v1 was made with '
            '["q_proj", "v_proj"]',
        ),
    ],
)
def test_another_shape_than_the_champions_is_refused_by_the_setting(
    registry: Registry, changed: dict[str, object], problem: str
) -> None:
    promoted(registry, trained(registry, OLD))
    settings(**changed)
    with pytest.raises(InputError) as refused:
        main()
    assert problem in str(refused.value)
    assert str(refused.value).startswith("params.yaml:")
    assert str(refused.value).endswith("or set training.adapter.start to base")
    assert not START.exists()


def test_another_base_than_the_champions_is_refused(registry: Registry) -> None:
    promoted(registry, trained(registry, OLD))
    PIN.model_copy(update={"name": "other-base", "weights": "e" * 64}).write(BASE)
    with pytest.raises(InputError, match=r"base.model: default v1 stands on a-base .* other-base"):
        main()


def test_a_damaged_adapter_is_no_start(registry: Registry) -> None:
    first = promoted(registry, trained(registry, OLD))
    weights = registry.artifacts.manifest(first.adapter.files)["adapter_model.safetensors"]
    registry.artifacts.blobs.write(weights, b"other weights")
    with pytest.raises(IncumbentError, match="damaged"):
        main()
    assert not START.exists()


def test_a_row_with_a_better_answer_is_another_row() -> None:
    better = ROWS[0].model_copy(update={"completion": ROWS[1].completion})
    assert row_digest(better) != row_digest(ROWS[0])
    passages = (EvidencePassage(id="1", text="Fees."), EvidencePassage(id="1", text="Rules."))
    shown = [ROWS[0].model_copy(update={"evidence": (one,)}) for one in passages]
    assert len({row_digest(row) for row in (ROWS[0], *shown)}) == 3
    renamed = ROWS[0].model_copy(update={"id": "other", "source": "t"})
    assert row_digest(renamed) == row_digest(ROWS[0])


def test_what_was_learnt_adds_up_and_holds_no_text() -> None:
    both = LearntRows.of(ROWS[2:], LearntRows.of(ROWS[:2]).learnt)
    assert both == LearntRows.of(ROWS)
    assert all(len(digest) == 16 for digest in json.loads(both.canonical())["learnt"])


def taught(teacher: int | str = "champion") -> Teacher:
    """Whom the stage names as the teacher of step `distill`."""
    distill = {"epochs": 1, "teacher": teacher, "licence": "Apache-2.0"}
    Path("params.yaml").write_text(yaml.safe_dump({"training": {"distill": distill}}))
    main()
    return Teacher.read(TEACHER)


def test_the_teacher_is_the_champion_or_the_version_that_is_named(registry: Registry) -> None:
    first, second = (promoted(registry, trained(registry, OLD)) for _ in range(2))
    assert taught() == Teacher(contestant=second.adapter.contestant, version=2)
    assert taught("v1") == taught(1) == Teacher(contestant=first.adapter.contestant, version=1)
    settings()
    main()
    assert Teacher.read(TEACHER) == Teacher()


def test_a_champion_that_was_distilled_on_these_rows_leaves_its_teacher_the_teacher(
    registry: Registry,
) -> None:
    first = promoted(registry, trained(registry, OLD))
    recipe = RECIPE | {"distill": {"teacher": {"adapter": first.adapter.files}}}
    promoted(registry, trained(registry, NEW, recipe=recipe))
    assert taught().version == 1
    curate(NEWER)
    assert taught().version == 2


def test_nobody_learns_from_a_version_that_is_not_there_or_knows_erased_rows(
    registry: Registry,
) -> None:
    refused = r"training\.distill\.teacher.* no champion yet: name another version"
    with pytest.raises(InputError, match=refused):
        taught()
    promoted(registry, trained(registry, OLD))
    with pytest.raises(InputError, match="no version 7"):
        taught(7)
    registry.record_erasure(["row"], [1], [], "asked for")
    with pytest.raises(InputError, match="trained on rows that were erased"):
        taught()


def train_all(rows: list[Row], name: Digest) -> Adapter:
    """The stages from `start` to `train`, on curated rows; the challenger that they make."""
    curate(name)
    write_records(rows_of(Split.TRAIN), rows)
    for stage in ("start", "domain", "sft", "distill", "dpo", "kto", "train"):
        import_module(f"training.{stage}").main()
    gc.collect()  # a trainer is full of circles
    return Adapter.read(ADAPTER_CARD)


@pytest.mark.slow
def test_a_challenger_goes_on_from_the_champion_and_right_after_it_won_is_the_same(
    registry: Registry, tiny_base: Path
) -> None:
    pin(ModelChoice(model=str(tiny_base)), "base").write(BASE)
    adapter = {"start": "champion", "r": 4, "quantization": "none"}
    sft = {"epochs": 1, "evaluations": 0, "learning_rate": 0.01, "replay": 0.5}
    params = {"base": {"precision": "float32"}, "training": {"adapter": adapter, "sft": sft}}
    Path("params.yaml").write_text(yaml.safe_dump(params))

    def submitted(challenger: Adapter) -> AdapterVersion:
        learnt = learnt_by_challenger()
        data = DatasetVersion.read(DATASET)
        return promoted(registry, registry.submit(challenger, ADAPTER_FILES, "made", data, *learnt))

    first = submitted(train_all(ROWS[:2], OLD))
    assert first.adapter.parent is None
    second = submitted(train_all(ROWS, NEW))
    assert second.adapter.parent == first.adapter.files
    # Imported here so that the other tests do not wait for torch.
    from training.steps.sft_step import digest_of

    recipe = Recipe.read(ADAPTER_FILES / "recipe.json")
    one_old_row = replayed(ROWS, LearntRows.of(ROWS[:2]).learnt, 0.5, seed=0)
    assert len(one_old_row) == 3
    assert recipe.sft and recipe.sft.data == digest_of(one_old_row)

    assert train_all(ROWS, NEW) == second.adapter
    more = [*ROWS, Row.of("What is more?", "It is one.", group="more", source="s")]
    third = train_all(more, NEWER)
    assert third.parent == second.adapter.files
    assert learnt_by_challenger() == (LearntRows.of(more),)
