"""What happens in the registry is told to a webhook: signed, once, and with a history of tries."""

import json
from base64 import b64decode, b64encode
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from monitoring.night import notices
from monitoring.scheduling import notice_delivery, outbox
from monitoring.scheduling.job import ScheduleParams
from monitoring.scheduling.notice_delivery import NoticeParams, deliver
from monitoring.scheduling.outbox import NoticeState, SentNotice, depth, newest_notices
from monitoring.scheduling.service import serve
from monitoring.scheduling.webhook import (
    SECRET,
    secret_here,
    signature,
    signature_headers,
)
from project.errors import IncumbentError, InputError
from project.records.drift import Action, DriftState, DriftVerdict, RetrainOutcome, Topic
from project.records.events import EventKind
from registry.notices import Notice
from registry.registry_settings import RegistryParams
from registry.storage.database import writing
from registry.store import Registry
from tests.conftest import ROOT
from tests.monitoring.test_night_report import ALARM, DRIFT, night, reading
from tests.monitoring.test_notice_delivery import NOTICE, local, receiver, tell
from tests.places import submit, win
from tests.scheduling import Clock

PLAIN = "a secret of 24 bytes or more"
PAGE = "https://review.example.com"


def told(registry: Registry) -> list[Notice]:
    return [sent.notice for sent in reversed(newest_notices(registry.engine, 100))]


def announce(registry: Registry, *kinds: EventKind) -> None:
    registry.announced = kinds


# --- registry events ----------------------------------------------------------------------------


def test_events_of_the_chosen_kinds_are_told_in_words(registry: Registry, tmp_path: Path) -> None:
    win(registry, "a", tmp_path)
    assert told(registry) == []
    announce(registry, "submit", "decide", "promote", "rollback")
    win(registry, "b", tmp_path)
    registry.rollback("too slow")
    assert [(notice.kind, notice.text, notice.path) for notice in told(registry)[-4:]] == [
        ("event-submit", "tester submitted test v2: made b", "/versions/2"),
        ("event-decide", "the decision on test v2 is PROMOTE: because", "/review/2"),
        ("event-promote", "tester promoted test v2 over v1: b won", "/versions/2"),
        ("event-rollback", "tester rolled v2 back to test v1: too slow", "/versions/1"),
    ]


def test_a_notice_says_what_its_event_says(registry: Registry, tmp_path: Path) -> None:
    announce(registry, "promote")
    win(registry, "a", tmp_path)
    event, (notice,) = registry.history(kind="promote")[0], told(registry)
    assert notice.key == f"event {event.seq} {event.digest[:16]}"
    wanted = {"event": event.digest, "seq": event.seq, "actor": "tester", "version": 1}
    assert wanted | {"from": None, "by": "person", "forced": 0} == {
        name: notice.detail[name] for name in (*wanted, "from", "by", "forced")
    }


def test_an_event_that_is_undone_with_its_transaction_is_told_to_nobody(
    registry: Registry, tmp_path: Path
) -> None:
    announce(registry, "promote")
    submit(registry, "a", tmp_path)
    with pytest.raises(IncumbentError):
        registry.promote(1, "nobody decided")
    assert depth(registry.engine) == (0, 0)


def test_what_a_person_wrote_becomes_one_line_of_text(registry: Registry, tmp_path: Path) -> None:
    announce(registry, "reject")
    submit(registry, "a", tmp_path)
    registry.reject(1, "no\r\n<script>\x1b[31m")
    assert told(registry)[0].text == "tester rejected test v1: no <script> [31m"


def test_the_settings_name_what_people_hear_of_and_nothing_is_told_by_default() -> None:
    assert RegistryParams().event_notices == ()
    Path("params.yaml").write_text("registry: {event_notices: [promote, deploy-failed]}\n")
    with Registry.here() as registry:
        assert registry.announced == ("promote", "deploy-failed")


# --- signatures ---------------------------------------------------------------------------------


def check(headers: dict[str, str], body: bytes, secret: str, tolerance: float = 300) -> bool:
    """What docs/how-to/team.md tells a reader to do, as it stands there."""
    page = (ROOT / "docs/how-to/team.md").read_text()
    told: dict[str, Any] = {}
    exec(page.partition("```python\n")[2].partition("```")[0], told)
    return bool(told["verify"](headers, body, secret, tolerance))


def test_a_signature_is_the_one_of_the_published_example() -> None:
    """The secret, body and time are those of the libraries of Standard Webhooks."""
    secret = b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    name, body = "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}'
    published = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert signature(name, 1614265330, body, secret) == published


def test_what_a_webhook_gets_can_be_checked_and_is_worthless_when_changed(
    engine: Engine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SECRET, PLAIN)
    tell(engine, clock, NOTICE)
    with receiver() as received:
        deliver(engine, local(received.url), clock)
    headers, body = received.headers[0], json.dumps(received.bodies[0], sort_keys=True)
    sealed = canonical(received.bodies[0])
    always = float("inf")
    assert check(headers, sealed, PLAIN, always)
    assert not check(headers, body.encode() + b" ", PLAIN, always)
    assert not check(headers | {"webhook-id": "msg_other"}, sealed, PLAIN, always)
    assert not check(headers, sealed, "another secret of any length", always)
    assert not check(headers, sealed, PLAIN, 300), "it is replayed months later"


def canonical(body: dict[str, Any]) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def test_a_second_try_has_the_same_id_and_a_time_of_its_own(clock: Clock) -> None:
    first = signature_headers("key", b"{}", PLAIN.encode(), clock())
    clock.forward(minutes=2)
    second = signature_headers("key", b"{}", PLAIN.encode(), clock())
    assert first["webhook-id"] == second["webhook-id"]
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 120
    assert first["webhook-signature"] != second["webhook-signature"]


def test_a_secret_is_text_or_base64_behind_its_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRET, PLAIN)
    assert secret_here() == PLAIN.encode()
    monkeypatch.setenv(SECRET, "whsec_" + b64encode(b"k" * 32).decode())
    assert secret_here() == b"k" * 32


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("short", "has 5 bytes, and needs 24"),
        ("whsec_?", "no base64 follows"),
        ("whsec_é", "no base64 follows"),
    ],
)
def test_a_secret_that_protects_nothing_is_refused_and_not_repeated(
    given: str, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SECRET, given)
    with pytest.raises(InputError, match=complaint) as error:
        secret_here()
    assert given not in str(error.value)


# --- links --------------------------------------------------------------------------------------


def test_a_notice_links_to_its_page_where_there_is_one(engine: Engine, clock: Clock) -> None:
    linked = NOTICE.model_copy(update={"path": "/nights/2026-03-09"})
    tell(engine, clock, linked)
    with receiver() as received:
        deliver(engine, local(received.url), clock, page=PAGE + "/")
    assert not [name for name in received.headers[0] if name.startswith("webhook-")], "no secret"
    body = received.bodies[0]
    assert body["link"] == f"{PAGE}/nights/2026-03-09"
    assert body["text"] == f"it drifts\n{PAGE}/nights/2026-03-09"
    assert "path" not in body


def test_the_scheduler_sends_links_too(engine: Engine, clock: Clock) -> None:
    tell(engine, clock, NOTICE.model_copy(update={"path": "/nights"}))
    params = NoticeParams(command=("sh", "-c", "cat > told"))
    serve(ScheduleParams(), [], engine, params, clock=clock, once=True, page=PAGE)
    assert json.loads(Path("told").read_text())["link"] == f"{PAGE}/nights"


def test_the_scheduler_refuses_a_bad_secret_at_its_start(
    engine: Engine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SECRET, "short")
    with pytest.raises(InputError, match=SECRET):
        serve(ScheduleParams(), [], engine, NoticeParams(), clock=clock, once=True)


def test_a_night_links_to_itself_and_a_winner_that_waits_to_its_review() -> None:
    drifted = night(verdict=DriftVerdict.DRIFT)
    assert next(notices(drifted)).path == "/nights/2026-01-01"
    won = night(action=Action.RETRAIN, outcome=RetrainOutcome.REVIEW, challenger=4)
    assert next(notices(won)).path == "/review/4"


def grew(name: str, *prompts: str) -> Topic:
    return Topic(name=name, new=True, before=0, now=0.3, z=9, exemplars=prompts)


def test_while_a_drift_lasts_a_notice_comes_when_it_changes_and_else_once_a_week() -> None:
    """39 nights; each names the topic by other words of it. A second drift begins in the 24th."""
    coin = grew("coin, token", "which coin should I mine", "sell a token from my wallet")
    other, visa = grew("token, wallet, mine", "a coin"), grew("visa, embassy", "a visa please")
    changed: dict[int, dict[str, object]] = {
        2: {"readings": (ALARM, reading("topics", p=2.5e-5, verdict=DRIFT))},  # one signal more
        24: {"topics": (coin, visa)},
        26: {"reference": "c" * 64, "state": DriftState.WATCH},  # another reference, another drift
        33: {"action": Action.LABEL},
    }
    nights, told = [night(1, date="2026-02-28")], dict[int, str]()
    for number in range(1, 40):
        values = {"topics": (other if number % 3 else coin,), "state": DriftState.CONFIRMED}
        values |= {"reference": "c" * 64} if number > 26 else {}
        when = str(date(2026, 2, 28) + timedelta(days=number))
        one = night(1, DRIFT, **{**values, **changed.get(number, {}), "date": when})
        for sent in notices(one, nights):
            lines = sent.text.splitlines()
            told[number] = next((line for line in lines if "drift since" in line), "")
        nights.append(one)
    assert told == {
        1: "",
        2: "new in the drift since 2026-03-01: signal topics",
        9: "the drift since 2026-03-01 goes on as it was",
        16: "the drift since 2026-03-01 goes on as it was",
        23: "the drift since 2026-03-01 goes on as it was",
        24: "new in the drift since 2026-03-01: topic visa, embassy",
        26: "",
        27: "new in the drift since 2026-03-26: state confirmed",
        33: "new in the drift since 2026-03-26: done: label",
        34: "new in the drift since 2026-03-26: done: none",
    }


@pytest.mark.parametrize("path", ["//evil.example.com", "nights", "/a b", "/a\nb", "/<b>"])
def test_a_link_leads_nowhere_else(path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        Notice(key="k", kind="drift", text="t", path=path)


# --- the history of deliveries ------------------------------------------------------------------


def only(engine: Engine) -> SentNotice:
    (found,) = newest_notices(engine, 10)
    return found


def test_each_try_is_kept_with_its_host_and_its_problem_and_no_address(
    engine: Engine, clock: Clock
) -> None:
    tell(engine, clock, NOTICE)
    with receiver(500) as received:
        deliver(engine, local(received.url), clock)
        assert only(engine).state is NoticeState.WAITING
        clock.forward(seconds=30)
        deliver(engine, local(received.url), clock)
    found = only(engine)
    assert found.state is NoticeState.SENT
    assert [(one.attempt, one.place, one.problem) for one in found.tries] == [
        (1, "127.0.0.1", "127.0.0.1 answered with status 500"),
        (2, "127.0.0.1", None),
    ]
    assert received.url.rpartition("/")[2] not in found.model_dump_json()


def test_one_notice_that_was_given_up_is_revived_alone(
    engine: Engine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notice_delivery, "ATTEMPTS", 1)
    tell(engine, clock, NOTICE, NOTICE.model_copy(update={"key": "another"}))
    params = NoticeParams(command=("false",))
    deliver(engine, params, clock)
    deliver(engine, params, clock)
    given_up = newest_notices(engine, 10, state=NoticeState.GIVEN_UP)
    assert [sent.id for sent in given_up] == [2, 1]
    assert outbox.revive(engine, clock(), notice=1) == 1
    assert outbox.revive(engine, clock(), notice=1) == 0, "it waits already"
    assert depth(engine) == (1, 1)
    assert [sent.id for sent in newest_notices(engine, 1)] == [2], "a page of them"
    assert [sent.id for sent in newest_notices(engine, 1, before=2)] == [1]


def test_a_try_that_could_not_be_kept_marks_nothing(engine: Engine, clock: Clock) -> None:
    tell(engine, clock, NOTICE)
    with writing(engine) as connection:
        connection.exec_driver_sql("DROP TABLE deliveries")
    with pytest.raises(IncumbentError):
        deliver(engine, NoticeParams(command=("true",)), clock)
    with engine.connect() as connection:
        row = connection.exec_driver_sql("SELECT delivered, sent_at FROM outbox").one()
    assert tuple(row) == ("", None)
