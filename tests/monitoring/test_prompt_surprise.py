"""How many prompts a champion reads for the perplexity, and which: never by what they ask."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from monitoring.monitoring_settings import DriftParams
from monitoring.retention import forget_dated_files
from monitoring.signals import prompt_surprise
from monitoring.signals.prompt_surprise import (
    PARTS,
    READ,
    Surprises,
    is_cut,
    key_of,
    parts_of,
    surprise,
)
from project.canonical import digest_bytes
from project.errors import InputError
from project.files import home
from project.settings import PARAMS, load
from registry.storage.artifact_store import Artifacts, Blobs
from tests.incumbent.setting_effects.nights import MACHINE
from tests.monitoring.test_outcomes import CHAMPION
from training.precision import choose_numerics, fingerprint

ASKED: list[str] = []


class CountingReader:
    """Is as surprised by a text as it is long, and notes what it reads."""

    def __init__(self, *_: object) -> None:
        ASKED.clear()

    def nats(self, prompts: list[str]) -> list[float | None]:
        ASKED.extend(prompts)
        return [float(len(prompt)) for prompt in prompts]


@pytest.fixture(autouse=True)
def reader(monkeypatch: pytest.MonkeyPatch) -> None:
    PARAMS.write_text("{}\n")
    MACHINE.write(home() / "machines" / f"{fingerprint()[:16]}.json")
    monkeypatch.setattr(prompt_surprise, "PromptReader", CountingReader)


def read(prompts: list[str], new: float) -> list[float]:
    ASKED.clear()
    found = surprise(CHAMPION, Artifacts(Blobs(Path("artifacts"))), prompts, new=new)
    return [float(value) for value in np.nan_to_num(found, nan=-1)]


def test_only_so_many_new_prompts_are_read_the_first_ones() -> None:
    assert read(["a", "bb", "ccc", "dddd"], new=2) == [1, 2, -1, -1]
    assert sorted(ASKED) == ["a", "bb"]
    # What was read on its own night is free for a reference.
    assert read(["a", "bb", "ccc", "dddd", "eeeee"], new=2) == [1, 2, 3, 4, -1]
    assert sorted(ASKED) == ["ccc", "dddd"]
    assert read(["same", "same", "same"], new=1) == [4, 4, 4]
    assert ASKED == ["same"]
    assert read([], new=0) == []
    assert read(["", "a"], new=9) == [0, 1]


def test_a_prompt_that_many_send_is_not_chosen_because_it_is_known() -> None:
    read(["often"], new=9)
    assert read(["rare 1", "rare 2", "often"], new=1) == [6, -1, -1]


def test_a_long_prompt_is_read_in_parts_and_all_of_it() -> None:
    long = "x" * READ + "y" * 10
    assert "".join(parts_of(long)) == long
    assert read([long], new=9) == [(READ + 10) / 2]
    assert not is_cut(long)


def test_of_one_beyond_all_bounds_parts_of_its_beginning_middle_and_end_are_read() -> None:
    long = "".join(str(i % 10) * READ for i in range(10))
    parts = parts_of(long)
    assert (len(parts), parts[0][0], parts[-1][-1]) == (PARTS, "0", "9")
    assert is_cut(long)


def test_a_prompt_of_which_a_part_cannot_be_read_has_no_value() -> None:
    long = "x" * READ + "y" * READ
    known: dict[str, float | None] = {digest_bytes(p.encode()): None for p in parts_of(long)[:1]}
    folder = home() / "monitoring" / "surprise" / key_of(CHAMPION, choose_numerics())
    Surprises(nats=known).write(folder / "2026-03-01.json")
    assert read([long], new=9) == [-1]


def test_what_was_read_is_kept_by_the_day_and_leaves_with_the_retention() -> None:
    folder = home() / "monitoring" / "surprise" / key_of(CHAMPION, choose_numerics())
    Surprises(nats={digest_bytes(b"old"): 7.0}).write(folder / "2026-03-01.json")
    assert read(["old", "new one"], new=9) == [7, 7]
    assert ASKED == ["new one"]
    forget_dated_files(home() / "monitoring", date(2026, 3, 2))
    assert read(["old", "new one"], new=9) == [3, 7]
    assert ASKED == ["old"]


@pytest.mark.parametrize("rows", [0, 50])
def test_fewer_rows_than_a_signal_compares_are_refused(rows: int) -> None:
    PARAMS.write_text("monitoring: {drift: {perplexity_rows: 49}}\n")
    with pytest.raises(InputError, match=r"^params\.yaml:1: .*perplexity_rows.* at least 50"):
        load(DriftParams)
    PARAMS.write_text(f"monitoring: {{drift: {{perplexity_rows: {rows}}}}}\n")
    assert load(DriftParams).perplexity_rows == rows
