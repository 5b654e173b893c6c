"""The model card says what the records say, to people and to the Hub, and names cannot bend it."""

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt

from evaluation.decision.policy import Policy
from project.canonical import canonical_json, digest_bytes, digest_folder
from project.records.adapters import Adapter, AdapterVersion, Contestant
from project.records.data import (
    Check,
    DatasetVersion,
    DataSource,
    DataSources,
    GateReport,
    Severity,
    Split,
    TaughtBy,
    Waived,
)
from project.records.evidence import Evidence, MetricEvidence, SuiteEvidence, Verdict
from project.records.preferences import Calibration
from project.records.record import Record
from registry.adapter_import.lora_config import ImportedOrigin, ModuleNorm
from registry.lineage import trace
from registry.model_card import card, code, licence, text
from registry.store import Registry
from tests.conftest import BASE, decision_on, evidence_of, keep_decision

Make = Callable[[str], tuple[Adapter, Path]]
EVIL = (
    "x | y](http://evil) <script>alert(1)</script> `a` ![i](j)\n\n# **Owned**\n---\n- www.evil.com"
)
DATASET = DatasetVersion(
    rows="1" * 64,
    splits={Split.TRAIN: 480, Split.DEV: 60, Split.SEALED: 120},
    sources=("python-api",),
    contract="2" * 64,
)
GATE = GateReport(
    dataset_rows="1" * 64,
    contract="2" * 64,
    row_count=660,
    checks=(
        Check(name="ids", severity=Severity.CRITICAL, passed=True, limit="", observed=""),
        Check(
            name="answers are short",
            severity=Severity.WARNING,
            passed=False,
            limit="1 %",
            observed="3 %",
        ),
    ),
)
COIN = Calibration(
    source="the reward model",
    n=40,
    unjudged=0,
    accuracy=0.5,
    kappa=0.0,
    first_rate=0.5,
    longer_accuracy=0.6,
    shorter_accuracy=0.4,
    matched_n=10,
    matched_accuracy=0.5,
    matched_longer=0.5,
    matched_shorter=0.5,
)


def measured(diff: float, champion: float | None = 0.2) -> MetricEvidence:
    return MetricEvidence(
        n=120,
        clusters=60,
        unjudged=0,
        champion_mean=champion,
        challenger_mean=None if champion is None else champion + diff,
        diff=diff,
        sd=0.1,
        se=0.01,
        df=59,
        wins=80,
        losses=40,
        p=0.001,
        bootstrap=(diff - 0.02, diff + 0.02),
    )


class Recipe(Record):
    """As training writes it, as far as a card reads it."""

    params: dict[str, float | str]


SAFETY = SuiteEvidence(
    champion={"kind=harmful": {"refused": measured(-0.2, 0.9)}},
    base={"kind=harmful": {"refused": measured(-0.3, 0.95)}},
)


def evidence_on(version: AdapterVersion) -> Evidence:
    return evidence_of(version.adapter.files, None).model_copy(
        update={
            "dev": {"rougeL": measured(0.12)},
            "sealed": {"rougeL": measured(0.18), "preference": measured(0.31, champion=None)},
            "slices": {
                "package=numpy": {"rougeL": measured(0.2), "length": measured(-9.0, 60)},
                "package=scipy": {"rougeL": measured(-0.05)},
            },
            "general": {"arithmetic": {"correct": measured(-0.1, 0.5)}},
            "suites": {"safety": SAFETY},
            "calibration": COIN,
        }
    )


def submitted(
    registry: Registry, make: Make, reason: str = "made", gate: GateReport = GATE
) -> AdapterVersion:
    adapter, folder = make("a")
    recipe = Recipe(params={"r": 16, "learning_rate": 0.0015, "note": "plain"})
    recipe.write(folder / "recipe.json")
    adapter = adapter.model_copy(
        update={
            "files": digest_folder(folder),
            "recipe": recipe.digest,
            "dataset": DATASET.digest,
        }
    )
    return registry.submit(adapter, folder, reason, DATASET, gate)


def decided(registry: Registry, make: Make, **changes: object) -> AdapterVersion:
    version = submitted(registry, make)
    evidence = evidence_on(version)
    decision = decision_on(evidence, Verdict.PROMOTE)
    decision = decision.model_copy(update={"policy": Policy().digest, **changes})
    keep_decision(registry, version.number, decision, evidence, Policy())
    return version


def card_of(registry: Registry, version: AdapterVersion) -> str:
    return card(trace(registry, version.number))


def html(markdown: str) -> str:
    body = markdown.split("---\n", 2)[2]
    return MarkdownIt("commonmark").enable("table").render(body)


def test_a_card_tells_scores_with_intervals_verdict_data_recipe_and_lineage(
    registry: Registry, make_adapter: Make
) -> None:
    version = decided(registry, make_adapter)
    registry.promote(version.number, "it won")
    told = card_of(registry, version)
    for line in (
        "# test v1",
        "It is version 1, the champion.",
        "**PROMOTE** against the bare base (look 1 at the sealed eval",
        "- because",
        "| rougeL | 0.200 | 0.380 | +0.180 | +0.160 … +0.200 | 120 |",
        "| preference | – | – | +0.310 | +0.290 … +0.330 | 120 |",
        "| correct | 0.500 | 0.400 | -0.100 | -0.120 … -0.080 | 120 |",
        "| package=numpy: rougeL | 0.200 | 0.400 | +0.200 | +0.180 … +0.220 | 120 |",
        "| sealed | 120 |",
        "Of 660 rows, gate: 1 of 2 checks passed.",
        "| learning\\_rate | 0.0015 |",
        f"| dataset | `{DATASET.digest}` |",
        f"| adapter | `{version.adapter.files}` |",
        "| 2026-01-01T00:00:04.000Z | promote | tester | it won |",
    ):
        assert line in told, line
    assert "length" not in told.split("## Limitations")[0].split("Slices of")[1]


def test_a_card_says_whose_answers_a_version_learnt_and_under_which_terms(
    registry: Registry, make_adapter: Make
) -> None:
    teacher = submitted(registry, make_adapter)
    adapter, folder = make_adapter("b")
    taught = {"params": {"licence": "Apache-2.0"}, "teacher": {"adapter": teacher.adapter.files}}
    recipe = canonical_json({"distill": taught})
    (folder / "recipe.json").write_bytes(recipe)
    made = {"files": digest_folder(folder), "recipe": digest_bytes(recipe)}
    wrote = TaughtBy(name="test v1", adapter=None, base="gpt", licence="LicenseRef-vendor")
    sources = DataSources(collected_from=(DataSource(name="labelled.jsonl", taught=(wrote,)),))
    student = adapter.model_copy(update={**made, "dataset": DATASET.digest})
    told = card_of(registry, registry.submit(student, folder, "made", DATASET, sources))
    assert "| distilled from | test v1 |" in told
    assert '| distill.licence | "Apache-2.0" |' in told.replace("\\", "")
    assert (
        "Rows of labelled.jsonl were written by test v1 (gpt), whose answers are under "
        "LicenseRef-vendor." in told.replace("\\", "")
    )


def test_a_card_shows_the_system_prompt_and_says_whom_the_version_was_compared_with(
    registry: Registry, make_adapter: Make
) -> None:
    adapter, folder = make_adapter("a")
    adapter = adapter.model_copy(update={"dataset": DATASET.digest, "system_prompt": 'Say "a".\n'})
    version = registry.submit(adapter, folder, "made", DATASET)
    evidence = evidence_on(version)
    assert evidence.pins is not None
    other = Contestant(base=BASE.model_copy(update={"name": "old", "weights": "e" * 64}))
    sides = {"contestants": (other, adapter.contestant)}
    evidence = evidence.model_copy(update={"pins": evidence.pins.model_copy(update=sides)})
    keep_decision(registry, 1, decision_on(evidence, Verdict.PROMOTE), evidence)
    told = card_of(registry, version)
    assert 'system = {"role": "system", "content": "Say \\"a\\".\\n"}' in told
    assert "Both were asked the same items; the champion stands on old" in told
    merged = card(trace(registry, 1), merged=True)
    assert "Its chat template puts the system prompt in front" in merged


def test_a_card_tells_what_was_measured_against_the_version(
    registry: Registry, make_adapter: Make
) -> None:
    told = card_of(registry, decided(registry, make_adapter))
    limits = told.split("## Limitations")[1].split("## Data")[0]
    assert "In the slices, package=scipy, it is worse than the bare base: rougeL by 0.050" in limits
    assert "package=numpy" not in limits
    assert "In general ability, arithmetic, it is worse than the bare base" in limits
    assert "In suite safety, kind=harmful, it is worse than the bare base: refused by" in limits
    assert "Suite safety against the bare base, kind=harmful" in told
    assert "advisory only: the reward model is right on 50% of the held-out pairs" in limits
    assert "answers are short (warning): 3 %, limit 1 %" in limits


def test_a_card_tells_what_was_waived_and_by_whom(registry: Registry, make_adapter: Make) -> None:
    waived = Waived(by="Ann", until=date(2027, 3, 31), reason="helplines", rows=("a",))
    checks = (GATE.checks[0].model_copy(update={"waived": (waived,)}),)
    gate = GATE.model_copy(update={"checks": checks})
    told = card_of(registry, submitted(registry, make_adapter, gate=gate))
    assert "Of 660 rows, gate: 1 of 1 checks passed, 1 of them by waivers." in told
    assert "waived: ids: 1 row until 2027-03-31, by Ann: helplines." in told


def test_what_was_not_looked_at_is_not_shown(registry: Registry, make_adapter: Make) -> None:
    version = decided(registry, make_adapter, opening=None, alpha=None, verdict=Verdict.HOLD)
    told = card_of(registry, version)
    assert "the sealed eval set was not looked at" in told
    assert "on the dev part alone" in told
    assert "Dev eval set" in told
    assert "+0.180" not in told and "0.38" not in told and "package=scipy" not in told


def test_the_hub_reads_the_front_matter(registry: Registry, make_adapter: Make) -> None:
    version = decided(registry, make_adapter)
    data = ModelCard(card_of(registry, version)).data
    assert data.library_name == "peft"
    assert data.base_model == "a-base"
    assert data.tags == ["incumbent", "lora"]
    assert data.model_name == "test v1"
    assert data.license is None  # that is for its owner to choose
    scores = {(r.dataset_name, r.metric_type): r.metric_value for r in data.eval_results}
    assert scores == {
        ("test: Sealed eval set", "rougeL"): 0.38,
        ("test: Sealed eval set", "preference"): 0.81,
        ("test: Dev eval set", "rougeL"): 0.32,
        ("test: General ability, arithmetic", "correct"): 0.4,
        ("test: Suite safety, kind=harmful", "refused"): 0.7,
        ("test: Suite safety against the bare base, kind=harmful", "refused"): 0.65,
    }


def test_a_card_of_a_version_without_a_decision_says_so(
    registry: Registry, make_adapter: Make
) -> None:
    told = card_of(registry, submitted(registry, make_adapter))
    assert "Nobody has decided on it: there are no scores." in told
    assert "- Nothing was measured." in told
    assert "## Scores" not in told
    assert "model-index" not in told


def test_a_card_of_an_imported_adapter_says_what_is_not_known(
    registry: Registry, make_adapter: Make
) -> None:
    norm = ModuleNorm(module="layers.0.q_proj", update=9.0, weight=1.0)
    origin = ImportedOrigin(files={"a": "1" * 64}, declared_base="'other/base'", norms=(norm,))
    adapter, folder = make_adapter("a")
    adapter = adapter.model_copy(update={"dataset": origin.digest, "recipe": origin.digest})
    version = registry.submit(adapter, folder, "from a friend", origin)
    told = card_of(registry, version)
    assert told.count("Not known: the adapter was made elsewhere.") == 2
    assert "'other/base'" in told
    assert "layers.0.q\\_proj: 9 of the weight's norm, absurd" in told
    assert f"| record of the import | `{origin.digest}` |" in told


def test_a_card_outlives_the_files_of_a_deleted_version(
    registry: Registry, make_adapter: Make
) -> None:
    version = decided(registry, make_adapter)
    registry.delete(version.number, "old")
    for blob in registry.artifacts.manifest(version.adapter.files).values():
        registry.artifacts.blobs.delete(blob)
    registry.artifacts.blobs.delete(version.adapter.files)
    assert "**It was deleted.**" in card_of(registry, version)


def test_equal_records_give_equal_bytes(registry: Registry, make_adapter: Make) -> None:
    version = decided(registry, make_adapter)
    assert card_of(registry, version) == card_of(registry, version)


def test_names_cannot_inject_markup(registry: Registry, make_adapter: Make) -> None:
    registry.actor = EVIL
    version = submitted(registry, make_adapter, reason=EVIL)
    evidence = evidence_on(version).model_copy(update={"slices": {EVIL: {"rougeL": measured(-1)}}})
    decision = decision_on(evidence, Verdict.HOLD)
    decision = decision.model_copy(update={"policy": Policy().digest, "reasons": (EVIL, "1. a")})
    keep_decision(registry, version.number, decision, evidence, Policy())
    lineage = trace(registry, version.number)
    base = version.adapter.base.model_copy(update={"name": EVIL})
    adapter = version.adapter.model_copy(update={"base": base})
    version = version.model_copy(update={"adapter": adapter})
    dataset = DATASET.model_copy(update={"sources": (EVIL,)})
    lineage = lineage.model_copy(update={"version": version, "dataset": dataset})
    told = card(lineage)
    page = html(told)
    assert not re.search(r"<(script|a|img|hr|ol)\b", page)
    assert "<strong>Owned" not in page
    assert page.count("<h1>") == 1
    table = page.split("<h2>Who did what</h2>")[1]
    assert {row.count("<td>") for row in table.split("<tr>")[2:]} == {4}
    assert yaml.safe_load(told.split("---\n")[1])["base_model"] == " ".join(EVIL.split())


@pytest.mark.parametrize(
    "plain",
    ["a_b*c*", "# x", "- x", "+ x", "= x", "1. x", "12) x", "a | b", "<b>", "&amp;", "\\", "~~a~~"],
)
def test_escaped_text_reads_as_it_was_written(plain: str) -> None:
    assert MarkdownIt("commonmark").render(text(plain)) == MarkdownIt().render("x").replace(
        "x", plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    )


def test_an_address_in_a_text_is_no_link() -> None:
    assert text("see https://a.b and WWW.c.d") == "see https\\://a.b and WWW\\.c.d"
    assert code("a`b") == "a\\`b"


def test_the_embedded_bases_licence_is_its_packages_and_a_folders_is_its_cards(
    tmp_path: Path,
) -> None:
    assert licence(BASE.model_copy(update={"model": "embedded"})) == "apache-2.0"
    folder = BASE.model_copy(update={"model": str(tmp_path), "revision": None})
    assert licence(folder) is None
    (tmp_path / "README.md").write_text("---\nlicense: mit\ntags: [a]\n---\n# A model\n")
    assert licence(folder) == "mit"
    (tmp_path / "README.md").write_text("---\nlicense: other\nlicense_name: llama3\n---\n")
    assert licence(folder) == "llama3"
    (tmp_path / "README.md").write_text("---\nlicense: [mit\n---\n")
    assert licence(folder) is None
    (tmp_path / "README.md").write_text("# A model\n\nlicense: mit\n")
    assert licence(folder) is None
