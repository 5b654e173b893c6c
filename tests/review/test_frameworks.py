"""Laws and standards as data: each question is answered by a record, by a person, or is open."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from evaluation.decision.policy import Policy
from incumbent.cli import app as command
from project.disclosure import DisclosureParams
from project.errors import InputError
from project.records.evidence import Bound, Verdict
from project.settings import PARAMS
from registry.store import Registry
from review.dossier.document import Filled, VersionRecords, read_records
from review.dossier.make_dossier import make_dossier, records_part
from review.dossier.other_tools import in_fields_of
from review.dossier.read_frameworks import (
    EVIDENCE,
    Framework,
    framework_part,
    frameworks,
    read_frameworks,
)
from tests.conftest import SEALED, decision_on, evidence_of, keep_decision
from tests.places import submit, win
from tests.review.test_dossier import measured

# What takes a record away from those of a version, by the name of the evidence.
LINEAGE = {
    "dataset": {"dataset": None},
    "gate": {"gate": None},
    "recipe": {"recipe": {}},
    "dev_scores": {"evidence": None},
    "provenance": {"provenance": None},
    "calibration": {"evidence": None},
    "decision": {"decision": None},
    "sealed_scores": {"evidence": None},
    "slices": {"evidence": None},
    "suites": {"evidence": None},
    "looks": {"history": ()},
    "limits": {"evidence": None},
    "controls": {"history": ()},
    "sign_offs": {"history": ()},
    "signature": {"history": ()},
    "changes": {"history": ()},
}
BESIDE: dict[str, dict[str, Any]] = {
    "nights": {"nights": ()},
    "deployments": {"traffic": None},
    "votes": {"ballots": ()},
    "policy": {"policy": {}},
    "verified": {"findings": ()},
    "inventory": {"inventory": ()},
}
# These are there for every version: its own record, and files that a project always has.
ALWAYS = {"version", "monitoring", "roles", "base", "disclosure", "marking"}


@pytest.fixture(autouse=True)
def settings() -> None:
    PARAMS.write_text("registry: {family: test}\n")


@pytest.fixture
def records(registry: Registry, tmp_path: Path) -> VersionRecords:
    win(registry, "a", tmp_path)
    return read_records(registry, 1, ["checked"], blind=False)


def test_every_question_is_answered_by_a_record_or_by_a_person() -> None:
    for name, framework in frameworks().items():
        assert framework.checked.startswith("2026-"), name
        for question in framework.questions:
            assert question.shown_by or question.stated, (name, question.number)
            assert all(one[0].isupper() and one[-1] == "." for one in question.stated)
    asked = [q for one in frameworks().values() for q in one.questions]
    assert len({question.number for question in asked}) == len(asked)
    assert {name for question in asked for name in question.shown_by} == EVIDENCE.keys()


def test_every_record_that_answers_stands_in_part_1(records: VersionRecords) -> None:
    shown = {section.number: section for section in records_part(records).sections}
    assert {rule.section for rule in EVIDENCE.values()} <= shown.keys()
    assert all(shown[rule.section].blocks for rule in EVIDENCE.values())


def test_a_missing_record_makes_its_question_open(records: VersionRecords) -> None:
    for name in sorted(EVIDENCE.keys() - ALWAYS):
        if name in LINEAGE:
            lineage = records.lineage.model_copy(update=LINEAGE[name])
            without = replace(records, lineage=lineage)
        else:
            without = replace(records, **BESIDE[name])
        (section,) = framework_part(asking(name), without, 2).sections
        assert section.filled is Filled.MISSING, name
        assert section.to_write == (f"No record shows {EVIDENCE[name].what}.",)


def test_a_record_that_is_there_answers_its_question(records: VersionRecords) -> None:
    for name in ("version", "decision", "sign_offs", "changes", "marking"):
        (section,) = framework_part(asking(name), records, 2).sections
        assert section.filled is Filled.RECORDS, name
        assert section.see == (EVIDENCE[name].section,)


def asking(name: str) -> Framework:
    """A framework of one question, which this evidence answers."""
    framework = frameworks()["ss1-23"]
    question = framework.questions[0].model_copy(update={"shown_by": (name,), "stated": ()})
    return framework.model_copy(update={"questions": (question,)})


def test_what_users_are_told_is_read_from_the_settings(records: VersionRecords) -> None:
    assert not EVIDENCE["disclosure"].find(records)
    PARAMS.write_text("serving: {disclosure: {text: A machine answers.}}\n")
    assert EVIDENCE["disclosure"].find(records) == DisclosureParams(text="A machine answers.").text


def test_one_that_is_superseded_is_left_out_refused_and_says_so_where_it_is_taken(
    registry: Registry, tmp_path: Path
) -> None:
    submit(registry, "a", tmp_path)
    assert "SR 11-7" not in titles(registry)
    with pytest.raises(InputError, match="superseded on 2026-04-17 by sr-26-2: --superseded"):
        titles(registry, "sr-11-7")
    made = make_dossier(
        registry, 1, whole=False, notes=None, frameworks=["sr-11-7"], superseded=True
    )
    assert ("status", "superseded on 2026-04-17 by sr-26-2") in made.parts[1].head.facts


def titles(registry: Registry, *names: str) -> str:
    made = make_dossier(registry, 1, whole=False, notes=None, frameworks=names)
    return " ".join(part.title for part in made.parts)


OWN = """
title: Rules of our house
about: What our own board asks.
status: in force
since: "2026-01-01"
scope: All models.
source: the intranet
checked: 2026-11-01, by us
questions:
- {number: H1, title: Who decides, shown_by: [decision]}
"""


def test_a_users_own_framework_is_one_file(registry: Registry, tmp_path: Path) -> None:
    submit(registry, "a", tmp_path)
    Path("house.yaml").write_text(OWN)
    assert titles(registry, "house.yaml") == (
        "Part 1: What the records say Part 2: Rules of our house"
    )
    Path("dossier.yaml").write_text("frameworks: [house.yaml, iso-42001]\n")
    assert "Part 3: ISO/IEC 42001:2023" in titles(registry)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("decision]", "gossip]"), r"house\.yaml.*'gossip' is no evidence; there are version"),
        (("in force", "hoped for"), r"house\.yaml.*status"),
        (("2026-01-01", "soon"), r"house\.yaml.*since"),
        (("questions:", "answers:"), r"house\.yaml"),
        (("title: Rules", "title: [Rules"), r"house\.yaml.*no YAML"),
    ],
)
def test_a_file_that_is_no_framework_is_named_with_what_is_wrong(
    change: tuple[str, str], complaint: str
) -> None:
    Path("house.yaml").write_text(OWN.replace(*change))
    with pytest.raises(InputError, match=complaint):
        read_frameworks(["house.yaml"], superseded=False)


def test_a_name_that_is_none_and_a_number_twice_are_refused() -> None:
    with pytest.raises(InputError, match="no framework: there are eu-ai-act-annex-iv, "):
        read_frameworks(["gdpr"], superseded=False)
    Path("house.yaml").write_text(OWN.replace("H1", "SS1/23 1(a)"))
    with pytest.raises(InputError, match=r"two questions have the number SS1/23 1\(a\)"):
        read_frameworks(["ss1-23", "house.yaml"], superseded=False)


def test_a_dossier_has_a_part_for_each_framework(registry: Registry, tmp_path: Path) -> None:
    submit(registry, "a", tmp_path)
    made = make_dossier(registry, 1, whole=False, notes=None)
    assert len(made.parts) == len(frameworks())  # one of them is superseded, and part 1 is none


# --- other tools --------------------------------------------------------------------------------


def test_verifywise_gets_a_subcontrol_for_each_question(registry: Registry, tmp_path: Path) -> None:
    """Its fields are those of VerifyWise's type Subcontrol, but for the numbers that it gives."""
    win(registry, "a", tmp_path)
    Path("dossier.yaml").write_text("sections: {Art. 50(4): It publishes nothing.}\n")
    made = make_dossier(
        registry, 1, whole=False, notes=None, frameworks=["eu-ai-act-article-50", "iso-42001"]
    )
    found = in_fields_of("verifywise", registry, made)
    assert len(found) == len(made.sections) - len(made.parts[0].sections)
    by_title = {one["title"].split(" ")[1]: one for one in found}
    assert by_title["50(4)"]["status"] == "Done"
    assert by_title["50(4)"]["implementation_details"] == "It publishes nothing."
    assert by_title["50(3)"]["status"] == "Waiting"
    assert "1.7" in by_title["50(2)"]["evidence_description"]
    assert {*found[0]} == {
        *("order_no", "title", "description", "status", "implementation_details"),
        *("evidence_description", "feedback_description", "evidence_files", "feedback_files"),
        *("owner", "reviewer", "approver", "due_date", "risk_review"),
    }


def test_validmind_gets_a_unit_metric_for_each_mean(registry: Registry, tmp_path: Path) -> None:
    """Its fields are those that `log_metric` of ValidMind's library sends."""
    made = submit(registry, "a", tmp_path)
    dossier = make_dossier(registry, 1, whole=False, notes=None)
    with pytest.raises(InputError, match="nobody has decided"):
        in_fields_of("validmind", registry, dossier)
    means = {"rougeL": measured(0.04)}
    evidence = evidence_of(made.adapter.files, None).model_copy(
        update={"dev": means, "sealed": means}
    )
    bounds = {"rougeL": Bound(lower=0.02, upper=0.06, won=True)}
    decision = decision_on(evidence, Verdict.PROMOTE).model_copy(update={"bounds": bounds})
    keep_decision(registry, 1, decision, evidence, Policy(gating=("rougeL",)), SEALED)
    dev, sealed = in_fields_of("validmind", registry, dossier)
    assert (dev["key"], dev["passed"]) == ("rougeL_dev", None)
    assert (sealed["value"], sealed["thresholds"], sealed["passed"]) == (
        pytest.approx(0.54),
        {"opponent": 0.5},
        True,
    )
    assert {*sealed} == {
        *("key", "value", "inputs", "params", "recorded_at"),
        "thresholds",
        "passed",
    }


def test_the_verb_writes_the_chosen_framework_or_another_tools_fields(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Registry.here() as registry:
        submit(registry, "a", tmp_path)
    words = ["registry", "dossier", "1"]
    done = CliRunner().invoke(command, [*words, "--framework", "iso-42001", "--to", "a.json"])
    assert done.exit_code == 0, done.output
    assert len(json.loads(Path("a.json").read_bytes())["parts"]) == 2
    done = CliRunner().invoke(command, [*words, "--fields", "verifywise"])
    assert done.exit_code == 0, done.output
    assert json.loads(Path("test-v1-verifywise.json").read_bytes())[0]["order_no"] == 1
    wrong = CliRunner().invoke(command, [*words, "--fields", "verifywise", "--to", "a.html"])
    assert "must end in .json" in str(wrong.exception)
