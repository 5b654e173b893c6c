"""Who answers: a user stays in one arm, as many are in it as the share says, others by name."""

import pytest

from registry.experiment_events import Experiment
from serving.deploying.route_table import RouteTable
from serving.experiments.experiments import assign, chance, shadow_assignment
from tests.serving.experiments.conftest import Open

USERS = [f"user {number}" for number in range(2000)]


def version_for(
    table: RouteTable, experiment: Experiment | None, asked: str = "champion", user: str = "ann"
) -> int | None:
    found = assign(table, experiment, asked, user, "r1")
    return found.deployment.version if found else None


def test_chances_are_uniform_over_names_and_drawn_anew_by_another_experiment() -> None:
    found = sorted(chance("salt", user) for user in USERS)
    gaps = [abs(one - at / len(USERS)) for at, one in enumerate(found)]
    assert max(gaps) < 1.63 / len(USERS) ** 0.5  # Kolmogorov and Smirnov, at 1 %
    both = [(chance("one", user) < 0.5) == (chance("two", user) < 0.5) for user in USERS]
    assert 0.45 < sum(both) / len(both) < 0.55


def test_a_user_stays_in_one_arm_whatever_the_request(table: RouteTable, open_one: Open) -> None:
    experiment = open_one(share=0.3)
    for user in USERS[:50]:
        found = {assign(table, experiment, "champion", user, f"r{n}") for n in range(5)}
        assert len(found) == 1


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_as_many_users_as_the_share_says_get_the_challenger(
    table: RouteTable, open_one: Open, share: float
) -> None:
    experiment = open_one(share=share)
    got = [version_for(table, experiment, user=user) == 2 for user in USERS]
    assert abs(sum(got) / len(got) - share) < 0.03


def test_who_has_no_name_is_assigned_by_the_request(table: RouteTable, open_one: Open) -> None:
    experiment = open_one(share=0.5)
    found = [assign(table, experiment, "champion", None, f"r{n}") for n in range(200)]
    assert {one.arm for one in found if one} == {"champion", "challenger"}


def test_only_the_champion_and_who_is_tried_answer_by_name(
    table: RouteTable, open_one: Open
) -> None:
    for name in ("champion", "v1"):
        assert assign(RouteTable(), None, name, "ann", "r1") is None
    assert version_for(table, None, "v1") == 1
    assert version_for(table, None, "v2") is None
    assert version_for(table, None, "challenger") is None
    experiment = open_one()
    assert version_for(table, experiment, "v2") == 2
    assert version_for(table, experiment, "challenger") == 2
    for asked in ("v3", "v02", "v²", "V1", "", "v1\n", "../v1", "v" + "9" * 30):
        assert version_for(table, experiment, asked) is None


def test_who_asks_by_name_is_no_part_of_the_experiment(table: RouteTable, open_one: Open) -> None:
    experiment = open_one()
    for asked in ("challenger", "v1", "v2"):
        found = assign(table, experiment, asked, "ann", "r1")
        assert found and found.experiment is None and found.arm is None
    table.champion = table.deployed(2)
    found = assign(table, experiment, "champion", "ann", "r1")
    assert found and found.experiment is None, "another champion than the experiment's"


def test_while_no_replica_holds_the_challenger_the_champion_answers_and_nobody_counts(
    table: RouteTable, open_one: Open
) -> None:
    experiment = open_one(share=0.9)
    name = assign(table, experiment, "challenger", "ann", "r1")
    assert name
    table.lost("http://one", name.deployment.name)
    for user in USERS[:50]:
        found = assign(table, experiment, "champion", user, "r1")
        assert found and (found.deployment.version, found.experiment) == (1, None)


def test_a_shadow_answers_beside_the_champion_for_a_share_of_the_requests(
    table: RouteTable, open_one: Open
) -> None:
    experiment = open_one(mode="shadow", share=0.3)
    found = [assign(table, experiment, "champion", "ann", f"r{n}") for n in range(1000)]
    assert {one.deployment.version for one in found if one} == {1}
    beside = [shadow for one in found if one and (shadow := shadow_assignment(one))]
    assert abs(len(beside) / len(found) - 0.3) < 0.05
    assert {(one.arm, one.deployment.version) for one in beside} == {("shadow", 2)}
    # Nobody sees what it answers by asking for it.
    assert version_for(table, experiment, "challenger") is None
    assert version_for(table, experiment, "v2") is None
