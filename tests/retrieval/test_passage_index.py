"""Stage `index`: documents become an index that contestants pin, and that nobody edits."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from curation import index
from evaluation import reward
from evaluation.evaluation_settings import RewardParams
from evaluation.generation.retrieved_passages import asked_with
from incumbent.searching.compare_on_dev import dev_items
from project.canonical import digest_folder
from project.errors import IncumbentError, InputError
from project.model_pins import ModelChoice, pin
from project.paths import (
    ADAPTER,
    ADAPTER_FILES,
    BASE,
    DATASET,
    EMBEDDER,
    INDEX,
    INDEX_FILES,
    rows_of,
    step_of,
)
from project.records.adapters import Adapter, Contestant, ModelPin, told_apart
from project.records.data import DatasetVersion, EvidencePassage, PassageIndex, Row, Split
from project.records.record import write_records
from project.shown_passages import USUAL, index_shown
from registry.decision_checks import release
from registry.garbage import collect
from registry.store import Registry
from retrieval.retriever import (
    IndexSettings,
    PromptRoom,
    cost_of,
    kept_vectors,
    read_index,
    write_index,
)
from tests.conftest import NUMERICS
from training import train
from training.recipe import START_FILE, STEPS, Recipe, StepRecord, TrainingStart
from training.training_settings import AdapterParams

PIN = ModelPin(model="m", name="m", revision=None, weights="w", config="c", chat_template=None)
POLICY = "# Cards\n\nA lost card is blocked at once.\n\n# Fees\n\nA transfer costs 12 euros.\n"


@pytest.fixture(autouse=True)
def _in_a_project() -> None:
    policies = Path("datasets/sources/policies")
    policies.mkdir(parents=True)
    (policies / "cards.md").write_text(POLICY)


def made(template: str | None = "default", **settings: object) -> PassageIndex:
    """What the stage leaves under these settings, without embeddings unless they say so."""
    chosen = {"documents": ["datasets/sources/policies"], "embedder": False} | settings
    params = {"version": 2, "base": {"evidence_template": template}, "retrieval": chosen}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    index.main()
    return PassageIndex.read(INDEX)


def test_without_documents_there_is_no_index_and_none_is_pinned() -> None:
    assert made(documents=[]) == PassageIndex(files=None, passages=0)
    assert list(INDEX_FILES.iterdir()) == []
    assert index_shown(USUAL) is None


def test_another_index_is_another_contestant() -> None:
    first = made()
    assert first.passages == 2
    assert made() == first
    cards = Path("datasets/sources/policies/cards.md")
    others = [made(shown=1), made(replace=True)]
    cards.write_text(POLICY.replace("12", "15"))
    others.append(made())
    assert len({first.files, *(one.files for one in others)}) == 4
    assert index_shown(USUAL) == others[-1].files
    assert index_shown(None) is None
    one, other = (
        Contestant(base=PIN, evidence_template=USUAL, index=found.files)
        for found in (first, others[0])
    )
    without = Contestant(base=PIN, evidence_template=USUAL)
    assert len({one.identity, other.identity, without.identity}) == 3
    assert told_apart(one, other) == "their passages are found in different indexes"
    assert b"index" not in without.canonical()


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"documents": ["datasets/sources/none"]}, "datasets/sources/none is not there"),
        ({"documents": ["datasets/sources/blank.txt"]}, "no document there has a text"),
        ({"documents": ["datasets/sources/data"]}, "folder without documents"),
        ({"documents": ["/etc/passwd"]}, "must be a path below datasets/sources/"),
        ({"template": None}, "nobody would be shown the passages"),
    ],
)
def test_what_makes_no_index_is_told(settings: dict[str, Any], problem: str) -> None:
    Path("datasets/sources/blank.txt").write_text(" ")
    Path("datasets/sources/data").mkdir()
    with pytest.raises(InputError, match=problem):
        made(**settings)
    assert not INDEX.exists()


@pytest.mark.parametrize("how", ["cut", "edited", "gone"])
def test_an_index_that_was_changed_by_hand_is_refused(how: str) -> None:
    digest = made().files
    assert digest is not None
    file = INDEX_FILES / "passages.jsonl"
    if how == "gone":
        file.unlink()
    else:
        text = file.read_text()
        file.write_text(text[:-9] if how == "cut" else text.replace("12", "10"))
    with pytest.raises(IncumbentError, match=r"outputs/index is not index .*dvc repro --force"):
        read_index(INDEX_FILES, digest, kept_vectors)


def test_rows_without_passages_are_asked_with_those_of_the_index() -> None:
    fees = Row.of("What does a transfer cost?", "12 euros [1].", group="a", source="s")
    unknown = Row.of("Wann öffnet ihr?", "I do not know.", group="b", source="s")
    own = EvidencePassage(id="own", text="A transfer costs 12 euros.")
    gold = fees.model_copy(update={"id": "gold", "evidence": (own,)})
    for replace in (False, True):
        found = made(shown=1, replace=replace)
        asked = Contestant(base=PIN, evidence_template=USUAL, index=found.files)
        first, second, third = asked_with([fees, unknown, gold], asked)
        assert [one.text for one in first.evidence or ()] == ["Fees\n\nA transfer costs 12 euros."]
        assert second.evidence is not None
        assert third.evidence == (first.evidence if replace else (own,))
    plain = Contestant(base=PIN, evidence_template=USUAL)
    assert asked_with([fees, gold], plain) == [fees, gold]


def test_a_search_compares_on_items_with_the_passages_of_the_index() -> None:
    made(shown=1)
    PIN.write(BASE)
    items = [Row.of(f"{word} fee?", "12.", group=word, source="s") for word in ("a", "b")]
    write_records(rows_of(Split.DEV), items)
    assert [len(item.evidence or ()) for item in dev_items()] == [1, 1]


def test_pairs_are_made_of_answers_that_are_given_on_the_passages_of_the_index() -> None:
    made(shown=1)
    PIN.write(BASE)
    rows = [Row.of(f"{n} fees?", "12.", group=str(n), source="s") for n in range(12)]
    write_records(rows_of(Split.TRAIN), rows)
    learnt, held_out = reward.parts(RewardParams())
    assert [len(row.evidence or ()) for row in (*learnt, *held_out)] == [1] * 12


def test_passages_that_the_base_has_no_room_for_are_left_out_from_the_last_and_told(
    word_base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = PIN.model_copy(update={"model": str(word_base)})
    room = PromptRoom(Contestant(base=base, evidence_template=USUAL))
    assert room.window is not None
    passages = [EvidencePassage(id=str(i), text="word " * 60) for i in range(200)]
    prompt = Row.of("Why?", "x", group="g", source="s").prompt
    kept = room.first_that_fit(prompt, passages, 10)
    assert 0 < len(kept) < 200
    assert list(kept) == passages[: len(kept)]
    assert room.first_that_fit(prompt, passages[:1], 10) == passages[:1]
    asked = Contestant(base=base, evidence_template=USUAL, index=made().files)
    (told,) = asked_with([Row.of("fees " * room.window, "x", group="g", source="s")], asked)
    assert told.evidence is None
    assert "1 of 1 items are asked without some of their passages" in capsys.readouterr().out
    elsewhere = PromptRoom(Contestant(base=PIN, evidence_template=USUAL))
    assert elsewhere.first_that_fit(prompt, passages, 10) == passages


def test_a_text_is_embedded_once_whatever_index_it_is_in() -> None:
    embedder = pin(ModelChoice(), "embedder")
    EMBEDDER.parent.mkdir(exist_ok=True)
    embedder.write(EMBEDDER)
    texts = ["A lost card is blocked.", "Transfers cost 12 euros.", "We open at nine."]
    passages = [EvidencePassage(id=str(i), text=text) for i, text in enumerate(texts)]
    settings = IndexSettings(shown=1, replace=False, embedder=embedder)
    digest = write_index(passages[:2], settings, Path("a"))
    assert kept_vectors(embedder).count_new(texts) == 1
    assert cost_of(passages, embedder) is None
    many = [EvidencePassage(id=str(i), text=f"Passage {i}") for i in range(10_000)]
    assert "about 6 minutes" in (cost_of(many, embedder) or "")
    found = read_index(Path("a"), digest, kept_vectors)
    assert [one.id for one in found.passages_for("My bank card has been stolen")] == ["0"]
    assert write_index(passages[:2], settings, Path("a")) == digest


def test_the_same_weights_on_another_index_are_another_version_that_keeps_its_index(
    registry: Registry,
) -> None:
    """The index goes with the version into the registry, and comes back out of it."""
    Path("home").mkdir()
    Path("home/registry").symlink_to(Path("registry").resolve())
    digests = []
    for shown in (1, 2):
        digests.append(made(shown=shown).files)
        trained()
        train.main()
        adapter = Adapter.read(ADAPTER)
        assert adapter.contestant.index == digests[-1] != adapter.files
        version = registry.submit(adapter, ADAPTER_FILES, "a test")
        assert version.number == shown
    assert registry.submit(adapter, ADAPTER_FILES, "again").number == 2
    first, second = registry.versions()
    assert collect(registry) == []
    asked = asked_with([Row.of("fee", "x", group="g", source="s")], first.adapter.contestant)
    assert len(asked[0].evidence or ()) == 1  # of the index that only the registry holds now
    registry.artifacts.blobs.delete(second.adapter.index or "")
    with pytest.raises(IncumbentError, match="missing"):
        release(registry, second.number)


def trained() -> None:
    """What the steps of training leave, without their work."""
    recipe = Recipe(base=PIN, numerics=NUMERICS, adapter=AdapterParams(), evidence_template=USUAL)
    for name in STEPS:
        step_of(name).mkdir(parents=True, exist_ok=True)
        StepRecord(step=name).write(step_of(name) / "step.json")
    files = step_of("sft") / "adapter"
    files.mkdir(exist_ok=True)
    recipe.write(files / "recipe.json")
    record = StepRecord(step="sft", adapter=digest_folder(files), recipe=recipe)
    record.write(step_of("sft") / "step.json")
    TrainingStart().write(START_FILE)
    DatasetVersion(rows="r", splits={}, sources=(), contract="c").write(DATASET)
