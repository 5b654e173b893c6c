"""What the keys of the registry do, and the tests that show what a judge's keys do."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from incumbent.verbs.verify import write_anchor
from monitoring.scheduling.outbox import newest_notices
from project.errors import IncumbentError
from registry.store import Registry
from tests.incumbent.setting_effects.effect import Effect, ShownBy, write
from tests.places import submit


def submitted() -> dict[str, Any]:
    """What an adapter becomes that is submitted, and where the registry's files are then."""
    with Registry.here() as registry:
        version = submit(registry, "a", Path())
    names = {path.parts[0] for path in Path().rglob("*") if path.name != "params.yaml"}
    return {"label": version.label, "files": sorted(names)}


def permitted() -> str:
    """What comes of a submission where roles.yaml lets only ann submit."""
    write("roles.yaml", "submit: [ann]")
    with Registry.here() as registry:
        return outcome(lambda: submit(registry, "a", Path()).label)


def promoted() -> str:
    """What comes of a promotion of a version that nobody signed."""
    with Registry.here() as registry:
        number = submit(registry, "a", Path()).number
        return outcome(lambda: registry.promote(number, "test", force=True).label)


def announced() -> list[str]:
    """The kinds of the notices that a submission leaves."""
    with Registry.here() as registry:
        submit(registry, "a", Path())
        return [sent.notice.kind for sent in newest_notices(registry.engine, 9)]


def outcome(attempt: Callable[[], str]) -> str:
    try:
        return attempt()
    except IncumbentError as error:
        return str(error)


def anchored() -> list[str]:
    """The files that hold anchors."""
    with Registry.here() as registry:
        submit(registry, "a", Path())
    write_anchor(None, as_json=False)
    return [path.name for path in sorted(Path().glob("*.jsonl"))]


REGISTRY: dict[str, Effect | ShownBy] = {
    "family": Effect(("default", "bank"), submitted, "label"),
    "database": Effect((None, "sqlite:///elsewhere.db"), submitted, "files"),
    "artifacts": Effect((None, "store"), submitted, "files"),
    "push_versions": ShownBy(
        "tests/incumbent/test_push_version.py::test_nothing_is_sent_unless_the_settings_ask_for_it"
    ),
    "commit_untracked": ShownBy(
        "tests/incumbent/test_provenance.py::test_new_files_come_into_a_commit_where_that_is_set"
    ),
    "roles": Effect((None, "roles.yaml"), permitted),
    "public_keys": ShownBy(
        "tests/registry/test_signing.py::test_signing_by_hand_needs_a_key_by_option_or_environment"
    ),
    "require_signature": Effect((False, True), promoted),
    "four_eyes": Effect((False, True), promoted),
    "event_notices": Effect((["submit"], ["promote"]), announced),
    "anchor": Effect(("one.jsonl", "other.jsonl"), anchored),
}


JUDGE_TESTS = {
    "url": "the_server_is_shown_both_orders_of_the_same_question",
    "model": "another_judge_is_asked_anew",
    "key_variable": "the_key_is_sent_and_stands_nowhere_else",
    "timeout_s": "a_server_that_hangs_is_given_up",
    "concurrency": "the_answers_order_does_not_matter",
    "temperature": "another_judge_is_asked_anew",
    "max_tokens": "another_judge_is_asked_anew",
}
JUDGE: dict[str, Effect | ShownBy] = {
    name: ShownBy(f"tests/evaluation/test_llm_judge.py::test_{test}")
    for name, test in JUDGE_TESTS.items()
} | {
    "reasons": ShownBy(
        "tests/evaluation/test_judge_pin.py::test_a_judge_may_be_asked_for_no_reasons"
    ),
}


RUBRIC_TESTS = {
    "name": "every_one_of_the_rubrics_is_a_metric_under_its_name",
    "asks": "a_rubric_of_ones_own_is_asked_in_its_own_words",
    "reference": "the_reference_is_shown_where_a_rubric_asks_for_it",
    "worse": "a_rubric_is_calibrated_on_answers_that_are_worse_in_it",
    "pairs": "a_rubric_of_ones_own_is_calibrated_on_a_file_of_pairs",
}
RUBRICS: dict[str, Effect | ShownBy] = {
    name: ShownBy(f"tests/evaluation/test_rubrics.py::test_{test}")
    for name, test in RUBRIC_TESTS.items()
}

EFFECTS: dict[str, Effect | ShownBy] = {
    **{f"registry.{name}": row for name, row in REGISTRY.items()},
    **{f"evaluation.preference.judge.{name}": row for name, row in JUDGE.items()},
    **{f"evaluation.preference.rubrics.{name}": row for name, row in RUBRICS.items()},
    "evaluation.preference.rubrics": RUBRICS["name"],
    "evaluation.preference.judge": ShownBy(
        "tests/evaluation/test_reward.py::test_a_language_model_is_calibrated_on_the_held_out_pairs"
    ),
}
