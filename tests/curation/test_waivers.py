"""A person excuses rows from a check until a day, and an organisation's own contacts are none."""

import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from curation import gate, validate
from curation.checks.gate_message import WIDTH
from curation.checks.waivers import WAIVERS, Waiver, Waivers, read_waivers, unused, with_waivers
from incumbent.verbs.data_rows import allow, waive
from project.errors import IncumbentError, InputError
from project.paths import TOKENS
from project.personal_data import Contacts
from project.records.data import Check, GateReport, Row, Severity, Split
from project.records.record import write_records
from project.yaml_text import with_item
from tests.conftest import ROOT

TODAY, LAST, AFTER = date(2026, 11, 30), date(2027, 3, 31), date(2027, 4, 1)
CHECK = "no contacts"
REPORT, DATASET = Path("outputs/gate/report.json"), Path("outputs/dataset.json")
PHONES = [
    Row.of(f"Ask {i}?", f"Call 030 123456{i} for that.", group=f"{i}", source="t") for i in range(3)
]
IDS = [row.id for row in PHONES]


# --- what a waiver does to a check ---------------------------------------------------------------


def failing(*rows: str, **about: Any) -> Check:
    fields = {"name": "c", "severity": "critical", "passed": False, "limit": "", "observed": ""}
    return Check.model_validate(fields | {"failing_rows": rows} | about)


def waiver(*rows: str, until: date = LAST, by: str = "the data owner", check: str = "c") -> Waiver:
    fields = {"check": check, "rows": list(rows) or "all", "by": by, "until": until, "reason": "r"}
    return Waiver.model_validate(fields)


@pytest.mark.parametrize(
    ("check", "waivers", "passes"),
    [
        (failing("a", "b"), [waiver("a", "b")], True),
        (failing("a", "b"), [waiver("a")], False),
        (failing("a", "b"), [waiver("a"), waiver("b")], True),
        (failing("a", "b"), [waiver()], True),
        (failing("a"), [waiver("a", check="another")], False),
        (failing("a"), [waiver("b")], False),
        (failing(), [waiver()], True),
        (failing(), [waiver("a")], False),  # it is about no single row
        (failing("a", crashed="boom"), [waiver()], False),
        (failing(crashed="boom"), [waiver()], False),
        (failing("a"), [waiver("a", until=date(2026, 11, 29))], False),
        (failing("a"), [waiver("a", until=TODAY)], True),
        (failing("a"), [waiver("a", until=date(2026, 1, 1)), waiver("a")], True),  # renewed
        (failing("a"), [waiver("a"), waiver(until=date(2026, 1, 1))], True),
        (failing("a", "b"), [waiver("a"), waiver("b", until=date(2026, 1, 1))], False),
    ],
)
def test_a_check_passes_if_every_failing_row_is_excused_that_day(
    check: Check, waivers: Sequence[Waiver], passes: bool
) -> None:
    assert with_waivers(check, waivers).passes(TODAY) is passes


def test_the_check_keeps_who_excused_which_rows_until_when_and_why() -> None:
    found = with_waivers(failing("a", "b", "c"), [waiver("a", "b", "z"), waiver("c", by="another")])
    assert [(w.by, w.rows) for w in found.waived or ()] == [
        ("the data owner", ("a", "b")),
        ("another", ("c",)),
    ]
    assert str(found) == (
        "c: ok, waived: 2 rows until 2027-03-31, by the data owner: r; "
        "1 row until 2027-03-31, by another: r"
    )


def test_a_check_that_passes_is_left_as_it_is() -> None:
    check = failing("a", passed=True)  # it tolerates a share of rows
    assert with_waivers(check, [waiver("a")]) is check


def test_a_waiver_that_excuses_nothing_is_told() -> None:
    old = waiver("a", until=date(2026, 1, 1))
    gone, other = waiver("z"), waiver(check="fine")
    checks = [failing("a"), failing(name="fine", passed=True)]
    assert [(u.check, u.until) for u in unused(checks, [old, waiver("a"), gone, other])] == [
        ("c", old.until),
        ("c", LAST),
        ("fine", LAST),
    ]
    assert unused([failing(crashed="boom")], [gone]) == ()


def test_a_report_without_waivers_has_the_bytes_that_it_always_had() -> None:
    check = Check(name="n", severity=Severity.WARNING, passed=True, limit="l", observed="o")
    report = GateReport(dataset_rows="1" * 64, contract="2" * 64, row_count=1, checks=(check,))
    assert report.canonical() == (
        b'{"checks":[{"crashed":null,"failing_rows":[],"limit":"l","name":"n","observed":"o",'
        b'"passed":true,"severity":"warning"}],"contract":"' + b"2" * 64 + b'","dataset_rows":"'
        + b"1" * 64 + b'","row_count":1}'
    )  # fmt: skip


# --- the file -------------------------------------------------------------------------------------


def write_file(text: str) -> None:
    WAIVERS.parent.mkdir(parents=True, exist_ok=True)
    WAIVERS.write_text(text)


ONE = """\
waivers:
  - check: no contacts
    rows: [abc]
    by: the data owner
    until: 2027-03-31
    reason: public helplines
"""


@pytest.mark.parametrize("text", [None, "", "# nothing yet\n", "ours:\nwaivers:\n", "waivers: []"])
def test_no_file_and_an_empty_one_excuse_nothing(text: str | None) -> None:
    if text is not None:
        write_file(text)
    assert read_waivers() == Waivers()


def test_the_file_of_the_sample_project_excuses_nothing() -> None:
    write_file((ROOT / WAIVERS).read_text())
    assert read_waivers() == Waivers()


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("2027-03-31", "2027-02-30", r":5: waivers\.0\.until: .*valid date"),
        ("2027-03-31", "31.3.2027", r":5: waivers\.0\.until: .*no date such as 2027-03-31"),
        ("2027-03-31", "1806537600", r":5: waivers\.0\.until: .*no date such as 2027-03-31"),
        ("the data owner", "' '", r":4: waivers\.0\.by: .*must not be blank"),
        ("public helplines", "'…'", r":6: waivers\.0\.reason: .*must not be blank"),
        ("[abc]", "[]", r":3: waivers\.0\.rows: .*must be a list of row ids, or `all`"),
        ("[abc]", "every", r":3: waivers\.0\.rows: .*must be a list of row ids, or `all`"),
        ("[abc]", "[123]", r":3: waivers\.0\.rows: .*123 reads as a number: put ids in quotes"),
        ("    reason: public helplines\n", "", r":2: waivers\.0\.reason: Field required"),
        ("by:", "to: you\n    by:", r":4: waivers\.0\.to: no such setting"),
        ("waivers:\n", "ours: {phones: ['112']}\nwaivers:\n", r":1: ours\.phones\.0: .*'112'"),
    ],
)
def test_a_slip_in_the_file_is_told_with_its_line(old: str, new: str, complaint: str) -> None:
    write_file(ONE.replace(old, new))
    with pytest.raises(InputError, match=rf"^datasets/contracts/waivers\.yaml{complaint}"):
        read_waivers()


KEPT = "# why\nours: {emails: []} # ours\nwaivers:\n  - check: c # mine\n    rows: all\n  # end\n"


@pytest.mark.parametrize(
    "text",
    [
        *("", "# alone\n", "# no newline", "{}", "waivers: []", "waivers: [] # none\nours: {}\n"),
        *("waivers: ~\nours: ~\n", "ours:\n  phones: []\n\nwaivers:\n  # one\n", KEPT),
        *("{ours: {}}", "waivers: [a,]\n"),
        *("waivers: [{check: a}]\n", "ours: {phones: [a,\n  b]}\n", "waivers:\r\n  - c: a\r\n"),
        "waivers:\n    - check: a\n      reason: |\n        two\n        lines\n\nours:\n",
        "waivers:\n  - check: a\n    reason: a plain\n      text of two\n  # after\n",
    ],
)
def test_an_item_is_added_and_every_line_of_the_author_stays(text: str) -> None:
    item = {"check": "it's # 1", "rows": ["1", "3e10"], "until": LAST}
    new = with_item(text, ["waivers"], item)
    assert new is not None
    before, after = yaml.safe_load(text) or {}, yaml.safe_load(new)
    assert after["waivers"] == [*(before.get("waivers") or ()), item]
    assert {k: v for k, v in after.items() if k != "waivers"} == {
        k: v for k, v in before.items() if k != "waivers"
    }
    comments = [line.strip() for line in text.splitlines() if line.strip().startswith("#")]
    assert [line.strip() for line in new.splitlines() if line.strip().startswith("#")] == comments


@pytest.mark.parametrize("text", ["a: &x [a]\nwaivers: *x\n", "waivers: {a: b}\n"])
def test_a_layout_that_cannot_be_added_to_is_left_alone(text: str) -> None:
    assert with_item(text, ["waivers"], "b") is None


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=4))
def test_any_text_is_added_as_it_is_or_not_at_all(texts: list[str]) -> None:
    written = KEPT
    for number, one in enumerate(texts):
        new = with_item(written, ["ours", "emails"], one)
        assert new is None or yaml.safe_load(new)["ours"]["emails"][-1] == one
        written = new or written
        assert number >= 0 and "# why" in written and "# end" in written


# --- the stages -----------------------------------------------------------------------------------


@pytest.fixture
def project() -> None:
    """Rows of which three hold a phone number, checked by what the sample's contract says of rows:
    they are too few for the rest. Contacts are critical here, under a name of the project's own.
    """
    contract = Path("datasets/contracts/sft.yaml")
    contract.parent.mkdir(parents=True)
    text = (ROOT / contract).read_text().split("  # --- what a row says")[0]
    found = r"no e-mail addresses.*\n    severity: warning"
    contract.write_text(re.sub(found, f"{CHECK}\n    severity: critical", text))
    Path("params.yaml").write_text(
        f"curation: {{validate: {{contract: {contract}, embedded_rows: 0}}}}\n"
    )
    for part in Split:
        rows = [
            Row.of(
                f"What is {part} {i}?",
                f"A plain answer, {part} {i}.",
                group=f"{part}{i}",
                source="t",
            )
            for i in range(20)
        ]
        write_records(Path(f"datasets/curated/{part}.jsonl"), rows + PHONES * (part is Split.TRAIN))
    write_records(TOKENS, [])
    validate.main()


def waive_all(until: date = LAST) -> None:
    waive(CHECK, rows=None, every=False, until=until, reason="helplines", by="Ann", today=TODAY)


def shut(today: date = TODAY) -> str:
    """What the gate says as it stops the pipeline."""
    with pytest.raises(IncumbentError) as error:
        gate.main(today)
    assert not DATASET.exists()
    return str(error.value)


@pytest.mark.usefixtures("project")
def test_a_shut_gate_shows_a_block_for_each_check_and_the_commands() -> None:
    said = shut()
    assert max(map(len, said.splitlines())) <= WIDTH
    for line in (
        "no contacts (critical): 3 of 63 rows fail (3 × phone number)",
        f"  3 rows: {', '.join(IDS)}",
        '    incumbent data allow --phone "…"',
        '    incumbent data waive "no contacts" --until 2027-02-28 --reason "…"',
    ):
        assert line in said.splitlines(), said


@pytest.mark.usefixtures("project")
def test_only_who_may_promote_opens_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in another one's name: both the actor and whoever is said to excuse need the duty."""
    Path("roles.yaml").write_text("promote: [bob]\n")
    monkeypatch.setenv("INCUMBENT_ROLES", "roles.yaml")
    for actor, by in (("zed", "bob"), ("bob", "zed"), ("zed", None)):
        monkeypatch.setenv("INCUMBENT_ACTOR", actor)
        with pytest.raises(IncumbentError, match="zed may not promote: that is for bob"):
            waive(CHECK, rows=None, every=True, until=LAST, reason="r", by=by, today=TODAY)
    with pytest.raises(IncumbentError, match="zed may not promote"):
        monkeypatch.setenv("INCUMBENT_ACTOR", "zed")
        allow({"phones": [], "emails": [], "domains": ["bank.com"]})
    assert not WAIVERS.exists() or "zed" not in WAIVERS.read_text()
    monkeypatch.setenv("INCUMBENT_ACTOR", "bob")
    waive(CHECK, rows=None, every=False, until=LAST, reason="r", by=None, today=TODAY)


@pytest.mark.usefixtures("project")
def test_a_few_rows_are_named_in_the_command() -> None:
    waive(CHECK, rows=IDS[0], every=False, until=LAST, reason="r", by=None, today=TODAY)
    validate.main()
    lines = shut().splitlines()
    assert f"  2 rows are not waived: {IDS[1]}, {IDS[2]}" in lines
    assert '    incumbent data waive "no contacts" \\' in lines
    assert f'      --rows {IDS[1]},{IDS[2]} --until 2027-02-28 --reason "…"' in lines


@pytest.mark.usefixtures("project")
def test_a_waiver_opens_the_gate_until_its_day_and_changes_nothing_but_the_report(
    capsys: pytest.CaptureFixture[str],
) -> None:
    waive_all()
    validate.main()
    gate.main(TODAY)
    assert (
        f'waived: "{CHECK}", 3 rows until 2027-03-31, by Ann: helplines' in capsys.readouterr().out
    )
    dataset, report = DATASET.read_bytes(), REPORT.read_bytes()
    gate.main(LAST)
    assert DATASET.read_bytes() == dataset
    DATASET.unlink()
    assert "  the waiver of Ann (3 rows) expired on 2027-03-31\n" in shut(AFTER)
    validate.main()
    assert REPORT.read_bytes() == report  # which tells nothing of the day
    assert "by Ann" in str(GateReport.read(REPORT).waived[0])


@pytest.mark.usefixtures("project")
def test_a_row_that_comes_later_is_not_excused() -> None:
    waive_all()
    path = Path("datasets/curated/dev.jsonl")
    new = Row.of("Who?", "Write to jane@some-bank.com for it.", group="n", source="t")
    write_records(path, [*Row.read_lines(path), new])
    validate.main()
    said = shut()
    assert f"  1 row is not waived: {new.id}" in said
    assert "--email" in said and IDS[0] not in said


@pytest.mark.usefixtures("project")
def test_what_nobody_needs_any_more_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    waive_all()
    allow({"phones": [f"030 123456{i}" for i in range(3)]})
    validate.main()
    gate.main(TODAY)
    said = " ".join(capsys.readouterr().out.split())
    assert f'the waiver of "{CHECK}" by Ann until 2027-03-31 excuses nothing any more' in said


@pytest.mark.usefixtures("project")
def test_a_waiver_of_more_than_a_year_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    waive_all()
    write_file(WAIVERS.read_text().replace("2027-03-31", "2099-01-01"))
    validate.main()
    gate.main(TODAY)
    assert "that waiver is for more than a year: until 2099-01-01" in capsys.readouterr().out


@pytest.mark.usefixtures("project")
def test_a_check_that_the_contract_lacks_is_told_with_its_line() -> None:
    write_file(ONE.replace("no contacts", "no contact"))
    problem = r"waivers\.yaml:2: waivers\.0\.check: the contract has no check 'no contact'; it"
    with pytest.raises(InputError, match=problem):
        validate.main()


@pytest.mark.usefixtures("project")
def test_a_check_of_no_single_row_is_waived_as_a_whole() -> None:
    write_records(Path("datasets/curated/dev.jsonl"), [])
    allow({"phones": [f"030 123456{i}" for i in range(3)]})
    validate.main()
    name = "all three parts are there"
    assert f'incumbent data waive "{name}" --all --until' in shut().replace(" \\\n     ", "")
    with pytest.raises(InputError, match="waive it with --all"):
        waive(name, rows=None, every=False, until=LAST, reason="r", by=None, today=TODAY)
    waive(name, rows=None, every=True, until=LAST, reason="r", by=None, today=TODAY)
    validate.main()
    gate.main(TODAY)


@pytest.mark.usefixtures("project")
def test_the_page_shows_what_to_do_and_what_was_waived() -> None:
    shut()
    page = Path("outputs/gate/report.html").read_text()
    assert "SHUT" in page
    assert "incumbent data waive &#34;no contacts&#34; --until YYYY-MM-DD" in page
    assert "incumbent data allow --phone" in page
    waive_all()
    validate.main()
    gate.main(TODAY)
    page = Path("outputs/gate/report.html").read_text()
    assert "OPEN" in page
    for word in ("✓ waived", "Ann", "2027-03-31", "helplines", IDS[0]):
        assert word in page


# --- the verbs ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"name": "no contact"}, r"no check 'no contact'; perhaps you mean\n  no contacts$"),
        ({"name": "ids are unique"}, "'ids are unique' does not fail"),
        ({"rows": "abc"}, "--rows: no row that fails 'no contacts': abc"),
        ({"rows": "abc", "every": True}, "--all: is for every row: leave --rows out"),
        ({"until": date(2026, 11, 29)}, "--until: 2026-11-29 is past"),
        ({"until": date(2027, 12, 2)}, "--until: a waiver is for a year at most"),
        ({"reason": "…"}, "--reason: must not be blank"),
        ({"by": " "}, "--by: must not be blank"),
    ],
)
def test_a_waiver_that_makes_no_sense_is_refused_and_nothing_is_written(
    change: dict[str, Any], complaint: str
) -> None:
    fields: dict[str, Any] = {"name": CHECK, "rows": None, "every": False, "until": LAST}
    with pytest.raises(InputError, match=complaint):
        waive(**(fields | {"reason": "r", "by": None, "today": TODAY} | change))
    assert not WAIVERS.exists()


@pytest.mark.usefixtures("project")
def test_who_waives_is_the_actor_and_nothing_is_waived_twice() -> None:
    waive(CHECK, rows=IDS[0], every=False, until=LAST, reason="r", by=None, today=TODAY)
    waive_all()  # the others
    assert [(w.by, w.rows) for w in read_waivers().waivers] == [
        ("tester", (IDS[0],)),
        ("Ann", tuple(IDS[1:])),
    ]
    with pytest.raises(InputError, match="every row is excused already"):
        waive_all()


def test_rows_are_waived_only_as_they_are_now(project: None) -> None:
    write_records(Path("datasets/curated/dev.jsonl"), [])
    with pytest.raises(InputError, match=r"report\.json: is about other rows: run `dvc repro`"):
        waive_all()


def test_before_the_first_check_there_is_nothing_to_waive() -> None:
    Path("params.yaml").touch()
    with pytest.raises(InputError, match="nothing is checked yet: run `dvc repro` first"):
        waive_all()


def test_contacts_are_written_once_and_the_files_comments_stay() -> None:
    Path("params.yaml").touch()
    write_file((ROOT / WAIVERS).read_text())
    for _ in range(2):
        allow({"phones": ["1800 209 4324"], "emails": [], "domains": ["bank.com", "bank.in"]})
    assert read_waivers().ours == Contacts(
        phones=("1800 209 4324",), domains=("bank.com", "bank.in")
    )
    old, new = (ROOT / WAIVERS).read_text(), WAIVERS.read_text()
    assert [line for line in old.splitlines() if "#" in line] == [
        line for line in new.splitlines() if "#" in line
    ]


@pytest.mark.parametrize(
    ("contacts", "complaint"),
    [
        ({}, "say what is your organisation's own"),
        ({"phones": ["1800 209 4324"], "domains": ["com"]}, "'com' is no domain"),
    ],
)
def test_what_is_no_contact_is_refused_and_nothing_is_written(
    contacts: dict[str, list[str]], complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        allow(contacts)
    assert not WAIVERS.exists()
