"""Transcripts become rows, whichever program wrote them and however many a file holds."""

from pathlib import Path

import pytest

from curation.curation_settings import Columns
from curation.sources.transcripts import read_transcripts
from project.errors import InputError
from project.records.data import Row

ONE = "Customer: what is a bond?\nAgent: a loan\n"
TWO = "Customer: and a share?\nAgent: a part\n"
BOTH = [["what is a bond?", "a loan"], ["and a share?", "a part"]]


def read(text: str, name: str = "calls.txt", columns: Columns | None = None) -> list[list[str]]:
    """The turns of each row, or why there is none."""
    Path(name).write_text(text)
    reads = list(read_transcripts(Path(name), columns))
    return [
        turns(one.made) if isinstance(one.made, Row) else [str(one.origin.why)] for one in reads
    ]


def turns(row: Row) -> list[str]:
    return [message.content for message in (*row.prompt, *row.completion)]


@pytest.mark.parametrize(
    "text",
    [
        ONE,
        "Agent: Good day!\nCustomer: what is a bond?\nAgent: a loan\nCustomer: bye\n",
        "[00:00:01] Agent: hello\n[00:00:03] Caller: what is a bond?\n[00:00:09] Agent: a loan",
        "Tom (Customer): what is a bond?\nSarah (Agent): a loan",
        "Customer (Tom): what is a bond?\nAgent (Sarah): a loan",
        "Customer 0:05\nwhat is a bond?\n\nAgent 0:07\na loan\n",
        "Customer: what is a bond?\n\nAgent: a loan\n",
        "Date: 2026-01-05\nDuration: 3:20\n\n" + ONE,
        "<|im_start|>user\nwhat is a bond?<|im_end|>\n<|im_start|>assistant\na loan<|im_end|>\n",
    ],
)
def test_one_conversation_in_many_hands(text: str) -> None:
    assert read(text) == [["what is a bond?", "a loan"]]


@pytest.mark.parametrize(
    "text",
    [
        f"{ONE}---\n{TWO}",
        f"{ONE}\n{'=' * 40}\n\n{TWO}",
        f"Conversation 1\n{ONE}\nConversation 2: shares\n{TWO}",
        f"=== Call #12 ===\n{ONE}=== Call #13 ===\n{TWO}",
        f"Ticket ID: A-1\n\n{ONE}\nTicket ID: A-2\n\n{TWO}",
        f"{ONE}\n{TWO}",
        f"{ONE}\n\n\n{TWO}",
        ONE.replace("\n", "\n\n") + "\n\n" + TWO.replace("\n", "\n\n"),
    ],
)
def test_conversations_of_one_file_are_told_apart(text: str) -> None:
    assert read(text) == BOTH


def test_blank_lines_within_a_conversation_do_not_cut_it() -> None:
    text = f"{ONE}\nIt is paid back.\n\n{TWO}"
    assert read(text) == [["what is a bond?", "a loan\n\nIt is paid back.", *BOTH[1]]]


VTT = """WEBVTT

NOTE made by a machine

1
00:00:01.000 --> 00:00:02.000 align:start
<v Customer>What is

00:00:02.000 --> 00:00:03.000
<v Customer>a <i>bond</i>?</v>

00:00:03.000 --> 00:00:04.000
<v Agent>A loan &amp; more

00:00:04.000 --> 00:00:05.000
to a state.
"""
SRT = """1
00:00:01,000 --> 00:00:02,000
Customer: What is

2
00:00:02,000 --> 00:00:03,000
a bond?

3
00:00:03,000 --> 00:00:05,000
Agent: A loan & more
to a state.
"""


@pytest.mark.parametrize(("name", "text"), [("a.vtt", VTT), ("a.srt", SRT)])
def test_captions_are_joined_to_turns(name: str, text: str) -> None:
    assert read(text, name) == [["What is a bond?", "A loan & more to a state."]]


def test_a_folder_is_one_transcript_a_file_with_the_line_of_each_conversation() -> None:
    Path("f").mkdir()
    read(f"{ONE}---\n{TWO}", "f/b.txt")
    read(VTT, "f/a.vtt")
    read("# About these calls", "f/README.md")
    found = [(one.origin.file, one.origin.line) for one in read_transcripts(Path("f"))]
    assert found == [("a.vtt", 7), ("b.txt", 1), ("b.txt", 4)]


def test_every_answer_is_a_row_of_its_conversation_where_it_is_asked_for() -> None:
    columns = Columns(messages="any", turns="every", system="You work for a bank.")
    assert read(f"{ONE}{TWO}", columns=columns) == [
        ["You work for a bank.", *BOTH[0]],
        ["You work for a bank.", *BOTH[0], *BOTH[1]],
    ]


def test_a_text_in_which_nobody_is_known_says_why() -> None:
    assert read("Ann: hello\nBob: hi") == [
        ["no conversation: a text without marks that say who speaks"]
    ]


def test_a_folder_without_transcripts_is_refused() -> None:
    Path("f").mkdir()
    Path("f/a.pdf").write_text("x")
    with pytest.raises(InputError, match="f: is a folder without transcripts"):
        list(read_transcripts(Path("f")))
