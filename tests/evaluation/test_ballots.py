"""Ballots: what is refused, known values, and what must not depend on sides, names or order."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from math import log10, sqrt
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.evaluation_settings import PreferenceParams
from evaluation.preference.ballots.ballot_count import count
from evaluation.preference.ballots.ballot_files import majorities, preferences, read_ballots
from evaluation.preference.ballots.ballot_statistics import (
    POINTS,
    VersionStrength,
    cohen_kappa,
    fleiss_kappa,
    jackknife_error,
    rate,
)
from incumbent.cli import main
from project.errors import InputError
from project.records.ballots import Ballot
from project.records.record import write_records
from tests.conftest import ROOT


def vote(
    item: int, winner: str, loser: str, reviewer: str = "ann", choice: str | None = None
) -> Ballot:
    """A ballot for the winner, or a tie; the sides alternate from item to item."""
    left, right = (winner, loser) if item % 2 else (loser, winner)
    side = choice or ("left" if item % 2 else "right")
    return Ballot.model_validate(
        {
            "item": f"i{item:03}",
            "reviewer": reviewer,
            "left": left,
            "right": right,
            "choice": side,
            "at": "2026-01-31T12:00:00Z",
        }
    )


def votes(wins: int, losses: int, ties: int = 0, *, a: str = "A", b: str = "B") -> list[Ballot]:
    """Ballots on that many items of their own."""
    return [
        *(vote(i, a, b) for i in range(wins)),
        *(vote(i, b, a) for i in range(wins, wins + losses)),
        *(vote(wins + losses + i, a, b, choice="tie") for i in range(ties)),
    ]


def swapped(ballot: Ballot) -> Ballot:
    """The same opinion with the sides exchanged."""
    choice = {"left": "right", "right": "left"}.get(ballot.choice, ballot.choice)
    sides = {"left": ballot.right, "right": ballot.left, "choice": choice}
    return ballot.model_copy(update=sides)


def by_version(ratings: Sequence[VersionStrength]) -> dict[str, float]:
    return {rating.version: rating.rating for rating in ratings}


# --- files --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"choice": "middle"}, "choice"),
        ({"right": "A"}, "right"),
        ({"reviewer": ""}, "reviewer"),
        ({"item": 7}, "item"),
        ({"mood": "good"}, "mood"),
        ({"at": "2026-01-31"}, "at"),
        ({"at": "2026-01-31T12:00:00"}, "at"),
        ({"at": "2026-02-30T12:00:00Z"}, "at"),
        ({"at": "31/01/2026"}, "at"),
    ],
)
def test_a_bad_ballot_is_named_by_file_line_and_field(
    tmp_path: Path, change: dict[str, object], field: str
) -> None:
    good = vote(1, "A", "B").model_dump()
    path = tmp_path / "b.jsonl"
    path.write_text(f"{json.dumps(good)}\n\n{json.dumps(good | {'reviewer': 'bob'} | change)}\n")
    with pytest.raises(InputError, match=rf"b\.jsonl:3: {field}: "):
        read_ballots(path)


@pytest.mark.parametrize("at", ["2026-01-31T12:00:00.25+05:30", "2026-01-31t12:00:00z"])
def test_any_rfc_3339_time_will_do(at: str) -> None:
    ballot = vote(1, "A", "B").model_dump() | {"at": at}
    assert Ballot.model_validate(ballot).at == at


@pytest.mark.parametrize("again", [vote(1, "B", "A"), swapped(vote(1, "B", "A"))])
def test_nobody_votes_twice_on_an_item_and_a_pair(tmp_path: Path, again: Ballot) -> None:
    path = tmp_path / "b.jsonl"
    write_records(path, [vote(1, "A", "B"), vote(1, "A", "C"), again])
    with pytest.raises(InputError, match=r"b\.jsonl:3: reviewer: 'ann' .*on line 1 already"):
        read_ballots(path)


@pytest.mark.parametrize(
    ("text", "problem"), [("\n \n", "holds no ballots"), ('{"item": ', r":1: Invalid JSON")]
)
def test_a_file_without_ballots_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "b.jsonl"
    path.write_text(text)
    with pytest.raises(InputError, match=problem):
        read_ballots(path)


# --- items --------------------------------------------------------------------------------------


def test_a_preference_is_the_mean_over_an_item_whichever_side_it_stood_on() -> None:
    ballots = [
        vote(1, "new", "old", "ann"),
        swapped(vote(1, "new", "old", "bob")),
        vote(1, "new", "old", "cy", choice="both_bad"),
        vote(1, "old", "new", "dee"),
        vote(2, "old", "new"),
        vote(3, "new", "other"),
    ]
    assert preferences(ballots, "old", "new") == {"i001": 2.5 / 4, "i002": 0.0}
    assert preferences(ballots, "new", "old") == {"i001": 1.5 / 4, "i002": 1.0}
    assert preferences(ballots, "old", "absent") == {}


@pytest.mark.parametrize(
    ("cast", "winner"),
    [
        (["A"], "A"),
        (["A", "A", "B"], "A"),
        (["A", "B"], None),
        (["A", "tie"], None),
        (["A", "A", "tie", "both_bad"], None),
        (["A", "A", "A", "B", "tie", "both_bad"], "A"),
        (["tie", "both_bad", "B"], None),
    ],
)
def test_a_majority_needs_more_ballots_than_anything_else(
    cast: list[str], winner: str | None
) -> None:
    ballots = [
        vote(1, "B", "A", str(i))
        if name == "B"
        else vote(1, "A", "B", str(i), choice=None if name == "A" else name)
        for i, name in enumerate(cast)
    ]
    (found,) = majorities(ballots)
    assert (found.winner, found.ballots, found.closed) == (winner, len(cast), True)


def series(item: int, *winners: str, minute: int = 0) -> list[Ballot]:
    """One ballot a minute on an item, by another reviewer each time; `-` is a tie."""
    return [
        at(
            vote(item, "A", "B", f"r{i}", choice="tie") if name == "-" else by(item, name, i),
            i + minute,
        )
        for i, name in enumerate(winners)
    ]


def by(item: int, winner: str, reviewer: int) -> Ballot:
    return vote(item, winner, "B" if winner == "A" else "A", f"r{reviewer}")


def at(ballot: Ballot, minute: int) -> Ballot:
    return ballot.model_copy(update={"at": f"2026-01-31T12:{minute:02}:00Z"})


def test_an_item_closes_at_its_first_ballots_whatever_comes_later() -> None:
    ballots = [*series(1, *"ABBB"), *series(2, *"BAAA"), *series(3, *"AA"), *series(4, *"A-B")]
    shuffled = random.Random(3).sample(ballots, len(ballots))
    found = {m.item: (m.winner, m.closed, m.ballots) for m in majorities(shuffled, 3)}
    assert found == {
        "i001": ("B", True, 4),
        "i002": ("A", True, 4),
        "i003": ("A", False, 2),
        "i004": (None, True, 3),
    }
    assert {m.item: m.winner for m in majorities(shuffled, 1)} == {
        "i001": "A",
        "i002": "B",
        "i003": "A",
        "i004": "A",
    }
    assert preferences(shuffled, "B", "A", 3) == {"i001": 1 / 3, "i002": 2 / 3, "i004": 0.5}


def test_the_first_ballot_is_the_first_in_time_in_any_time_zone_and_then_in_the_file() -> None:
    early = by(1, "A", 0).model_copy(update={"at": "2026-01-31T12:30:00.5+05:30"})  # 07:00:00.5 UTC
    late = by(1, "B", 1).model_copy(update={"at": "2026-01-31t07:00:01z"})
    same = [by(2, "B", 0), by(2, "A", 1)]
    assert [m.winner for m in majorities([late, early, *same], 1)] == ["A", "B"]
    assert [m.winner for m in majorities([early, late, *reversed(same)], 1)] == ["A", "A"]


def test_what_an_item_said_when_it_closed_never_changes_as_ballots_come_in() -> None:
    rng = random.Random(7)
    items = rng.sample([*range(8)] * 7, 56)
    ballots = [at(by(item, rng.choice("AB"), i), i) for i, item in enumerate(items)]
    for votes in (1, 3, 5):
        known: dict[str, str | None] = {}
        for seen in range(1, len(ballots) + 1):
            closed = {m.item: m.winner for m in majorities(ballots[:seen], votes) if m.closed}
            assert known.items() <= closed.items()
            known = closed
        assert len(known) == 8


def test_a_setting_of_votes_is_odd_and_changes_nothing_where_it_is_not_made() -> None:
    given = {"source": "ballots", "ballots": "datasets/ballots/b.jsonl"}
    plain = PreferenceParams.model_validate(given)
    assert b"votes" not in plain.canonical()
    assert PreferenceParams.model_validate(given | {"votes": 3}).digest != plain.digest
    with pytest.raises(ValueError, match="must be odd"):
        PreferenceParams.model_validate(given | {"votes": 2})


# --- agreement ----------------------------------------------------------------------------------


def test_cohen_by_hand() -> None:
    # 50 items: 20 both yes, 5 yes/no, 10 no/yes, 15 both no; o = .7, e = .5·.6 + .5·.4 = .5.
    a = ["yes"] * 25 + ["no"] * 25
    b = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    assert cohen_kappa(a, b) == pytest.approx(0.4)


def test_cohen_is_below_zero_for_opponents_and_undefined_without_a_choice() -> None:
    assert cohen_kappa(["a", "b"], ["b", "a"]) == -1
    assert cohen_kappa(["a", "b"], ["a", "b"]) == 1
    assert cohen_kappa(["a", "a"], ["b", "b"]) == 0
    assert cohen_kappa(["a", "a"], ["a", "a"]) is None
    assert cohen_kappa([], []) is None
    with pytest.raises(ValueError, match="shorter"):
        cohen_kappa(["a", "b"], ["a"])


def test_fleiss_by_hand() -> None:
    # P = 1, 1/3, 1/3; shares 2/3 and 1/3: o = 5/9, e = 5/9.
    assert fleiss_kappa([[3, 0], [2, 1], [1, 2]]) == pytest.approx(0)
    # P = 1, 0, 1 of those rated twice; shares (1 + 1/2 + 1 + 0)/4 = 5/8 and 3/8, e = 17/32.
    assert fleiss_kappa([[2, 0], [1, 1], [1, 0], [0, 3]]) == pytest.approx(13 / 45)


def test_fleiss_on_the_textbook_table() -> None:
    # 14 raters, 10 subjects, 5 categories, kappa .210: Wikipedia, "Fleiss' kappa", worked example.
    table = [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ]
    assert fleiss_kappa(table) == pytest.approx(0.210, abs=0.0005)


@pytest.mark.parametrize("counts", [[], [[1, 0], [0, 1]], [[3, 0], [2, 0]], [[0, 0]]])
def test_fleiss_is_undefined_without_shared_items_or_a_second_category(
    counts: list[list[int]],
) -> None:
    assert fleiss_kappa(counts) is None


def test_the_jackknife_of_a_mean_is_its_standard_error() -> None:
    values = [1.0, 2.0, 4.0, 9.0]
    error = jackknife_error(lambda left: sum(left) / len(left), values)
    assert error == pytest.approx(np.std(values, ddof=1) / sqrt(4))
    assert jackknife_error(lambda left: sum(left) / len(left), [1.0]) is None


def test_agreement_does_not_depend_on_sides() -> None:
    ann = votes(6, 3, 1)
    bob = [swapped(ballot.model_copy(update={"reviewer": "bob"})) for ballot in ann]
    (pair,) = count([*ann, *bob]).agreements
    assert (pair.n, pair.same, pair.kappa) == (10, 10, 1)


def test_reviewers_who_toss_coins_over_many_versions_do_not_agree() -> None:
    rng = random.Random(0)
    ballots = [
        vote(item, winner, loser, reviewer)
        for item in range(200)
        for pair in [rng.sample("ABCDEF", 2)]
        for reviewer in ("ann", "bob", "cy")
        for winner, loser in [rng.sample(pair, 2)]
    ]
    found = count(ballots)
    assert found.consensus.n == 200
    assert [abs(pair.kappa or 1) < 0.2 for pair in found.agreements] == [True] * 3
    assert abs(found.consensus.kappa or 1) < 0.1


# --- ratings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wins", "losses", "ties"), [(15, 5, 0), (6, 2, 4), (1, 400, 0), (0, 5, 3)]
)
def test_two_versions_have_a_closed_form(wins: int, losses: int, ties: int) -> None:
    found = by_version(rate(votes(wins, losses, ties)))
    share = (wins + ties / 2) / (wins + losses + ties)
    assert found["A"] - found["B"] == pytest.approx(400 * log10(share / (1 - share)))
    assert found["A"] + found["B"] == pytest.approx(2000)


def test_both_bad_counts_as_a_tie() -> None:
    ties = votes(3, 1, 2)
    bad = [b.model_copy(update={"choice": "both_bad"}) if b.winner is None else b for b in ties]
    assert rate(bad) == rate(ties)


results = st.lists(
    st.tuples(st.sampled_from("ABCD"), st.sampled_from("ABCD")).filter(lambda ab: ab[0] != ab[1]),
    min_size=1,
    max_size=40,
)


@settings(max_examples=50, deadline=None)
@given(results)
def test_versions_are_expected_to_win_as_often_as_they_did(drawn: list[tuple[str, str]]) -> None:
    # The likelihood equations of Bradley & Terry (1952); a ring of wins makes the ratings finite.
    won = [*drawn, ("A", "B"), ("B", "C"), ("C", "D"), ("D", "A")]
    ratings = rate([vote(i, *two) for i, two in enumerate(won)])
    strength = by_version(ratings)
    assert all(rating.bounded for rating in ratings)
    assert sum(strength.values()) == pytest.approx(4000)
    for version in "ABCD":
        others = [b if a == version else a for a, b in won if version in (a, b)]
        expected = sum(1 / (1 + 10 ** ((strength[o] - strength[version]) / 400)) for o in others)
        assert expected == pytest.approx(sum(a == version for a, _ in won), abs=1e-6)


def test_a_version_that_always_wins_is_given_a_drawn_ballot_and_no_interval() -> None:
    best, worst = rate(votes(9, 0))
    assert best.rating - worst.rating == pytest.approx(400 * log10(9.5 / 0.5))
    assert not best.bounded
    assert best.interval is None


def test_versions_that_never_met_are_rated_in_groups() -> None:
    ballots = [*votes(3, 1), *votes(5, 1, a="D", b="C")]
    ratings = rate(ballots)
    assert [(r.version, r.group) for r in ratings] == [("A", 1), ("B", 1), ("D", 2), ("C", 2)]
    assert ratings[:2] == rate(votes(3, 1))
    assert sum(rating.rating for rating in ratings[2:]) == pytest.approx(2000)


def test_the_interval_is_as_wide_as_theory_says() -> None:
    # The rating is half of the log odds apart from 1000, with variance 1/(npq) of the log odds.
    best = rate(votes(120, 80))[0]
    assert best.interval is not None
    reach = POINTS / 2 * 1.96 / sqrt(200 * 0.6 * 0.4)
    assert best.interval == pytest.approx((best.rating - reach, best.rating + reach), abs=5)


def test_more_reviewers_of_one_mind_add_no_certainty() -> None:
    once = votes(60, 40)
    thrice = [b.model_copy(update={"reviewer": name}) for b in once for name in ("a", "b", "c")]
    (first, _), (second, _) = rate(once), rate(thrice)
    assert first.interval is not None
    assert second.interval == pytest.approx(first.interval, abs=8)
    assert second.rating == pytest.approx(first.rating)


def test_items_that_are_all_alike_leave_nothing_to_resample() -> None:
    assert [rating.interval for rating in rate(votes(0, 0, 5))] == [None, None]


# --- pairs and sides ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wins", "losses", "p", "e"),
    [(6, 0, 2 / 64, 18.14), (7, 0, 2 / 128, 31.88), (10, 2, 158 / 4096, 9.44), (0, 0, 1, 1)],
)
def test_a_pair_is_weighed_by_the_majority_on_each_item(
    wins: int, losses: int, p: float, e: float
) -> None:
    (pair,) = count(votes(losses, wins, 3)).pairs
    assert (pair.items, pair.ties) == (wins + losses + 3, 3)
    assert (pair.wins, pair.losses) == (wins, losses)
    assert pair.win_rate == pytest.approx((wins + 1.5) / (wins + losses + 3))
    assert pair.p == pytest.approx(p)
    assert pair.e_value == pytest.approx(e, abs=0.01)


def test_a_majority_of_three_is_one_item() -> None:
    ballots = [vote(i, "A", "B", reviewer) for i in range(4) for reviewer in ("ann", "bob")]
    ballots += [vote(i, "B", "A", "cy") for i in range(4)]
    (pair,) = count(ballots, votes=3).pairs
    assert (pair.ballots, pair.items, pair.open, pair.wins, pair.losses) == (12, 4, 0, 4, 0)


def test_items_with_too_few_ballots_count_for_nothing_yet() -> None:
    ballots = [*series(1, *"AAB"), *series(2, *"AA")]
    (pair,) = count(ballots, votes=3).pairs
    assert (pair.items, pair.open, pair.wins, pair.win_rate) == (1, 1, 1, 1.0)
    (pair,) = count(series(2, *"AA"), votes=3).pairs
    assert (pair.items, pair.open, pair.win_rate, pair.p, pair.e_value) == (0, 1, None, 1.0, 1.0)


def test_an_e_value_beyond_all_floats_is_the_largest_one() -> None:
    (pair,) = count(votes(1200, 0)).pairs
    assert pair.e_value == sys.float_info.max
    assert pair.e_value_second < 1e-3


def test_a_habit_of_the_left_shows() -> None:
    ballots = [vote(i, "A", "B") for i in range(1, 80, 2)]
    ballots += [vote(i, "B", "A") for i in range(81, 160, 2)]
    found = count(ballots).sides
    assert found is not None
    assert (found.decided, found.left_share, found.better_left) == (80, 1.0, 0.5)
    assert found.interval == pytest.approx((1 / (1 + 1.96**2 / 80), 1), abs=1e-4)  # Wilson, all won
    assert count(votes(0, 0, 2)).sides is None


# --- the command --------------------------------------------------------------------------------


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["incumbent", "judge", "ballots", *arguments])
    try:
        main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


Told = Callable[..., tuple[int, str]]


@pytest.fixture
def told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Told:
    """The exit code of the command on ballots in a file, and what it says or complains of."""

    def asked(ballots: Iterable[Ballot], *options: str) -> tuple[int, str]:
        write_records(tmp_path / "b.jsonl", ballots)
        code = run(monkeypatch, str(tmp_path / "b.jsonl"), *options)
        out, error = capsys.readouterr()
        return code, (error if code else out).replace(" \n", " ")

    return asked


def mixed(seed: int = 0) -> list[Ballot]:
    rng = random.Random(seed)
    return [
        at(
            vote(item, winner, loser, reviewer, choice=rng.choice([None, None, "tie", "both_bad"])),
            minute,
        )
        for item in range(60)
        for minute, reviewer in enumerate(("ann", "bob", "cy"))
        for winner, loser in [rng.choice([("B", "A"), ("B", "A"), ("A", "C"), ("C", "B")])]
    ]


@pytest.mark.parametrize(
    ("ballots", "sentence"),
    [
        (votes(2, 12), "B is preferred to A: E = 23.92 ≥ 20, enough at alpha 0.05 if that was"),
        (votes(2, 20), "B is preferred to A: E = 1,579 ≥ 20, enough at alpha 0.05\n"),
        (votes(6, 0), "A is ahead of B, but E = 18.14 < 20: not enough at alpha 0.05"),
        (votes(2, 2), "neither A nor B is preferred: 2 items each"),
        (votes(6, 0), "no finite ratings fit A, B"),
        ([*votes(6, 0), *votes(1, 1, a="C", b="D")], "different groups never met"),
        (votes(6, 0), "no comparison was judged twice"),
        ([vote(i, "A", "B") for i in range(1, 30, 2)], "the better rated version stood there"),
    ],
)
def test_it_says_in_a_sentence_what_the_ballots_mean(
    told: Told, ballots: list[Ballot], sentence: str
) -> None:
    code, said = told(ballots)
    assert code == 0 and sentence in said


@pytest.mark.parametrize(
    ("votes", "sentence"),
    [
        ("1", "by its first ballot: fix that number (--votes) before you look; 3 later ballots"),
        ("3", "by the majority of its first 3: fix that number (--votes) before you look; 1 items"),
        ("3", "1 items have fewer ballots and do not count yet"),
        ("5", "nothing is known of A and B yet: no item has closed"),
    ],
)
def test_it_says_by_which_ballots_an_item_counts(told: Told, votes: str, sentence: str) -> None:
    code, said = told([*series(1, *"AAB"), *series(2, *"AA")], "--votes", votes)
    assert code == 0 and sentence in said.replace("\n", " ")


def test_a_number_of_votes_that_can_end_even_is_bad_usage(told: Told) -> None:
    code, said = told(votes(2, 1), "--votes", "2")
    assert code == 2 and "--votes: must be odd" in said


def test_more_versions_than_anybody_would_wait_for_are_refused_at_once(told: Told) -> None:
    code, said = told([vote(i, f"v{i}", f"v{i + 1}") for i in range(8000)])
    assert code == 2 and "there are 8001 versions, and at most 200 can be rated" in said


def test_json_has_all_that_was_found(told: Told) -> None:
    ballots = mixed()
    code, said = told(ballots, "--json")
    assert code == 0
    printed = json.loads(said)
    found = count(ballots).model_dump(mode="json")
    assert {key: value for key, value in printed.items() if key != "conclusions"} == found
    assert (printed["reviewers"], len(printed["agreements"]), len(printed["pairs"])) == (3, 3, 3)


def test_a_bad_file_is_bad_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, str(tmp_path / "absent.jsonl")) == 2
    assert "absent.jsonl: No such file" in capsys.readouterr().err


def test_equal_ballots_give_equal_bytes_in_any_order_process_and_hash_seed(tmp_path: Path) -> None:
    ballots = mixed()
    write_records(tmp_path / "one.jsonl", ballots)
    write_records(tmp_path / "two.jsonl", random.Random(1).sample(ballots, len(ballots)))
    command = "from incumbent.cli import main; main()"
    printed = [
        subprocess.run(
            [sys.executable, "-c", command, "judge", "ballots", str(tmp_path / name), "--json"],
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for name, seed in (("one.jsonl", "1"), ("two.jsonl", "2"))
    ]
    assert printed[0] == printed[1]
