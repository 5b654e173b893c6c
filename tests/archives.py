"""Archives of `incumbent registry backup` as their members, to be changed and written again."""

import json
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from project.canonical import canonical_json
from registry.backups.back_up import summary_of
from registry.backups.tar_members import END, NAME, ArtifactSummary, table_member

Members = dict[str, bytes]


def members_of(archive: Path) -> Members:
    with tarfile.open(archive, "r:") as opened:
        return {info.name: opened.extractfile(info).read() for info in opened}  # type: ignore[union-attr]


def write(archive: Path, members: Iterable[tuple[str, bytes]]) -> Path:
    with archive.open("wb") as stream:
        for name, data in members:
            stream.write(member(tarfile.TarInfo(name), data))
        stream.write(END)
    return archive


def member(info: tarfile.TarInfo, data: bytes) -> bytes:
    info.size = info.size or len(data)
    return info.tobuf(tarfile.GNU_FORMAT) + data + bytes(-len(data) % 512)


def told(members: Members, **changes: Any) -> Members:
    """The members behind a manifest that tells of them, as far as no change says otherwise."""
    own = {n.partition("/")[2]: len(d) for n, d in members.items() if n.startswith("artifacts/")}
    manifest = json.loads(members[NAME])
    names = [table["name"] for table in changes.pop("tables", manifest["tables"])]
    found = [summary_of(n, members[table_member(n)].splitlines(True)) for n in names]
    manifest["tables"] = [one.model_dump() for one in found]
    manifest["artifacts"] = ArtifactSummary.of(own).model_dump()
    return {**members, NAME: canonical_json(manifest | changes)}
