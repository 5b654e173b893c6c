"""What a person decides on the review page, and all by which somebody might decide who may not."""

from pathlib import Path

import pytest

from project.records.adapters import AdapterVersion
from project.records.evidence import Verdict
from registry.store import Registry
from tests.places import decide, submit, win
from tests.review.conftest import Browser, Browsers


@pytest.fixture
def challenger(registry: Registry, tmp_path: Path) -> AdapterVersion:
    """Version 2, which ann submitted and which won against champion 1."""
    win(registry, "first", tmp_path)
    registry.actor = "ann"
    return decide(registry, submit(registry, "second", tmp_path))


def seen(registry: Registry, number: int) -> dict[str, object]:
    """The fields of the approve form, as the page has them now."""
    champion, made = registry.champion(), registry.decision_made(number)
    assert made is not None
    return {"champion": champion.number if champion else 0, "decision": made.decision}


def roles(text: str) -> None:
    Path("roles.yaml").write_text(text)
    Path("params.yaml").write_text("registry: {roles: roles.yaml}")


def two_persons(registry: Registry) -> None:
    registry.four_eyes = True
    Path("params.yaml").write_text("registry: {four_eyes: true}")


def champion(registry: Registry) -> int:
    version = registry.champion()
    return version.number if version else 0


def test_approving_promotes_and_keeps_who_and_why(
    client: Browser, registry: Registry, challenger: AdapterVersion
) -> None:
    answer = client.send_form("/review/2/approve", **seen(registry, 2), reason="reads well")
    assert (answer.status_code, answer.headers["location"]) == (303, "/review/2")
    won = registry.history(kind="promote")[-1]
    assert (won.version, won.actor, won.reason) == (2, "ann", "reads well")


def test_the_first_champion_is_approved_over_nobody(
    client: Browser, registry: Registry, tmp_path: Path
) -> None:
    decide(registry, submit(registry, "first", tmp_path))
    assert seen(registry, 1)["champion"] == 0
    client.send_form("/review/1/approve", **seen(registry, 1), reason="it is good")
    assert champion(registry) == 1


@pytest.mark.parametrize("reason", ["", "  \t "])
@pytest.mark.parametrize("path", ["approve", "reject"])
def test_nothing_is_decided_without_a_reason(
    client: Browser, registry: Registry, challenger: AdapterVersion, path: str, reason: str
) -> None:
    before = registry.history()
    answer = client.send_form(f"/review/2/{path}", **seen(registry, 2), reason=reason)
    assert answer.status_code == 400
    assert "a reason is needed" in answer.text
    assert registry.history() == before


def test_where_the_champion_changed_meanwhile_nothing_moves_and_the_page_says_so(
    client: Browser, registry: Registry, challenger: AdapterVersion, tmp_path: Path
) -> None:
    form = seen(registry, 2)
    registry.actor = "bob"
    win(registry, "third", tmp_path)
    answer = client.send_form("/review/2/approve", **form, reason="reads well")
    assert answer.status_code == 409
    assert "version 3 is champion now, and version 1 was" in answer.text
    assert "bob: promoted v3. third won" in answer.text
    assert champion(registry) == 3


def test_a_newer_decision_than_the_page_showed_is_not_approved_unseen(
    client: Browser, registry: Registry, challenger: AdapterVersion
) -> None:
    form = seen(registry, 2)
    decide(registry, challenger, Verdict.HOLD)
    answer = client.send_form("/review/2/approve", **form, reason="reads well")
    assert answer.status_code == 409
    assert "a newer decision" in answer.text
    assert champion(registry) == 1


def test_a_form_without_what_was_seen_decides_nothing(
    client: Browser, registry: Registry, challenger: AdapterVersion
) -> None:
    assert client.send_form("/review/2/approve", reason="quick").status_code == 422
    assert champion(registry) == 1


def test_approving_twice_promotes_once_and_says_so(
    client: Browser, registry: Registry, challenger: AdapterVersion
) -> None:
    form = seen(registry, 2)
    client.send_form("/review/2/approve", **form, reason="reads well")
    before = registry.history()
    again = client.send_form("/review/2/approve", **form, reason="reads well")
    assert registry.history() == before
    assert (again.status_code, "you came late: ann made version 2 champion" in again.text) == (
        409,
        True,
    )


def test_a_link_cannot_make_the_page_say_that_something_was_done(
    client: Browser, challenger: AdapterVersion
) -> None:
    for told in ("unchecked", "<b>hacked</b>"):
        page = client.get("/review/2", params={"told": told})
        assert 'class="notice"' not in page.text


@pytest.mark.parametrize("verdict", [Verdict.HOLD, Verdict.REJECT])
def test_what_did_not_win_is_not_approved(
    client: Browser, registry: Registry, challenger: AdapterVersion, verdict: Verdict
) -> None:
    decide(registry, challenger, verdict)
    answer = client.send_form("/review/2/approve", **seen(registry, 2), reason="I like it")
    assert answer.status_code == 409
    assert f"test v2 may not be promoted: {verdict}" in answer.text
    assert champion(registry) == 1


def test_a_deleted_version_is_neither_approved_nor_rolled_back_to(
    client: Browser, registry: Registry, challenger: AdapterVersion
) -> None:
    form = seen(registry, 2)
    registry.delete(2, "withdrawn")
    answer = client.send_form("/review/2/approve", **form, reason="I like it")
    assert (answer.status_code, "test v2 was deleted" in answer.text) == (400, True)
    back = client.send_form("/rollback", champion=1, to=2, reason="back")
    assert back.status_code == 400
    assert champion(registry) == 1


def test_a_rejected_version_can_not_be_approved_any_more(
    client: Browser, registry: Registry, challenger: AdapterVersion
) -> None:
    client.send_form("/review/2/reject", reason="it is rude")
    client.send_form("/review/2/reject", reason="it is rude")
    assert [event.reason for event in registry.history(kind="reject")] == ["it is rude"]
    answer = client.send_form("/review/2/approve", **seen(registry, 2), reason="after all")
    assert "was rejected by ann: it is rude" in answer.text
    assert champion(registry) == 1


def test_the_champion_cannot_be_rejected(
    client: Browser, registry: Registry, challenger: AdapterVersion
) -> None:
    assert client.send_form("/review/1/reject", reason="no").status_code == 400
    assert registry.history(kind="reject") == []


@pytest.mark.parametrize("duties", ["vote: [ann]\npromote: [bob]", "submit: [ann]\npromote: []"])
def test_who_may_only_vote_or_submit_decides_nothing(
    client: Browser, registry: Registry, challenger: AdapterVersion, duties: str
) -> None:
    roles(duties)
    before, form = registry.history(), seen(registry, 2)
    forms: dict[str, dict[str, object]] = {
        "/review/2/approve": form,
        "/review/2/reject": {},
        "/review/2/votes": {"votes": 3},
        "/rollback": {"champion": 1, "to": 1},
    }
    for path, fields in forms.items():
        answer = client.send_form(path, **fields, reason="mine")
        assert (answer.status_code, "ann may not promote" in answer.text) == (409, True)
    assert registry.history() == before
    page = client.get("/review/2").text
    assert "<form" not in page.partition('id="decide"')[2]
    assert "Not possible: ann may not promote" in page


def test_who_is_taken_out_of_the_roles_may_not_use_a_page_that_is_open_still(
    client: Browser, registry: Registry, challenger: AdapterVersion
) -> None:
    assert "Approve and promote" in client.get("/review/2").text
    form = seen(registry, 2)
    roles("promote: [bob]")
    assert client.send_form("/review/2/approve", **form, reason="quick").status_code == 409
    assert champion(registry) == 1


def test_four_eyes_are_not_those_of_one_person_with_two_tabs(
    browser: Browsers, registry: Registry, challenger: AdapterVersion
) -> None:
    two_persons(registry)
    form = seen(registry, 2)
    for name in ("ann", "ann", "ANN"):
        answer = browser(name).send_form("/review/2/approve", **form, reason="me again")
        assert answer.status_code == 409
        assert "may not promote it too" in answer.text
    assert champion(registry) == 1
    assert "Not possible: ann submitted test v2" in browser("ann").get("/review/2").text


def test_a_second_person_approves_where_four_eyes_are_asked_for(
    browser: Browsers, registry: Registry, challenger: AdapterVersion
) -> None:
    two_persons(registry)
    browser("bob").send_form("/review/2/approve", **seen(registry, 2), reason="I looked too")
    assert champion(registry) == 2


def test_one_person_may_roll_back_where_four_eyes_are_asked_for(
    client: Browser, registry: Registry, challenger: AdapterVersion
) -> None:
    registry.promote(2, "better")
    two_persons(registry)
    page = client.get("/rollback").text
    assert "test v2</b> is the champion now" in page
    assert '<option value="1" selected>test v1 (the champion before)' in page
    answer = client.send_form("/rollback", champion=2, to=1, reason="users complain")
    assert answer.headers["location"].startswith("/review/1")
    assert champion(registry) == 1


def test_a_rollback_from_an_old_page_moves_nothing(
    client: Browser, registry: Registry, challenger: AdapterVersion, tmp_path: Path
) -> None:
    registry.promote(2, "better")
    win(registry, "third", tmp_path)
    answer = client.send_form("/rollback", champion=2, to=1, reason="users complain")
    assert answer.status_code == 409
    assert "the champion is version 3 now, not 2" in answer.text
    assert champion(registry) == 3


def test_a_rollback_goes_only_to_what_was_champion(
    client: Browser, registry: Registry, challenger: AdapterVersion
) -> None:
    answer = client.send_form("/rollback", champion=1, to=2, reason="let me")
    assert (answer.status_code, "never was champion" in answer.text) == (400, True)


def test_a_first_champion_is_withdrawn_where_others_are_rolled_back(
    client: Browser, registry: Registry, challenger: AdapterVersion
) -> None:
    assert "/rollback" in client.get("/review/1").text
    assert '<option value="0">the bare base' in client.get("/rollback").text
    late = client.send_form("/rollback", champion=2, to=0, reason="it invents fees")
    assert (late.status_code, champion(registry)) == (400, 1)
    answer = client.send_form("/rollback", champion=1, to=0, reason="it invents fees")
    assert answer.headers["location"] == "/review/1"
    assert champion(registry) == 0
    assert "There is no champion now" in client.get("/rollback").text
    assert "withdrawn" in client.get("/").text
    for page in ("/review/1", "/versions/1", "/lineage", "/history", "/verify"):
        assert client.get(page).status_code == 200
    assert client.get("/api/lineage").json()["moves"][-1]["champion"] is None


@pytest.mark.parametrize("number", ["0", "-1", "1e3", str(2**31), "9" * 400, "%00", "x"])
def test_numbers_that_no_version_can_have_are_refused(client: Browser, number: str) -> None:
    for path in (f"/review/{number}", f"/review/{number}/votes", f"/api/review/{number}"):
        assert client.get(path).status_code in (404, 422)
    assert client.send_form(f"/review/{number}/reject", reason="no").status_code in (404, 422)


def test_a_version_that_there_is_not_is_not_found(client: Browser) -> None:
    assert client.get("/review/7").status_code == 404
    assert client.get("/api/review/7").json()["detail"].startswith("test has no version 7")


def test_reasons_that_are_no_text_break_nothing(
    client: Browser, registry: Registry, challenger: AdapterVersion
) -> None:
    odd = "<script>alert(1)</script>\x00\n‮مرحبا"
    assert client.send_form("/review/2/reject", reason=odd).status_code == 303
    page = client.get("/review/2").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert client.send_form("/review/2/reject", reason="x" * 2001).status_code == 422


@pytest.mark.parametrize("half", ["%ED%A0%80", "%FF%FE", "%00"])
def test_bytes_that_are_no_text_are_no_fault_of_the_server(
    client: Browser, registry: Registry, challenger: AdapterVersion, half: str
) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    body = f"csrf={client.csrf}&reason=odd{half}"
    answer = client.post("/review/2/reject", content=body, headers=kind)
    assert answer.status_code in (303, 400, 422)
    assert client.get("/review/2").status_code == 200
