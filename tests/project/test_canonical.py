"""Equal values have equal bytes; equal folders have equal digests."""

from pathlib import Path

import pytest

from project.canonical import canonical_json, digest_bytes, digest_folder


def test_key_order_does_not_matter() -> None:
    assert canonical_json({"b": 1, "a": 2}) == canonical_json({"a": 2, "b": 1}) == b'{"a":2,"b":1}'


def test_text_stays_readable() -> None:
    assert canonical_json("हिन्दी") == '"हिन्दी"'.encode()


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_number_that_json_lacks_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(bad)


def test_the_digest_is_sha256() -> None:
    assert digest_bytes(b"").startswith("e3b0c44298fc1c14")


def test_a_folder_digest_sees_names_and_bytes_but_not_times(tmp_path: Path) -> None:
    def folder(name: str, files: dict[str, bytes]) -> str:
        for path, data in files.items():
            (tmp_path / name / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / path).write_bytes(data)
        return digest_folder(tmp_path / name)

    one = folder("one", {"a": b"1", "sub/b": b"2"})
    assert folder("two", {"sub/b": b"2", "a": b"1"}) == one
    assert folder("three", {"a": b"1", "sub/c": b"2"}) != one
    assert folder("four", {"a": b"1", "sub/b": b"3"}) != one
