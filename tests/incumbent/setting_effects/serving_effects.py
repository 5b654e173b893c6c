"""x"""

from tests.incumbent.setting_effects.effect import Effect, ShownBy

EFFECTS: dict[str, Effect | ShownBy] = {}
