"""An anchor outside of the database shows that the history before it was rewritten or cut."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

from project.errors import IncumbentError, InputError
from project.records.events import Event
from registry.audit import problems
from registry.chain_anchor import (
    Anchor,
    AnchorReport,
    check_anchors,
    keep_anchor,
    newest_anchor,
    read_anchors,
)
from registry.registry_settings import SigningKeys
from registry.signatures import make_keys
from registry.storage.database import writing
from registry.storage.tables import GENESIS, events, versions
from registry.store import Registry
from tests.places import START, submit

FILE = "anchors.jsonl"


@pytest.fixture
def anchored(registry: Registry, tmp_path: Path) -> Registry:
    """A registry of six events, of which the second and the fifth are anchored in a file."""
    registry.clock = lambda: START
    for number, name in enumerate("abcdef", start=1):
        submit(registry, name, tmp_path)
        if number in (2, 5):
            keep(registry, FILE)
    return registry


def keep(registry: Registry, place: str) -> Anchor:
    anchor = newest_anchor(registry)
    assert anchor
    keep_anchor(anchor, place)
    return anchor


def checked(registry: Registry, place: str = FILE) -> AnchorReport:
    return check_anchors(registry, read_anchors(place))


def rewrite(registry: Registry, seq: int) -> None:
    """Give an event another actor, and chain all events anew, as if it had always been so."""
    previous = GENESIS
    with writing(registry.engine) as connection:
        for record in connection.execute(select(events.c.record).order_by(events.c.seq)).scalars():
            event = Event.model_validate_json(record)
            changed = {"actor": "somebody else"} if event.seq == seq else {}
            event = event.model_copy(update=changed | {"previous": previous})
            row = {"record": event.canonical().decode(), "digest": event.digest}
            connection.execute(update(events).where(events.c.seq == event.seq).values(row))
            previous = event.digest


def cut(registry: Registry, last: int) -> None:
    """Away with all events after one, and with the versions that they are about."""
    with writing(registry.engine) as connection:
        connection.execute(delete(events).where(events.c.seq > last))
        connection.execute(delete(versions).where(versions.c.number > last))


# --- what anchors find --------------------------------------------------------------------------


def test_a_history_that_only_grew_fits_its_anchors(anchored: Registry) -> None:
    report = checked(anchored)
    assert report.problems == ()
    assert (report.checked, report.later, report.unsigned) == (2, 1, 2)
    assert report.newest and report.newest.seq == 5


def test_a_chain_that_was_rewritten_whole_is_found_by_its_anchors_alone(
    anchored: Registry,
) -> None:
    rewrite(anchored, 4)
    assert list(problems(anchored)) == []
    report = checked(anchored)
    assert report.problems == (
        "anchors.jsonl:2: the history was rewritten: one of the events 3 to 5 is another one than "
        "at 2026-01-01T00:00:00.000Z",
    )
    assert report.newest and report.newest.seq == 2


def test_a_chain_that_was_cut_is_found_by_its_anchors_alone(
    anchored: Registry, tmp_path: Path
) -> None:
    cut(anchored, 4)
    assert list(problems(anchored)) == []
    assert checked(anchored).problems == (
        "anchors.jsonl:2: the history was cut: event 5 was the newest one at "
        "2026-01-01T00:00:00.000Z, and now the history ends with event 4",
    )
    submit(anchored, "another", tmp_path)
    assert "rewritten: one of the events 3 to 5" in checked(anchored).problems[0]


def test_what_happened_since_the_newest_anchor_is_not_covered(anchored: Registry) -> None:
    rewrite(anchored, 6)
    assert checked(anchored).problems == ()


def test_a_history_that_is_another_one_from_its_start_may_be_another_registrys(
    anchored: Registry, tmp_path: Path
) -> None:
    rewrite(anchored, 1)
    assert all("event 1 is another one too" in problem for problem in checked(anchored).problems)
    with Registry(tmp_path / "empty", "test") as empty:
        assert newest_anchor(empty) is None
        assert all("ends with event 0" in problem for problem in checked(empty).problems)


def test_a_chain_without_its_first_event_is_not_anchored(anchored: Registry) -> None:
    with writing(anchored.engine) as connection:
        connection.execute(delete(events).where(events.c.seq == 1))
    with pytest.raises(IncumbentError, match="event 1 is gone"):
        newest_anchor(anchored)


# --- signatures ---------------------------------------------------------------------------------


@pytest.fixture
def signing(anchored: Registry, tmp_path: Path) -> Registry:
    """The same registry, which signs from now on; with a signed anchor in a file of its own."""
    pytest.importorskip("model_signing", reason="the extra `signing` is not installed")
    private = tmp_path / "key"
    anchored.keys = SigningKeys(public=(make_keys(private),), private=private, required=True)
    keep(anchored, "signed.jsonl")
    return anchored


def test_an_anchor_is_signed_where_there_is_a_key(signing: Registry) -> None:
    report = checked(signing, "signed.jsonl")
    assert (report.problems, report.checked, report.unsigned) == ((), 1, 0)


def test_openssl_checks_a_signature_too(signing: Registry, tmp_path: Path) -> None:
    from base64 import b64decode

    anchor = read_anchors("signed.jsonl")[0].anchor
    assert anchor and anchor.signature
    Path("anchor").write_bytes(anchor.signed_bytes)
    Path("sig").write_bytes(b64decode(anchor.signature.ecdsa))
    command = ["openssl", "dgst", "-sha256", "-verify", "key.pub", "-signature", "sig", "anchor"]
    assert subprocess.run(command, capture_output=True).stdout == b"Verified OK\n"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"at": "2026-02-01T00:00:00Z"}, "was not made with .*key.pub, or it was changed"),
        ({"signature": None}, "is not signed, and registry.require_signature in params.yaml"),
        ({"signature": {"key": "0" * 64, "ecdsa": "AA=="}}, "a key that registry.public_keys"),
    ],
)
def test_a_signature_that_does_not_hold_or_is_missing_is_told(
    signing: Registry, change: dict[str, object], complaint: str
) -> None:
    fields = json.loads(Path("signed.jsonl").read_bytes()) | change
    Path("forged.jsonl").write_text(json.dumps(fields))
    [problem] = checked(signing, "forged.jsonl").problems
    assert re.match(rf"forged\.jsonl:1: .*{complaint}", problem)


def test_a_signature_is_no_matter_where_no_key_can_check_it(signing: Registry) -> None:
    signing.keys = SigningKeys()
    assert checked(signing, "signed.jsonl").problems == ()
    signing.keys = SigningKeys(required=True)
    with pytest.raises(InputError, match=r"registry\.public_keys: a signature is required"):
        checked(signing, "signed.jsonl")


# --- files --------------------------------------------------------------------------------------


def test_a_line_that_a_crash_cut_off_counts_for_nothing_and_spoils_no_other(
    anchored: Registry,
) -> None:
    whole = Path(FILE).read_bytes()
    Path(FILE).write_bytes(whole[:-100])
    report = checked(anchored)
    assert (report.problems, report.checked, report.cut_off) == ((), 1, ("anchors.jsonl:2",))
    keep(anchored, FILE)
    report = checked(anchored)
    assert (report.problems, report.checked, report.cut_off) == ((), 2, ("anchors.jsonl:2",))
    assert Path(FILE).read_bytes().startswith(whole[:-100])


def test_a_signed_line_may_be_cut_off_anywhere(signing: Registry) -> None:
    whole = Path("signed.jsonl").read_bytes()
    for length in range(1, len(whole) - 1):
        Path("cut.jsonl").write_bytes(whole + whole[:length])
        assert [kept.anchor is None for kept in read_anchors("cut.jsonl")] == [False, True]
    Path("cut.jsonl").write_bytes(whole.rstrip())
    assert checked(signing, "cut.jsonl").problems == (), "only its newline is missing"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("registry:\n", r"x:1: not JSON"),
        ("\n[]\n", r"x:2: a row must be a JSON object"),
        ('{"seq": 3}', r"x:1: event: Field required"),
        ('{"format": "incumbent-anchor/9"}', r"x:1: format: must be 'incumbent-anchor/1'"),
        ("", "x: holds no anchor: `incumbent registry anchor` writes one"),
        ('{"at":"2026-', "x: holds no anchor"),
    ],
)
def test_a_file_that_holds_something_else_is_refused_with_its_line(
    text: str, complaint: str
) -> None:
    Path("x").write_text(text)
    with pytest.raises(InputError, match=complaint):
        read_anchors("x")


def test_a_place_that_is_none_is_refused(anchored: Registry) -> None:
    with pytest.raises(InputError, match="nowhere: No such file"):
        read_anchors("nowhere")
    with pytest.raises(InputError, match="s3://bucket is no file, git, git:REMOTE or webhook"):
        keep(anchored, "s3://bucket")
    with pytest.raises(InputError, match="--anchor: a webhook cannot be asked"):
        read_anchors("https://example.com")
    Path("folder").mkdir()
    with pytest.raises(IncumbentError, match="folder: Is a directory: the anchor was not written"):
        keep(anchored, "folder")


# --- git ----------------------------------------------------------------------------------------


@pytest.fixture
def remote(tmp_path: Path) -> str:
    """Makes the current folder a repository with one commit, and a bare one that is its remote."""
    place = str(tmp_path / "remote.git")
    for command in (
        f"init --quiet --bare {place}",
        "init --quiet",
        "config user.name tester",
        "config user.email tester@example.com",
        "config tag.gpgSign false",
        "commit --quiet --allow-empty --message=begin --no-gpg-sign",
        f"remote add origin {place}",
    ):
        git(*command.split())
    return place


def git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], check=True, capture_output=True)


def test_a_tag_is_an_anchor(anchored: Registry, remote: str) -> None:
    keep(anchored, "git")
    keep(anchored, "git")
    assert checked(anchored, "git").checked == 1, "the same event has one tag"
    rewrite(anchored, 4)
    assert (
        checked(anchored, "git")
        .problems[0]
        .startswith("tag incumbent-anchor-6: the history was rewritten: one of the events 1 to 6")
    )
    with pytest.raises(IncumbentError, match="anchor-6 is there, and names another event"):
        keep(anchored, "git")


def test_a_tag_that_was_pushed_outlives_the_one_that_was_not(
    anchored: Registry, remote: str
) -> None:
    keep(anchored, "git:origin")
    git("tag", "--delete", "incumbent-anchor-6")
    with pytest.raises(InputError, match="git: holds no anchor"):
        read_anchors("git")
    cut(anchored, 4)
    [problem] = checked(anchored, "git:origin").problems
    assert problem.startswith("tag of origin incumbent-anchor-6: the history was cut: event 6")


def test_a_tag_of_that_name_that_is_no_anchor_is_refused(anchored: Registry, remote: str) -> None:
    git("tag", "--annotate", "--message=hello", "incumbent-anchor-9")
    with pytest.raises(InputError, match="tag incumbent-anchor-9:1: not JSON"):
        read_anchors("git")


def test_what_git_refuses_is_told(anchored: Registry, remote: str) -> None:
    with pytest.raises(IncumbentError, match=r"git push: .*elsewhere.*an anchor in a file needs"):
        keep(anchored, "git:elsewhere")
    with pytest.raises(IncumbentError, match="git fetch: "):
        read_anchors("git:--upload-pack=touch x")
