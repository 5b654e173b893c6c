"""The tests that show what the keys of `engine` and `ray` do. No result depends on them."""

from tests.incumbent.setting_effects.effect import Effect, ShownBy

TESTS = {
    "engine.name": "a_word_chooses_the_cluster_that_section_ray_describes",
    "ray.address": "an_address_is_one_that_ray_knows",
    "ray.workers": "a_word_chooses_the_cluster_that_section_ray_describes",
    "ray.cpus_per_worker": "a_machine_has_room_by_what_is_scarcest",
    "ray.gpus_per_worker": "a_machine_has_room_by_what_is_scarcest",
}
EFFECTS: dict[str, Effect | ShownBy] = {
    key: ShownBy(f"tests/project/test_engine.py::test_{test}") for key, test in TESTS.items()
}
