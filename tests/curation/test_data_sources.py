"""Each source says under which licence its rows stand, or that nobody said."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from curation.curation_settings import CollectParams
from curation.data_sources import described, refuse_unlicensed
from project.canonical import digest_bytes, digest_folder
from project.errors import InputError
from project.licences import forbidding, spdx
from project.records.data import DataSource
from project.settings import load

ND = {"licence": "CC-BY-ND-4.0"}
FAQ, CHATS = Path("datasets/sources/faq.jsonl"), Path("datasets/sources/chats")


def params(*sources: dict[str, Any], **more: Any) -> CollectParams:
    settings = {"curation": {"collect": {"sources": list(sources), **more}}}
    Path("params.yaml").write_text(yaml.safe_dump(settings))
    return load(CollectParams)


def file(path: Path = FAQ, **more: Any) -> dict[str, Any]:
    return {"kind": "file", "path": str(path), **more}


@pytest.mark.parametrize(
    ("written", "known"),
    [
        ("cc-by-4.0", "CC-BY-4.0"),
        ("mit or apache-2.0", "MIT OR Apache-2.0"),
        ("LicenseRef-acme-terms", "LicenseRef-acme-terms"),
        ("acme terms", None),
        ("", None),
    ],
)
def test_a_licence_is_spelt_as_spdx_spells_it(written: str, known: str | None) -> None:
    assert spdx(written) == known


@pytest.mark.parametrize(
    ("licence", "found"),
    [
        ("cc-by-nd-4.0", "CC-BY-ND-4.0"),
        ("CC-BY-NC-ND-3.0 AND MIT", "CC-BY-NC-ND-3.0"),
        ("CC-BY-ND-4.0 OR MIT", None),  # one may choose MIT
        ("CC-BY-NC-4.0", None),
        (None, None),
    ],
)
def test_a_licence_that_forbids_what_is_made_of_a_work_is_known(
    licence: str | None, found: str | None
) -> None:
    assert forbidding(licence) == found


def test_a_licence_that_spdx_does_not_know_is_refused() -> None:
    with pytest.raises(InputError, match=r"sources\.0\.licence: 'acme terms' is no licence"):
        params(file(licence="acme terms"))


def test_sources_are_described_by_digest_and_licence() -> None:
    CHATS.mkdir(parents=True)
    FAQ.write_bytes(b"one")
    (CHATS / "a.jsonl").write_bytes(b"two")
    found = described(
        params(
            file(licence="cc0-1.0"), file(CHATS), {"kind": "python-api", "packages": ["sklearn"]}
        )
    )
    faq, chats, package = found.collected_from
    assert faq == DataSource(name=str(FAQ), content=digest_bytes(b"one"), licence="CC0-1.0")
    assert (chats.name, chats.content) == (f"{CHATS}/", digest_folder(CHATS))
    assert chats.of_files and not faq.of_files and chats.licence is None
    assert (package.name, package.content, package.licence) == ("sklearn", None, "BSD-3-Clause")
    assert package.version


def test_a_project_may_refuse_sources_whose_licence_nobody_knows_or_that_forbid() -> None:
    nothing, forbids, fine = (file(**more) for more in ({}, ND, {"licence": "MIT"}))
    for sources, rule, refused in (
        ([nothing, forbids], "any", None),
        ([nothing], "named", "faq.jsonl: nobody said under which licence"),
        ([forbids], "named", None),
        ([fine, forbids], "trainable", "faq.jsonl: CC-BY-ND-4.0 forbids"),
        ([fine], "trainable", None),
    ):
        chosen = params(*sources, licences=rule)
        if refused is None:
            refuse_unlicensed(chosen)
        else:
            with pytest.raises(InputError, match=refused):
                refuse_unlicensed(chosen)
