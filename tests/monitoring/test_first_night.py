"""A reference is frozen once there is traffic, and no night reads more prompts than it may."""

import dataclasses
from pathlib import Path

import pytest

from monitoring.night_context import UNDISCLOSED, NightContext
from monitoring.night_page import page
from monitoring.night_text import duty
from monitoring.scheduling.outbox import newest_notices
from monitoring.signals import prompt_surprise
from project.disclosure import DisclosureParams
from project.files import home
from project.records.drift import DriftVerdict
from project.records.traffic import Traffic
from project.settings import PARAMS
from registry.store import Registry
from tests.incumbent.setting_effects.nights import MACHINE
from tests.monitoring.test_prompt_surprise import ASKED, CountingReader
from tests.quick_nights import NOW, Make, day, opened, rows_of, run, site_of
from training.precision import fingerprint


def numbered(number: int) -> list[Traffic]:
    """A day of prompts of which no two are the same."""
    words = str.maketrans("0123456789", "abcdefghij")
    return [
        row.model_copy(update={"prompt": f"{row.id.translate(words)} {row.prompt}"})
        for row in rows_of(number)
    ]


def frozen(context: NightContext) -> int:
    return len(context.registry.history(kind="watch"))


def test_a_day_without_traffic_freezes_no_reference(context: NightContext) -> None:
    (Path("traffic") / "20260305").mkdir(parents=True)
    night = run(context, 3, [])
    assert night.reasons == ("there is no traffic of that day",)
    assert night.set_aside == {"no day in the folder's name": 1}
    assert frozen(context) == 0
    assert run(context, 4).reference
    assert frozen(context) == 1


def test_a_night_with_too_little_before_it_tells_of_the_rows_that_it_has(
    context: NightContext,
) -> None:
    few = dataclasses.replace(
        context, drift=context.drift.model_copy(update={"minimum_reference": 10_000})
    )
    night = run(few, 3)
    assert "the reference needs 9550 more rows of traffic" in night.reasons[0]
    assert (night.rows, night.units, night.verdict) == (150, 150, DriftVerdict.INSUFFICIENT)
    assert night.tally
    assert duty(night) == "Nothing: there was too little traffic to tell."
    assert "150 rows from 150 users" in page(night, [], None)


def test_without_a_champion_there_is_nothing_to_watch() -> None:
    with Registry(home() / "registry", "bank", clock=lambda: NOW) as registry:
        night = run(site_of(registry), 3)
    assert (night.champion, night.verdict) == (None, DriftVerdict.INSUFFICIENT)


@pytest.mark.parametrize(
    ("rows", "verdict"), [(150, DriftVerdict.NO_DRIFT), (0, DriftVerdict.INSUFFICIENT)]
)
def test_corrupt_lines_are_counted_and_the_rest_is_used(
    context: NightContext, rows: int, verdict: DriftVerdict
) -> None:
    path = Path("traffic") / str(day(3)) / "more.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text('{"id": "x"\nnot json\n')
    night = run(context, 3, rows_of(3)[:rows])
    assert (night.set_aside, night.rows, night.verdict) == ({"not JSON": 2}, rows, verdict)
    assert run(context, 4).verdict is DriftVerdict.NO_DRIFT


def test_no_night_reads_more_new_prompts_than_the_setting_and_a_freeze_as_many_more(
    make_adapter: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    PARAMS.write_text("{}\n")
    MACHINE.write(home() / "machines" / f"{fingerprint()[:16]}.json")
    read: list[int] = []

    class Reader(CountingReader):
        def nats(self, prompts: list[str]) -> list[float | None]:
            read.append(len(prompts))
            return super().nats(prompts)

    monkeypatch.setattr(prompt_surprise, "PromptReader", Reader)
    calm = {"perplexity_rows": 120, "minimum_effect": 0.99}  # a drift reads its own topics
    with opened(make_adapter) as registry:
        context = site_of(registry)
        drift = context.drift.model_copy(update=calm)
        context = dataclasses.replace(context, drift=drift)
        for number in range(3):
            context.traffic.append(numbered(number))
        run(context, 3, numbered(3))
        assert sum(read) == 2 * 120
        read.clear()
        night = run(context, 4, numbered(4))
    assert (sum(read), len(ASKED) > 0) == (120, True)
    tested = {r.signal for r in night.readings if r.verdict is not DriftVerdict.INSUFFICIENT}
    assert "perplexity" in tested


def test_conversations_without_the_disclosure_are_counted_and_told_once_a_week(
    context: NightContext,
) -> None:
    """On a day that is compared with nothing, too."""
    drift = context.drift.model_copy(update={"special_days": (str(day(4)),)})
    disclosure = DisclosureParams(text="A machine answers.")
    context = dataclasses.replace(context, disclosure=disclosure, drift=drift)
    told = [
        note.removeprefix(UNDISCLOSED)
        for number, without in ((3, 0), (4, 9), (5, 150))
        for note in run(context, number, told_but(number, without)).notes
        if note.startswith(UNDISCLOSED)
    ]
    assert [note[:25] for note in told] == [
        " 9 of 150 conversations b",
        " 150 of 150 conversations",
    ]
    notices = newest_notices(context.registry.engine, 9)
    assert [one.notice.kind for one in notices].count("undisclosed") == 1


def told_but(number: int, without: int) -> list[Traffic]:
    """A day of first answers, so many of them without the disclosure."""
    return [
        row.model_copy(update={"disclosed": i >= without or None})
        for i, row in enumerate(rows_of(number))
    ]
