"""A dossier says what the records say, names what a person must write, and invents nothing."""

import os
import shutil
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from evaluation.decision.policy import Policy
from incumbent.cli import app as command
from incumbent.cli import main
from monitoring.night_history import check_job
from project.records.adapters import Adapter, AdapterVersion
from project.records.data import Check, DatasetVersion, GateReport, Severity, Split, Waived
from project.records.evidence import Bound, MetricEvidence, Verdict
from project.settings import PARAMS
from registry.adapter_import.lora_config import ImportedOrigin, ModuleNorm
from registry.store import Registry
from review.dossier import document
from review.dossier.document import Dossier, Filled, Section, html_of, write_dossier
from review.dossier.make_dossier import as_yaml, make_dossier
from tests.conftest import SEALED, decision_on, evidence_of, keep_decision
from tests.monitoring.test_night_report import HOSTILE
from tests.places import submit, win
from tests.review.conftest import Browser
from tests.review.test_nights import Shown, drifted, keep

DATA = DatasetVersion(
    rows="1" * 64, splits={Split.TRAIN: 800}, sources=("bank.csv",), contract="2" * 64
)
WAIVER = Waived(by="bob", until=date(2026, 12, 31), reason="known since May", rows=("r1",))
GATE = GateReport(
    dataset_rows="1" * 64,
    contract="2" * 64,
    row_count=1_000,
    checks=(
        Check(
            name="no empty answers",
            severity=Severity.CRITICAL,
            passed=True,
            limit="0 rows",
            observed="1 row",
            failing_rows=("r1",),
            waived=(WAIVER,),
        ),
    ),
)
POLICY = Policy(gating=("rougeL",), effect=0.02)


def measured(diff: float, **changed: object) -> MetricEvidence:
    values = {
        "n": 400,
        "clusters": 400,
        "unjudged": 0,
        "champion_mean": 0.5,
        "challenger_mean": 0.5 + diff,
        "diff": diff,
        "sd": 0.2,
        "se": 0.01,
        "df": 399.0,
        "wins": 240,
        "losses": 160,
        "p": 0.001,
        "bootstrap": (diff - 0.016, diff + 0.016),
    }
    return MetricEvidence.model_validate(values | changed)


@pytest.fixture(autouse=True)
def settings() -> None:
    PARAMS.write_text("registry: {family: test}\n")


@pytest.fixture
def version(
    registry: Registry, make_adapter: Callable[[str], tuple[Adapter, Path]]
) -> AdapterVersion:
    """A version with data, checks, a waiver, evidence, and a verdict at a look."""
    adapter, folder = make_adapter("a")
    adapter = adapter.model_copy(update={"dataset": DATA.digest})
    made = registry.submit(adapter, folder, "made", DATA, GATE)
    evidence = evidence_of(adapter.files, None).model_copy(
        update={
            "dev": {"rougeL": measured(0.05)},
            "sealed": {"rougeL": measured(0.04)},
            "slices": {"topic=cards": {"rougeL": measured(-0.01, n=40)}},
        }
    )
    bounds = {"rougeL": Bound(lower=0.02, upper=0.06, won=True)}
    decision = decision_on(evidence, Verdict.PROMOTE).model_copy(update={"bounds": bounds})
    keep_decision(registry, made.number, decision, evidence, POLICY, SEALED)
    return made


def of(registry: Registry, number: int = 1, *, whole: bool = False) -> Dossier:
    return make_dossier(registry, number, whole=whole, notes=None)


def words(section: Section) -> str:
    return section.model_dump_json()


# --- what it says -------------------------------------------------------------------------------


@pytest.mark.usefixtures("version")
def test_it_has_every_heading_of_the_records_and_every_point_of_annex_iv(
    registry: Registry,
) -> None:
    numbers = [section.number for section in of(registry).sections]
    records = [f"1.{i}" for i in range(1, 8)] + [f"2.{i}" for i in range(1, 5)]
    records += [f"3.{i}" for i in range(1, 9)]
    annex = [f"IV.1({letter})" for letter in "abcdefgh"] + [f"IV.2({x})" for x in "abcdefgh"]
    assert numbers[: len(records)] == records
    assert [n for n in numbers if n.startswith("IV.")] == [
        *annex,
        *(f"IV.{i}" for i in range(3, 10)),
    ]


@pytest.mark.usefixtures("version")
def test_each_reference_leads_to_a_section_that_is_there(registry: Registry) -> None:
    dossier = of(registry)
    for section in dossier.sections:
        for number in section.see:
            assert dossier.titled(number).blocks
    assert len({section.anchor for section in dossier.sections}) == len(dossier.sections)


@pytest.mark.usefixtures("version")
def test_data_come_with_their_checks_and_what_was_excused(registry: Registry) -> None:
    data = words(of(registry).titled("1.2"))
    for said in ("800 train", "bank.csv", "no empty answers", "passed by a waiver", "bob"):
        assert said in data
    assert "known since May" in data


@pytest.mark.usefixtures("version")
def test_the_evaluation_has_intervals_bounds_slices_looks_and_power(registry: Registry) -> None:
    """Power is that of the formula: with sd 0.2 on 400 items the se is 0.01, so a gain of 0.02 is
    two of them away.
    """
    blocks = {block.title: block for block in of(registry).titled("2.3").blocks}
    (row,) = blocks["Sealed eval set"].rows
    assert row[:5] == ("rougeL", "0.500", "0.540", "+0.040", "+0.024 … +0.056")
    assert blocks["Bounds that decided"].rows == (("rougeL", "+0.020", "+0.060", "yes"),)
    assert blocks["Slices of the sealed eval set"].rows[0][0] == "topic=cards"
    (power,) = blocks["Power"].rows
    assert power[1:] == ("400", "400", "about 55 %", "+0.027")
    assert len(blocks["Looks at the sealed eval set"].rows) == 1


@pytest.mark.usefixtures("version")
def test_sign_offs_name_who_did_what_and_why(registry: Registry) -> None:
    registry.actor = "ann"
    registry.promote(1, "looked at fifty answers")
    dossier = of(registry)
    assert "approved by ann (looked at fifty answers)" in dossier.summary.text[0]
    signed = [row for block in dossier.titled("3.3").blocks for row in block.rows]
    assert ("promote", "ann", "looked at fifty answers") in [row[1:] for row in signed]


@pytest.mark.usefixtures("version")
def test_nights_that_watched_it_are_counted_and_alarms_listed(registry: Registry) -> None:
    keep(registry, drifted(champion=1), drifted(3, champion=2), job=check_job)
    text = words(of(registry).titled("2.2"))
    assert "1 night, from 2026-01-02 to 2026-01-02." in text
    assert "torch, tensor" in text
    assert "2026-01-03" not in text


@pytest.mark.usefixtures("version")
def test_changes_are_told_against_whom_it_was_compared_with(
    registry: Registry, tmp_path: Path
) -> None:
    registry.promote(1, "first")
    other = win(registry, "b", tmp_path)
    changes = words(of(registry, other.number).titled("3.8"))
    assert "Against test v1" in changes
    assert "800" in changes
    assert "sources" in changes


def test_a_version_that_nobody_decided_on_has_a_dossier_that_says_so(
    registry: Registry, tmp_path: Path
) -> None:
    submit(registry, "a", tmp_path)
    dossier = of(registry)
    assert "nobody has decided" in words(dossier.titled("2.3"))
    assert "never promoted" in dossier.summary.text[0]
    assert html_of(dossier)


@pytest.mark.parametrize("verdict", [Verdict.HOLD, Verdict.REJECT])
def test_one_that_lost_has_a_dossier_too(
    verdict: Verdict, registry: Registry, tmp_path: Path
) -> None:
    made = submit(registry, "a", tmp_path)
    evidence = evidence_of(made.adapter.files, None)
    keep_decision(registry, 1, decision_on(evidence, verdict), evidence, POLICY)
    assert f"Verdict: {verdict.value}" in words(of(registry).titled("2.3"))


def test_what_did_not_qualify_shows_nothing_of_the_sealed_set(
    registry: Registry, tmp_path: Path
) -> None:
    made = submit(registry, "a", tmp_path)
    evidence = evidence_of(made.adapter.files, None).model_copy(
        update={"sealed": {"rougeL": measured(0.777)}, "reference": {"rougeL": measured(0.777)}}
    )
    decision = decision_on(evidence, Verdict.HOLD).model_copy(
        update={"opening": None, "alpha": None}
    )
    keep_decision(registry, 1, decision, evidence, POLICY)
    assert "0.777" not in of(registry).model_dump_json()


def test_an_adapter_of_a_third_party_says_what_is_not_known(
    registry: Registry, make_adapter: Callable[[str], tuple[Adapter, Path]]
) -> None:
    origin = ImportedOrigin(
        files={"adapter_model.safetensors": "3" * 64},
        declared_base=HOSTILE,
        norms=(ModuleNorm(module="q_proj", update=3.0, weight=1.0),),
    )
    adapter, folder = make_adapter("a")
    adapter = adapter.model_copy(update={"dataset": origin.digest, "recipe": origin.digest})
    registry.submit(adapter, folder, "from a vendor", origin)
    dossier = of(registry)
    assert "made elsewhere" in words(dossier.titled("1.2"))
    assert "q_proj" in words(dossier.titled("2.4"))
    assert "<script>" not in html_of(dossier)


def test_a_deleted_version_keeps_its_dossier(registry: Registry, tmp_path: Path) -> None:
    submit(registry, "a", tmp_path)
    registry.delete(1, "no use")
    dossier = of(registry)
    assert ("standing today", "deleted") in dossier.summary.facts
    assert "no use" in words(dossier.titled("3.3"))


def test_a_record_that_was_changed_is_told(registry: Registry, tmp_path: Path) -> None:
    win(registry, "a", tmp_path)
    with registry.engine.connect() as connection:
        connection.exec_driver_sql("UPDATE events SET digest = 'x' WHERE kind = 'promote'")
        connection.commit()
    with pytest.raises(Exception, match="changed"):
        of(registry, whole=True)


@pytest.mark.usefixtures("version")
def test_the_whole_registry_is_checked_where_that_is_asked_for(registry: Registry) -> None:
    assert "events in an unbroken chain" in words(of(registry, whole=True).titled("3.4"))
    assert "unbroken chain" not in words(of(registry).titled("3.4"))


# --- what a person writes -----------------------------------------------------------------------


@pytest.mark.usefixtures("version")
def test_a_box_stands_where_no_record_can_say_it(registry: Registry) -> None:
    dossier = of(registry)
    assert dossier.titled("IV.8").filled is Filled.MISSING
    assert dossier.titled("1.2").filled is Filled.PARTLY
    assert dossier.titled("3.6").filled is Filled.RECORDS
    html = html_of(dossier)
    boxes = sum(bool(section.to_write) for section in dossier.sections)
    assert html.count("Open: to be stated by a person, or recorded") == boxes


@pytest.mark.usefixtures("version")
def test_what_was_written_stands_in_its_section_as_text_with_who_states_it_and_when(
    registry: Registry,
) -> None:
    Path("dossier.yaml").write_text('sections: {"1.1": "For the help desk.\\n<b>Only</b>."}\n')
    dossier = of(registry)
    assert dossier.titled("1.1").filled is Filled.WRITTEN
    assert "&lt;b&gt;Only&lt;/b&gt;" in html_of(dossier)
    assert "nobody is named" in html_of(dossier)
    Path("dossier.yaml").write_text(
        'sections: {"1.1": {text: For the help desk., by: ann, date: 2026-11-02}}\n'
    )
    assert of(registry).titled("1.1").written_by == "by ann on 2026-11-02"
    assert "Stated by ann on 2026-11-02" in html_of(of(registry))


@pytest.mark.usefixtures("version")
def test_what_is_stated_of_a_framework_waits_for_a_dossier_with_it(registry: Registry) -> None:
    Path("dossier.yaml").write_text('frameworks: [ss1-23]\nsections: {"IV.8": See DoC-2026-014.}\n')
    assert "IV.8" not in html_of(of(registry))
    other = make_dossier(registry, 1, whole=False, notes=None, frameworks=["eu-ai-act-annex-iv"])
    assert "See DoC-2026-014." in html_of(other)


@pytest.mark.usefixtures("version")
@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('sections: {"9.9": x}', r"sections\.9\.9.*no such section; there are 1\.1"),
        ("sections: [", "is no YAML"),
        ('sections: {"1.1": 3}', r'1\.1.*write \{sections: \{"1\.1": text\}\}'),
        ("other: {}", "other"),
    ],
)
def test_notes_that_are_none_are_named(text: str, complaint: str, registry: Registry) -> None:
    Path("dossier.yaml").write_text(text)
    with pytest.raises(Exception, match=complaint) as error:
        of(registry)
    assert "dossier.yaml" in str(error.value)


@pytest.mark.parametrize("loader", [yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)])
def test_no_letter_of_a_record_can_leave_its_place_in_a_template(loader: type) -> None:
    letters = "".join(map(chr, [*range(0x300), 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0x1F600]))
    for value in (letters, HOSTILE, "'\"]}\n- number: '9.9'", "{{ 7 * 7 }}"):
        assert yaml.load(f"- [{as_yaml(value)}]", loader) == [[value]]


# --- the file -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("version")
def test_it_is_one_file_that_asks_for_nothing_else(registry: Registry) -> None:
    outline = Shown(html_of(of(registry)))
    assert not {"script", "link", "img", "iframe"} & set(outline.tags)
    assert not [name for name in outline.attributes if name in ("src", "style", "onclick")]


@pytest.mark.usefixtures("version")
def test_equal_dossiers_give_equal_bytes(registry: Registry) -> None:
    dossier = of(registry)
    assert html_of(dossier) == html_of(Dossier.model_validate_json(dossier.model_dump_json()))


def test_a_name_that_is_neither_html_nor_pdf_is_refused(registry: Registry, tmp_path: Path) -> None:
    submit(registry, "a", tmp_path)
    with pytest.raises(Exception, match=r"must end in \.html, \.pdf or \.json"):
        write_dossier(of(registry), Path("dossier.docx"))


def test_without_a_browser_a_pdf_is_refused_with_what_to_install(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    submit(registry, "a", tmp_path)
    with pytest.raises(Exception, match="apt install chromium"):
        write_dossier(of(registry), Path("dossier.pdf"))


def test_a_browser_that_fails_leaves_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "BROWSERS", ("false",))
    with pytest.raises(Exception, match="did not print the PDF: no word"):
        document.printed("<p>", document.browser_here())


@pytest.mark.slow
@pytest.mark.skipif(
    not shutil.which("chromium") and not os.environ.get("CI"), reason="no browser that prints"
)
def test_chromium_prints_it(registry: Registry, tmp_path: Path) -> None:
    submit(registry, "a", tmp_path)
    write_dossier(of(registry), Path("dossier.pdf"))
    assert Path("dossier.pdf").read_bytes().startswith(b"%PDF")


# --- the verb and the page ----------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path) -> None:
    with Registry.here() as registry:
        submit(registry, "a", tmp_path)


@pytest.mark.usefixtures("project")
def test_the_verb_writes_a_file_and_says_what_is_missing() -> None:
    done = CliRunner().invoke(command, ["registry", "dossier", "1"])
    assert done.exit_code == 0, done.output
    assert "Dossier of test v1" in Path("test-v1-dossier.html").read_text()
    assert "SHA-256" in done.output


@pytest.mark.usefixtures("project")
def test_a_file_that_is_there_is_replaced_only_where_that_is_said() -> None:
    Path("signed.html").write_text("signed")
    words = ["registry", "dossier", "1", "--to", "signed.html"]
    refused = CliRunner().invoke(command, words)
    assert "is there already" in str(refused.exception)
    assert Path("signed.html").read_text() == "signed"
    assert CliRunner().invoke(command, [*words, "--force"]).exit_code == 0
    assert "Dossier of test v1" in Path("signed.html").read_text()


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("args", [("2",), ("1", "--to", "x.txt"), ("1", "--notes", "none.yaml")])
def test_bad_usage_ends_with_2_and_no_file(
    args: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["incumbent", "registry", "dossier", *args])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert not list(Path().glob("*.html"))


@pytest.mark.usefixtures("version")
def test_the_page_shows_it_and_offers_the_file_and_its_twin_is_the_dossier(client: Browser) -> None:
    page = client.get("/dossier/1")
    assert page.status_code == 200
    assert 'href="/dossier/1/file"' in page.text
    outline = Shown(page.text)
    assert "style" not in outline.attributes + outline.tags
    file = client.get("/dossier/1/file")
    assert file.headers["content-disposition"] == 'attachment; filename="test-v1-dossier.html"'
    assert "<style>" in file.text
    twin = Dossier.model_validate(client.get("/api/dossier/1").json())
    assert (twin.label, twin.by) == ("test v1", "ann")


@pytest.mark.parametrize("number", ["7", "0", "x", "9" * 30])
def test_a_version_that_is_not_there_has_no_dossier(number: str, client: Browser) -> None:
    for path in (f"/dossier/{number}", f"/dossier/{number}/file", f"/api/dossier/{number}"):
        assert client.get(path).status_code in (404, 422)


def test_what_people_wrote_anywhere_stays_text(
    registry: Registry, tmp_path: Path, client: Browser
) -> None:
    registry.actor = HOSTILE
    win(registry, "a", tmp_path)
    registry.point("staging", 1, HOSTILE, expected=None)
    for html in (client.get("/dossier/1").text, html_of(of(registry))):
        assert "<script>alert" not in html
        assert "<img" not in html
        assert "&lt;script&gt;alert" in html
