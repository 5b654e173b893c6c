"""An archive from elsewhere is refused by the name of what is wrong, and nothing is restored."""

import json
import os
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from project.canonical import digest_bytes
from project.errors import IncumbentError
from registry.audit import problems
from registry.backups.back_up import back_up
from registry.backups.restore import restore
from registry.backups.tar_members import END, NAME, artifact_member
from registry.garbage import collect
from tests.archives import Members, member, members_of, told, write
from tests.places import Place
from tests.used_registry import rows_of, used

EVENTS, VERSIONS = "tables/events.jsonl", "tables/versions.jsonl"
EVIL = artifact_member("0" * 64)


class Hostile(NamedTuple):
    name: str
    spoil: Callable[[Members], bytes]  # to the bytes of an archive
    complaint: str


def tar(members: Members) -> bytes:
    return b"".join(member(tarfile.TarInfo(n), d) for n, d in members.items()) + END


def added(name: str, **fields: object) -> Callable[[Members], bytes]:
    """With one more member, whose header says what it should not."""
    info = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(info, field, value)
    return lambda members: tar(members)[: -len(END)] + member(info, b"") + END


def lines(name: str, change: Callable[[list[bytes]], list[bytes]]) -> Callable[[Members], bytes]:
    """Other lines in a table, of which the manifest tells as if they were its own."""

    def spoil(members: Members) -> bytes:
        changed = b"".join(change(members[name].splitlines(keepends=True)))
        return tar(told(members | {name: changed}))

    return spoil


def field(name: str, key: str, value: object) -> Callable[[Members], bytes]:
    def change(rows: list[bytes]) -> list[bytes]:
        first = json.loads(rows[0]) | {key: value}
        return [json.dumps(first).encode() + b"\n", *rows[1:]]

    return lines(name, change)


def manifest(**changes: object) -> Callable[[Members], bytes]:
    return lambda members: tar(told(members, **changes))


def without(name: str) -> Callable[[Members], bytes]:
    return lambda members: tar({n: d for n, d in members.items() if n != name})


def another_table(members: Members) -> bytes:
    """One that is no part of a registry, but of the database."""
    row = b'{"version_num":"0001"}\n'
    tables = [{"name": one["name"]} for one in json.loads(members[NAME])["tables"]]
    tables.append({"name": "alembic_version"})
    return tar(told(members | {"tables/alembic_version.jsonl": row}, tables=tables))


def twice(members: Members) -> bytes:
    name, data = next(reversed(members.items()))
    return tar(members)[: -len(END)] + member(tarfile.TarInfo(name), data) + END


def changed_artifact(members: Members) -> bytes:
    name = next(reversed(members))
    return tar(members | {name: members[name][::-1]})


def not_in_the_manifest(members: Members) -> bytes:
    return tar(members | {artifact_member(digest_bytes(b"x")): b"x"})


def another_name(members: Members) -> bytes:
    return tar(told(members | {EVIL: b"evil"}))


DEEP = b'{"a":' * 100_000 + b"\n"
LONG = b"9" * 5000 + b"\n"
CASES = [
    Hostile(
        "no archive", lambda _: b"registry: {family: f}\n" * 99, "is no archive of `incumbent r"
    ),
    Hostile(
        "nothing", lambda _: b"", "is no archive of `incumbent registry backup`, or is cut off"
    ),
    Hostile("the end alone", lambda _: END, "manifest.json: is missing"),
    Hostile("half of it", lambda m: tar(m)[: len(tar(m)) // 2 // 512 * 512], "is cut off"),
    Hostile("without its end", lambda m: tar(m)[: -len(END)], "is cut off"),
    Hostile("more behind its end", lambda m: tar(m) + tar(m), "goes on behind its end"),
    Hostile("a name upward", added("artifacts/../../../etc/passwd"), "passwd': is no name of ours"),
    Hostile("a name from the root", added("/etc/passwd"), "'/etc/passwd': is no name of ours"),
    Hostile("an escape", added("artifacts/\x1b[2J"), r"'artifacts/\\x1b\[2J': is no name"),
    Hostile("a link", added(EVIL, type=tarfile.SYMTYPE, linkname="/etc"), "is no plain file"),
    Hostile("a hard link", added(EVIL, type=tarfile.LNKTYPE, linkname="x"), "is no plain file"),
    Hostile("a device", added(EVIL, type=tarfile.CHRTYPE), "is no plain file"),
    Hostile("a pipe", added(EVIL, type=tarfile.FIFOTYPE), "is no plain file"),
    Hostile("a folder", added(EVIL, type=tarfile.DIRTYPE), "is no plain file"),
    Hostile("a sparse file", added(EVIL, type=tarfile.GNUTYPE_SPARSE), "is no plain file"),
    Hostile("a name of any length", added("a" * 500), "'././@LongLink': is no plain file"),
    Hostile("headers for the next", added(EVIL, type=tarfile.XHDTYPE), "is no plain file"),
    Hostile("a giant size", added(EVIL, size=2**60), f"{EVIL}: the archive is cut off"),
    Hostile("a negative size", added(EVIL, size=-512), "has a negative size"),
    Hostile("a doubled member", twice, "is in the archive twice"),
    Hostile("a member that is not told of", not_in_the_manifest, "has other artifacts than"),
    Hostile("a table that is not told of", manifest(tables=[]), "is not in the manifest"),
    Hostile("a table of the database", another_table, "has other tables: alembic_version"),
    Hostile("a table that is missing", without(EVENTS), f"{EVENTS}: is missing"),
    Hostile("no manifest", without(NAME), "manifest.json: is missing"),
    Hostile("a manifest of lists", lambda m: tar(m | {NAME: b"[]"}), "must be a JSON object"),
    Hostile("a deep manifest", lambda m: tar(m | {NAME: DEEP}), "is nested too deep"),
    Hostile("a doubled key", lambda m: tar(m | {NAME: b'{"at":"","at":""}'}), "'at' twice"),
    Hostile("an unknown field", manifest(more=1), "more: Extra inputs are not permitted"),
    Hostile("another format", manifest(format="zip"), "format: must be 'incumbent-b"),
    Hostile("fewer events", manifest(events=1), "tip: its newest event is another one"),
    Hostile("another tip", manifest(tip="0" * 64), "tip: its newest event is another one"),
    Hostile("a revision upward", manifest(revision="../0001"), "revision: String should match"),
    Hostile("changed rows", lambda m: tar(m | {EVENTS: m[EVENTS][::-1]}), f"{EVENTS}: ends within"),
    Hostile("fewer rows", lambda m: tar(m | {EVENTS: b""}), f"{EVENTS}: is damaged"),
    Hostile("changed bytes", changed_artifact, "artifacts/.*: is damaged: its bytes are not those"),
    Hostile("a digest of other bytes", another_name, f"{EVIL}: is damaged"),
    Hostile("a row of text", lines(EVENTS, lambda _: [b"event\n"]), "events.jsonl:1: not JSON"),
    Hostile(
        "a deep row", lines(EVENTS, lambda _: [DEEP]), "events.jsonl:1: not JSON: it is nested"
    ),
    Hostile("a huge row", lines(EVENTS, lambda r: [b"[" * 3_000_000 + b"\n"]), "of more than 1048"),
    Hostile(
        "a long number", lines(VERSIONS, lambda _: [b"9" * 5000 + b"\n"]), ":1: not JSON: .*long"
    ),
    Hostile("a large number", field(VERSIONS, "number", 2**40), ":1: number: 1099511627776 is no"),
    Hostile("a text for it", field(VERSIONS, "number", "1"), r"sions.jsonl:1: number: '1' is no"),
    Hostile("a truth for it", field(VERSIONS, "number", True), ":1: number: True is no value"),
    Hostile("a number for a truth", field(VERSIONS, "deleted", 1), ":1: deleted: 1 is no value"),
    Hostile("nothing for a record", field(VERSIONS, "record", None), ":1: record: None is no"),
    Hostile("one more column", field(VERSIONS, "x", 1), ":1: has too many or too few columns: 'x'"),
    Hostile("a row twice", lines(VERSIONS, lambda r: [r[0], *r]), "nothing was changed: UNIQUE"),
]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Members:
    folder = tmp_path_factory.mktemp("sound")
    with used(Place(folder / "old"), folder).open() as registry:
        back_up(registry, str(folder / "archive.tar"))
    return members_of(folder / "archive.tar")


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """An empty registry, which every archive of these leaves so."""
    yield Place(tmp_path_factory.mktemp("new"))


@pytest.mark.parametrize("hostile", CASES, ids=[case.name for case in CASES])
def test_it_is_refused_by_what_is_wrong_with_it(
    hostile: Hostile, sound: Members, new: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.backups.restore.LONGEST_LINE", 1 << 20)
    archive = tmp_path / "archive.tar"
    archive.write_bytes(hostile.spoil(sound))
    with new.open() as registry:
        with pytest.raises(IncumbentError, match=hostile.complaint):
            restore(registry, str(archive))
        assert not any(rows_of(registry).values())
        collect(registry, dry_run=False)
        assert list(registry.artifacts.digests()) == []


def test_what_these_were_made_of_is_sound(sound: Members, tmp_path: Path) -> None:
    archive = write(tmp_path / "archive.tar", sound.items())
    with Place(tmp_path / "new").open() as registry:
        restore(registry, str(archive))
        assert list(problems(registry)) == []


def test_a_row_that_no_restore_would_take_fails_the_backup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.backups.back_up.LONGEST_LINE", 100)
    with (
        used(Place(tmp_path / "old"), tmp_path).open() as registry,
        pytest.raises(IncumbentError, match=r"a row of the table .* has .* bytes"),
    ):
        back_up(registry, str(tmp_path / "archive.tar"))
    assert not os.path.lexists(tmp_path / "archive.tar")
