"""What the keys of a search do: its own tests show them."""

from tests.incumbent.setting_effects.effect import ShownBy

TESTS = {
    "trials": "the_metric_is_one_of_the_project_s_scorers_and_no_other_one",
    "metric": "the_metric_is_one_of_the_project_s_scorers_and_no_other_one",
    "minutes": "no_trial_begins_when_the_time_is_over",
    "ranges": "a_range_that_training_does_not_have_is_refused_by_name",
    "ranges.low": "numbers_between_two_are_tried_evenly_or_by_their_logarithm_or_in_steps",
    "ranges.high": "numbers_between_two_are_tried_evenly_or_by_their_logarithm_or_in_steps",
    "ranges.log": "numbers_between_two_are_tried_evenly_or_by_their_logarithm_or_in_steps",
    "ranges.step": "numbers_between_two_are_tried_evenly_or_by_their_logarithm_or_in_steps",
}
EFFECTS = {
    f"search.{key}": ShownBy(f"tests/incumbent/test_tune.py::test_{name}")
    for key, name in TESTS.items()
}
