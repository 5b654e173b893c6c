"""What `training.report_to` does is seen in a tracker, by tests that have one."""

from tests.incumbent.setting_effects.effect import ShownBy

EFFECTS = {
    "training.report_to": ShownBy(
        "tests/incumbent/mirroring/test_mirror.py::"
        "test_report_to_names_who_is_told_and_what_a_tracker_missed_comes_with_the_next_version"
    )
}
