"""The champion is scored anew on labels that people accepted since: on none that may be sealed."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from curation.curation_settings import CurateParams, lot
from curation.families import side
from evaluation.evaluation_settings import Decoding
from evaluation.generation.answers import Answer, Respondent, System
from evaluation.generation.systems import respondent
from monitoring import champion_quality
from monitoring.champion_quality import fresh_labels, with_quality
from monitoring.night_context import NightContext
from monitoring.night_history import check_job
from monitoring.night_text import quality_text
from monitoring.scheduling.runs import claim, finish
from monitoring.trigger.acceptance import accept
from monitoring.trigger.labels import Label, labelled_row
from project.canonical import digest_folder
from project.errors import StoppedError
from project.model_pins import ModelChoice, pin
from project.paths import rows_of
from project.records.adapters import Adapter, AdapterVersion, Numerics
from project.records.data import Row, Split
from project.records.drift import DriftVerdict, Night
from project.records.evidence import Verdict
from project.records.record import write_records
from project.settings import PARAMS
from registry.storage.database import writing
from registry.store import Registry
from tests.conftest import decision_on, evidence_of, keep_decision
from tests.incumbent.setting_effects.nights import MACHINE
from tests.monitoring.test_night_report import night as night_of
from tests.quick_nights import NOW, Make, site_of
from training.precision import choose_numerics

TODAY = NOW.date()
TIMES: list[datetime] = []


class Parrot:
    """Answers with the first half of what is asked for."""

    def answer(self, rows: Sequence[Row], samples: int = 1) -> Iterator[Answer]:
        for row in rows:
            for sample in range(samples):
                words = row.completion_text.split()
                text = " ".join(words[: len(words) // 2])
                yield Answer(item=row.id, text=text, tokens=1, prompt_tokens=1, sample=sample)

    def reference_logprobs(self, rows: Sequence[Row]) -> list[float | None]:
        return [None] * len(rows)


def parrot(contestant: Any, files: Path, decoding: Decoding, numerics: Numerics) -> Respondent:
    system = System(
        base=contestant.base.digest,
        adapter=contestant.adapter,
        decoding=decoding.digest,
        numerics=numerics,
        code="a" * 64,
        libraries=(),
    )
    return Respondent(system, decoding.batch_size, Parrot)


@pytest.fixture
def context(
    make_adapter: Make, word_base: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[NightContext]:
    """A champion on a base that has no more than a tokenizer, and curated rows."""
    PARAMS.write_text("evaluation: {scoring: {metrics: [rouge, length]}}\n")
    monkeypatch.setattr(champion_quality, "respondent", parrot)
    monkeypatch.setattr(
        champion_quality,
        "choose_numerics",
        lambda: Numerics(precision="float32", processor=MACHINE.processor),
    )
    TIMES[:] = [NOW - timedelta(days=3)]
    base = pin(ModelChoice(model=str(word_base)), "base")
    with Registry(Path("home/registry"), "bank", clock=lambda: TIMES[-1]) as registry:
        submit(registry, make_adapter, base, "a")
        TIMES.append(NOW)
        write_curated()
        made = site_of(registry)
        made.embeddings.pin = pin(ModelChoice(), "embedder")
        yield made


def submit(registry: Registry, make_adapter: Make, base: Any, name: str) -> AdapterVersion:
    adapter, files = make_adapter(name)
    adapter = Adapter(**(dict(adapter) | {"base": base}))
    version = registry.submit(adapter, files, "test")
    registry.promote(version.number, "test", force=True)
    return version


def write_curated(**parts: Sequence[Row]) -> None:
    for part in Split:
        write_records(rows_of(part), parts.get(part.value, ()))


def many(count: int) -> list[Row]:
    """Labels of which no two have a word in common."""
    return [labelled_row(words("ask", i), words("answer", i), None) for i in range(count)]


def words(kind: str, number: int) -> str:
    return " ".join(f"{kind}{letter}{number}" for letter in "abcdefgh")


def accepted(context: NightContext, rows: Sequence[Row]) -> None:
    labels = [Label(row=row, user=None) for row in rows]
    accept(labels, context.registry, "checked")


def fresh(context: NightContext) -> list[str]:
    champion = context.registry.champion()
    assert champion
    return [row.id for row in fresh_labels(context, champion, TODAY)]


def ids(rows: Sequence[Row]) -> list[str]:
    return [row.id for row in rows]


def open_ones(rows: Sequence[Row]) -> list[Row]:
    """Those whose lot is not a sealed one."""
    params = CurateParams()
    return [row for row in rows if side(lot(params.seed, row.id), params) is not Split.SEALED]


def asked(context: NightContext, on: Any = TODAY) -> Night:
    """A night with its quality, kept as the registry keeps it."""
    night = with_quality(context, silent(on))
    own = claim(context.registry.engine, check_job("bank"), on, "test", NOW, timedelta(hours=1))
    assert own
    with writing(context.registry.engine) as connection:
        finish(connection, own, NOW, night.canonical().decode())
    return night


def silent(on: Any) -> Night:
    return night_of(verdict=DriftVerdict.INSUFFICIENT, family="bank", date=str(on), champion=1)


def test_labels_accepted_since_the_champion_was_submitted_are_fresh(context: NightContext) -> None:
    rows = open_ones(many(12))
    TIMES.append(NOW - timedelta(days=4))
    accepted(context, rows[:2])
    TIMES.append(NOW)
    accepted(context, rows[2:5])
    TIMES.append(NOW + timedelta(days=1))
    accepted(context, rows[5:])
    assert fresh(context) == ids(rows[2:5])


def test_no_label_is_answered_that_belongs_to_sealed(context: NightContext) -> None:
    rows = many(40)
    accepted(context, rows)
    assert set(fresh(context)) <= set(ids(open_ones(rows)))
    assert len(open_ones(rows)) < len(rows)


def test_a_label_near_a_sealed_item_or_that_is_one_is_not_answered(context: NightContext) -> None:
    one, other, *rest = open_ones(many(12))
    twin = Row.of(f"{one.prompt_text} please", "another answer", group="g", source="rows.jsonl")
    write_curated(sealed=[twin, other])
    accepted(context, [one, other, *rest])
    assert not {one.id, other.id} & set(fresh(context))


def test_what_says_nothing_new_and_what_a_model_wrote_or_is_too_long_is_left_out(
    context: NightContext,
) -> None:
    asked, written, too_long, *rest = open_ones(many(12))
    twin = Row.of(f"{asked.prompt_text} please", "another answer", group="g", source="rows.jsonl")
    write_curated(train=[twin])
    long = labelled_row(too_long.prompt_text, "word " * 600, None)
    assert open_ones([long]), "its lot is no sealed one"
    accepted(context, [asked, written.model_copy(update={"synthetic": "a model"}), long, *rest])
    assert fresh(context) == ids(rest)


def test_the_oldest_come_first_and_what_is_over_a_nights_number_comes_the_next_night(
    context: NightContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = open_ones(many(16))
    accepted(context, rows)
    monkeypatch.setattr(champion_quality, "LABELS_A_NIGHT", 7)
    first = asked(context, TODAY - timedelta(days=0))
    assert first.quality
    assert first.quality.rows == tuple(ids(rows[:7]))
    assert fresh(context) == ids(rows[7:14])
    second = asked(context, TODAY + timedelta(days=1))
    assert second.quality
    assert second.quality.rows == tuple(ids(rows[7:14]))


def test_another_machine_that_has_the_registry_alone_measures_nothing_twice(
    context: NightContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepted(context, many(8))
    assert asked(context).quality
    monkeypatch.setenv("INCUMBENT_HOME", "another-home")
    assert fresh(context) == []


def test_the_means_have_errors_and_stand_beside_what_dev_said(context: NightContext) -> None:
    rows = open_ones(many(8))
    accepted(context, rows[:1])
    alone = with_quality(context, silent(TODAY)).quality
    assert alone and (alone.n, alone.errors, alone.dev) == (1, {}, {})
    keep_dev(context, rougeL=0.5)
    accepted(context, rows)
    quality = with_quality(context, silent(TODAY)).quality
    assert quality
    # Of eight words four, and no others: a precision of 1, a recall of a half.
    assert quality.scores["rougeL"] == pytest.approx(2 / 3)
    assert quality.errors["rougeL"] == 0
    assert quality.dev == {"rougeL": 0.5}
    assert "length" not in quality.scores  # of which neither more nor less is better
    assert "rougeL" in quality_text(quality)
    assert "(dev: 0.500)" in quality_text(quality)


def keep_dev(context: NightContext, **means: float) -> None:
    champion = context.registry.champion()
    assert champion
    found = evidence_of(champion.adapter.files, None)
    measured = {"n": 9, "clusters": 9, "unjudged": 0, "champion_mean": 0.1, "diff": 0.4, "sd": 1}
    rest = {"se": 0.1, "df": 8, "wins": 5, "losses": 4, "p": 0.1, "bootstrap": (0, 1)}
    dev = {name: measured | rest | {"challenger_mean": mean} for name, mean in means.items()}
    evidence = type(found).model_validate(found.model_dump() | {"dev": dev})
    decision = decision_on(evidence, Verdict.PROMOTE)
    keep_decision(context.registry, champion.number, decision, evidence)


def test_a_night_without_fresh_labels_is_as_it_was_and_one_that_is_to_stop_stops(
    context: NightContext,
) -> None:
    assert with_quality(context, silent(TODAY)) == silent(TODAY)
    accepted(context, many(8))
    context.stop.set()
    with pytest.raises(StoppedError):
        with_quality(context, silent(TODAY))


def test_where_it_is_not_known_what_is_sealed_nothing_is_answered_and_the_night_says_so(
    context: NightContext,
) -> None:
    accepted(context, many(8))
    rows_of(Split.SEALED).unlink()
    night = with_quality(context, silent(TODAY))
    assert night.quality is None
    assert night.notes == (
        "the champion's quality on fresh labels was not measured: datasets/curated is not on this "
        "machine, which says what is sealed",
    )


def test_a_new_champion_answers_its_own_labels_alone(
    context: NightContext, make_adapter: Make, word_base: Path
) -> None:
    rows = open_ones(many(12))
    accepted(context, rows[:4])
    TIMES.append(NOW + timedelta(seconds=1))
    base = pin(ModelChoice(model=str(word_base)), "base")
    submit(context.registry, make_adapter, base, "b")
    TIMES.append(NOW + timedelta(seconds=2))
    accepted(context, rows[4:])
    assert fresh(context) == ids(rows[4:])


@pytest.mark.slow
def test_a_real_model_answers_and_the_projects_scorers_score(
    context: NightContext, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    monkeypatch.setattr(champion_quality, "respondent", respondent)
    monkeypatch.setattr(champion_quality, "choose_numerics", choose_numerics)
    PARAMS.write_text("{}\n")
    lora = LoraConfig(r=2, target_modules="all-linear")
    get_peft_model(AutoModelForCausalLM.from_pretrained(tiny_base), lora).save_pretrained("made")
    Path("made/README.md").unlink(missing_ok=True)
    base, files = pin(ModelChoice(model=str(tiny_base)), "base"), Path("made")
    adapter = Adapter(files=digest_folder(files), base=base, recipe="c" * 64, dataset="d" * 64)
    version = context.registry.submit(adapter, files, "test")
    context.registry.promote(version.number, "test", force=True)
    TIMES.append(NOW + timedelta(seconds=1))
    accepted(context, open_ones(many(4)))
    night = with_quality(context, silent(TODAY).model_copy(update={"champion": version.number}))
    assert night.notes == ()
    assert night.quality
    assert set(night.quality.scores) >= {"rougeL", "semantic"}
    assert night.quality.n == len(open_ones(many(4)))
