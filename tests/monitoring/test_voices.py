"""Rows without a user: those of one client and minute, or of one template, are one voice."""

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.drift.reference import Reference
from monitoring.monitoring_settings import DriftParams
from monitoring.signals.signal import Batch, Floats
from monitoring.traffic.user_sample import UserSample
from monitoring.traffic.voices import ENOUGH, FEWEST, voice_notes, voice_of, voices_of
from project.records.data import Message
from project.records.drift import DriftVerdict
from project.records.traffic import Traffic
from tests.monitoring.test_drift_calibration import WIDTH, prompts, verdict

WORDS = ("card", "loan", "fee", "branch", "salary", "cheque", "rate", "pin", "cash", "tax", "rent")


def row(
    number: int,
    at: str = "10:00:30",
    prompt: str = "p",
    user: str | None = None,
    caller: str | None = None,
) -> Traffic:
    time = f"2026-11-24T{at}Z"
    return Traffic(id=f"r{number}", at=time, user=user, caller=caller, prompt=prompt, response="r")


def clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}:07"


def question(random: Random) -> str:
    return " ".join(random.choice(WORDS) for _ in range(9))


def people(count: int, seed: int = 0) -> list[Traffic]:
    """Rows without a user, at random minutes of the day."""
    random = Random(seed)
    return [row(i, clock(random.randrange(60, 1440)), question(random)) for i in range(count)]


def job(count: int, seed: int = 1) -> list[Traffic]:
    random = Random(seed)
    return [
        row(
            10_000 + i,
            clock(120 + i % 20),
            f"Summarise ticket #{i} of Mrs {question(random).title()}: {question(random)}",
        )
        for i in range(count)
    ]


def heard(rows: list[Traffic]) -> list[Traffic]:
    sample = UserSample(10_000)
    sample.update(rows)
    return sample.finish()


def test_rows_of_one_client_in_one_minute_are_one_voice() -> None:
    minute = [row(i, f"10:00:{i:02}", caller="shop") for i in range(60)]
    assert len({voice_of(one) for one in minute}) == 1
    assert len({voice_of(row(1, "10:01:00")), voice_of(row(2, "10:00:59"))}) == 2
    assert voice_of(row(1, caller="shop")) != voice_of(row(2, caller="app"))
    berlin = row(1).model_copy(update={"at": "2026-11-24T11:00:45+01:00"})
    assert voice_of(berlin) == voice_of(row(2))
    # A user, and a row that tells the day alone, is a voice of its own.
    assert voice_of(row(1, user="ana")) == voice_of(row(2, "23:11:00", user="ana")) == "ana"
    assert voice_of(row(1, "00:00:00")) != voice_of(row(2, "00:00:00"))


def test_a_nightly_job_is_one_voice_beside_hundreds_of_people() -> None:
    asked = people(500)
    alone = len(heard(asked))
    assert 350 < alone < 500
    with_job = heard([*asked, *job(300)])
    assert len(with_job) <= alone + 1
    assert sum(one.prompt_text.startswith("Summarise") for one in with_job) == 1


def test_a_job_is_one_voice_where_all_others_have_names() -> None:
    named = [one.model_copy(update={"user": one.id}) for one in people(220)]
    with_job = heard([*named, *job(150)])
    assert sum(one.prompt_text.startswith("Summarise") for one in with_job) == 1


def on(day: int, rows: list[Traffic]) -> list[Traffic]:
    return [
        one.model_copy(update={"id": f"{day} {one.id}", "at": f"2026-11-{day:02}{one.at[10:]}"})
        for one in rows
    ]


def test_a_job_of_many_days_is_no_likelier_in_a_sample_than_a_user() -> None:
    """Each minute of it may be among the smallest hashes: 20 a day, beside 100 users."""
    named = [one.model_copy(update={"user": one.id}) for one in people(100)]
    sample = UserSample(400)
    for day in range(1, 29):
        sample.update(on(day, [*named, *job(60)]))
    assert sum(not one.user for one in sample.finish()) < 10  # 28 · 400 / 3,360 are expected


def test_a_template_may_stand_behind_what_it_is_about() -> None:
    random = Random(2)
    rows = [
        row(i, clock(i + 1), f"{question(random)}\nSay in one word how angry this is")
        for i in range(100)
    ]
    assert len(heard([*people(400), *rows])) <= len(heard(people(400))) + 1


def test_the_last_turn_tells_the_template_and_not_what_all_are_sent() -> None:
    def in_chat(one: Traffic) -> Traffic:
        turns = (
            Message(role="system", content="You are the assistant of a bank, be kind to all."),
            Message(role="user", content=one.prompt_text),
        )
        return one.model_copy(update={"prompt": turns})

    rows = [*people(400), *job(100)]
    assert len(heard([in_chat(one) for one in rows])) == len(heard(rows))


def test_how_a_whole_site_asks_is_no_template_of_one_client() -> None:
    framed = [
        one.model_copy(update={"prompt": f"Answer from the context given below: {one.prompt}"})
        for one in people(500)
    ]
    assert len(heard(framed)) == len(heard(people(500)))


def test_a_few_who_ask_alike_stay_many() -> None:
    question = "how do i change the limit of my card at"
    alike = [row(i, clock(i), f"{question} {WORDS[i]}") for i in range(1, FEWEST)]
    assert len(heard([*people(200), *alike])) == len(heard(people(200))) + FEWEST - 1


def test_those_with_a_user_stay_many_whatever_they_ask() -> None:
    rows = [one.model_copy(update={"user": one.id}) for one in job(100)]
    assert len(heard([*people(90), *rows])) == len(heard(people(90))) + 100


@pytest.mark.parametrize(
    "texts",
    [
        ["ping"],
        ["Hello?", "hello", " hello "],
        [f"status at 10:{i % 60:02}" for i in range(1440)],
        [f"check 20261124-{i:06}" for i in range(1440)],
        ["Are you there? Answer with the word yes and with nothing else."],
    ],
)
def test_a_health_check_is_one_voice_of_its_client_and_day(texts: list[str]) -> None:
    check = [row(20_000 + i, clock(i), texts[i % len(texts)], caller="bot") for i in range(1440)]
    asked = people(300)
    assert len(heard([*asked, *check])) <= len(heard(asked)) + 1
    assert len(heard([*check, *on(25, check)])) == 2


def test_what_differs_stays_many_where_a_number_tells_it() -> None:
    sums = [row(i, clock(i), f"what is {i % 90} times {i}") for i in range(1, 40)]
    assert len(heard([*people(100), *sums])) == len(heard(people(100))) + 39


@pytest.mark.parametrize(("users", "expected"), [(300, 300), (150, 150), (20, ENOUGH), (0, 1439)])
def test_rows_without_a_user_never_outvote_those_with_one(users: int, expected: int) -> None:
    named = [one.model_copy(update={"user": f"u{one.id}"}) for one in people(users)]
    others = [row(10_000 + i, clock(i), question(Random(i))) for i in range(1, 1440)]
    found = heard([*named, *others])
    assert sum(not one.user for one in found) == expected
    assert sum(bool(one.user) for one in found) == users


def test_users_outvote_alike_in_a_sample_of_many_days_and_in_a_night() -> None:
    """Beside 20 users a day, of 1,439 others."""
    named = [one.model_copy(update={"user": f"u{one.id}"}) for one in people(20)]
    day = [*named, *(row(10_000 + i, clock(i), question(Random(i))) for i in range(1, 1440))]
    sample = UserSample(8_000)
    for number in range(1, 29):
        sample.update(on(number, day))
    found = sample.finish()
    assert sum(bool(one.user) for one in found) / len(found) == pytest.approx(1 / 6, rel=0.25)


def test_a_template_is_one_voice_of_each_day() -> None:
    other_day = [
        one.model_copy(update={"at": one.at.replace("11-24", "11-25"), "id": f"{one.id}b"})
        for one in job(100)
    ]
    found = heard([*people(400), *job(100), *other_day])
    assert sum(one.prompt_text.startswith("Summarise") for one in found) == 2


def test_a_sample_has_each_voice_once() -> None:
    found = heard([*people(300), *job(100), *(row(i, user=f"u{i % 7}") for i in range(500, 560))])
    assert len(set(voices_of(found))) == len(found)


@settings(max_examples=20, deadline=None)  # a busy machine says nothing of the voices
@given(st.integers(0, 400), st.integers(0, 1000))
def test_parts_of_a_day_merge_into_the_same_voices(cut: int, seed: int) -> None:
    rows = [*people(300), *job(100)]
    Random(seed).shuffle(rows)
    first, second = UserSample(200), UserSample(200)
    first.update(rows[:cut])
    second.update(rows[cut:])
    first.merge(second)
    whole = UserSample(200)
    whole.update(rows)
    assert first.finish() == whole.finish()
    assert first.tally.finish().nameless == 400


def test_a_night_says_where_most_rows_tell_no_user() -> None:
    assert list(voice_notes(500, 250, 400)) == []
    (note,) = voice_notes(500, 400, 370)
    assert note.startswith("80% of the rows tell no user") and "370 of 500" in note


# --- a bot beside users ---------------------------------------------------------------------------

CHECK = prompts(1, np.random.default_rng(30))[0]
BOT = [row(90_000 + i, clock(i), "ping") for i in range(1, 1440)]


def beside_a_bot(users: Floats, day: int, bot: list[Traffic]) -> tuple[Batch, list[str], Floats]:
    """What a night sees of users who each ask once, and of a bot without a user."""
    named = [row(i, clock(1 + i % 1439), f"q {i}", user=f"{day} {i}") for i in range(len(users))]
    chosen = heard([*named, *bot])
    vectors = [users[int(one.prompt_text[2:])] if one.user else CHECK for one in chosen]
    times = np.full(len(chosen), 24.0 * day, np.float32)
    return Batch(vectors=np.array(vectors)), [f"{day} {v}" for v in voices_of(chosen)], times


def first_drift(counts: list[int], strange: float, bot: list[Traffic], seed: int) -> int | None:
    """The first night of drift, of so many users each, a share of whom ask about new things."""
    rng = np.random.default_rng(seed)
    days = [beside_a_bot(prompts(100, rng), day, bot) for day in range(-28, 0)]
    batch = Batch(vectors=np.concatenate([own[0].vectors for own in days]))
    voices, times = [v for own in days for v in own[1]], np.concatenate([own[2] for own in days])
    reference = Reference.freeze(batch, voices, times, rng=np.random.default_rng(4))
    nights = []
    for day, count in enumerate(counts):
        new = rng.normal(size=(round(count * strange), WIDTH))
        new /= np.linalg.norm(new, axis=1, keepdims=True)
        asked = np.concatenate([prompts(count - len(new), rng), new.astype(np.float32)])
        nights.append(reference.units_of(*beside_a_bot(asked, day, bot)))
        if verdict(reference, nights, DriftParams()) is DriftVerdict.DRIFT:
            return day
    return None


def test_a_health_check_is_no_drift_while_users_grow_and_hides_none() -> None:
    growing = [100 + 10 * day for day in range(21)]
    assert first_drift(growing, 0.0, BOT, seed=1) is None
    seen = [first_drift([100] * 6, 0.1, bot, seed=2) for bot in (BOT, [])]
    assert seen[0] is not None and seen[0] == seen[1]
