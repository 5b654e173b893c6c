"""Section `serving.disclosure`: how people and machines are told that a machine answers.

Article 50 of the EU AI Act asks for both. A gateway does it, a night counts answers without it, and
a version's dossier shows it.
"""

from project.settings import Settings


class DisclosureParams(Settings):
    """Section `serving.disclosure`."""

    # Said before the first answer of each conversation; empty: nothing is.
    text: str = ""
