"""Rows without a user: those of one client and minute, or of one template, are one voice."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.traffic.user_sample import UserSample
from monitoring.traffic.voices import FEWEST, voice_notes, voice_of, voices_of
from project.records.data import Message
from project.records.traffic import Traffic

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


def test_a_minute_is_the_same_whatever_zone_it_is_written_in() -> None:
    berlin = row(1).model_copy(update={"at": "2026-11-24T11:00:45+01:00"})
    assert voice_of(berlin) == voice_of(row(2))


def test_a_user_is_a_voice_of_its_own_at_any_time() -> None:
    assert voice_of(row(1, user="ana")) == voice_of(row(2, "23:11:00", user="ana")) == "ana"


def test_a_row_that_tells_the_day_alone_is_a_voice_of_its_own() -> None:
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
    alike = [row(i, clock(i), "how do i change the limit of my card") for i in range(1, FEWEST)]
    assert len(heard([*people(200), *alike])) == len(heard(people(200))) + FEWEST - 1


def test_those_with_a_user_stay_many_whatever_they_ask() -> None:
    rows = [one.model_copy(update={"user": one.id}) for one in job(100)]
    assert len(heard([*people(200), *rows])) == len(heard(people(200))) + 100


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
