"""The runner of pages finds what is wrong with a page."""

from pathlib import Path

import pytest

from tests.conftest import REAL
from tests.documentation.page import Command, NotRun, SetKeys, WrittenFile, read_page
from tests.documentation.walk import walk, with_keys


def written(folder: Path, text: str) -> Path:
    page = folder / "page.md"
    page.write_text(text.replace("'''", "```"))
    return page


def walked(folder: Path, text: str) -> None:
    walk(written(folder, text), folder / "reader", REAL)


def test_a_page_is_commands_files_and_settings_in_its_order(tmp_path: Path) -> None:
    page = written(
        tmp_path,
        "# T\n\n'''console\n$ one \\\n> two\nseen\n\n$ three\n'''\n\nWrite this to `a.csv`:\n\n"
        "'''csv\nq,a\n'''\n\nIn `params.yaml`, under `base`:\n\n'''yaml\nbase: 1\n'''\n\n"
        "<!-- not run: no GPU -->\n'''console\n$ four\n'''\n",
    )
    assert read_page(page) == [
        Command(4, "one \\\ntwo", "seen\n"),
        Command(8, "three"),
        WrittenFile(13, "a.csv", "q,a\n", added=False),
        SetKeys(19, "base: 1\n"),
        NotRun(24, "no GPU"),
    ]


def test_a_block_whose_use_is_not_said_is_an_error_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"page\.md:3: say what this block is for"):
        read_page(written(tmp_path, "Like this:\n\n'''yaml\na: 1\n'''\n"))


def test_a_page_of_which_nothing_is_run_fails(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="nothing of it is run"):
        walked(tmp_path, "<!-- not run: a cluster -->\n'''console\n$ true\n'''\n")


def test_folders_variables_and_jobs_live_on_between_commands_and_blocks(tmp_path: Path) -> None:
    walked(
        tmp_path,
        "'''console\n$ mkdir a && cd a\n$ export N=7\n$ sleep 60 &\n'''\n\nWrite this to `f`:\n\n"
        "'''\nhello\n'''\n\nAdd this to `f`:\n\n'''\nyou\n'''\n\n"
        "'''console\n$ cat f; echo $N; basename $PWD\nhello\nyou\n7\na\n$ kill %1\n'''\n",
    )


def test_a_command_that_fails_names_page_and_line(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"page\.md:3: `false` ended with 1"):
        walked(tmp_path, "'''console\n$ true\n$ false\n$ true\n'''\n")


def test_a_command_may_fail_where_the_page_shows_its_exit_code(tmp_path: Path) -> None:
    walked(tmp_path, "'''console\n$ (exit 3)\n$ echo $?\n3\n'''\n")
    with pytest.raises(AssertionError, match="the page shows '4'"):
        walk(
            written(tmp_path, "'''console\n$ (exit 3)\n$ echo $?\n4\n'''\n"),
            tmp_path / "other",
            REAL,
        )


def test_what_is_shown_is_printed_in_its_order_however_it_is_wrapped(tmp_path: Path) -> None:
    walked(
        tmp_path, "'''console\n$ printf 'one two\\nthree 12 s\\nfour\\n'\none\ntwo three … s\n'''"
    )
    with pytest.raises(AssertionError, match=r"page\.md:2: the page shows 'one'"):
        page = written(tmp_path, "'''console\n$ echo two one\ntwo one\none\n'''")
        walk(page, tmp_path / "other", REAL)


def test_a_command_that_reads_its_input_swallows_no_other(tmp_path: Path) -> None:
    walked(tmp_path, "'''console\n$ cat\n$ echo still\nstill\n'''\n")


def test_a_page_does_not_overwrite_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"page\.md:7: .*exists"):
        walked(tmp_path, "'''console\n$ touch f\n'''\n\nWrite this to `f`:\n\n'''\nx\n'''\n")


def test_settings_hold_the_readers_own_addresses(tmp_path: Path) -> None:
    walked(
        tmp_path,
        "'''console\n$ export URL=http://here\n$ echo 'a: 1' > params.yaml\n'''\n\n"
        "In `params.yaml`, with your address in place of `$URL`:\n\n'''yaml\nb:\n  c: $URL\n'''\n\n"
        "'''console\n$ cat params.yaml\na: 1\nb:\n  c: http://here\n'''\n",
    )


def test_keys_are_set_beside_those_that_are_there() -> None:
    assert with_keys({"a": {"b": 1, "c": [1]}}, {"a": {"c": [2]}, "d": 3}) == {
        "a": {"b": 1, "c": [2]},
        "d": 3,
    }
