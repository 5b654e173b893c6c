"""The directive `settings-reference`: all keys of params.yaml, out of the models that read them."""

from typing import ClassVar

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from docs.extension.setting_keys import Key, Part, parts_of_section
from docs.extension.tables import Line, own_link, section, table
from project.settings import SECTIONS

HEAD = ("key", "type and limits", "default", "what it is for")


class SettingsReference(SphinxDirective):
    """A section for each section, with a table for it and for each of its parts."""

    has_content: ClassVar[bool] = False

    def run(self) -> list[nodes.Node]:
        return [self.section_of(name) for name in SECTIONS]

    def section_of(self, name: str) -> nodes.section:
        first, *inner = parts_of_section(name)
        self.note(name, name)
        own = section(name, name, self.paragraph(first.about), self.table_of(first))
        for part in inner:
            title = nodes.rubric("", "", nodes.literal("", part.name), nodes.Text(" – "))
            title += self.inline(part.about)
            own += [title, self.table_of(part)]
        return own

    def table_of(self, part: Part) -> nodes.table:
        return table(HEAD, [self.line_of(part, key) for key in part.keys])

    def line_of(self, part: Part, key: Key) -> Line:
        """A key that several kinds of a part have is linked to where it stands first."""
        anchor = key.name if self.note(key.name, key.name) else ""
        short = key.name.removeprefix(f"{part.name}.")
        name = [own_link(short, key.name)]
        default = [nodes.literal("", key.default)] if key.default else [nodes.Text("required")]
        return Line((name, self.inline(key.kind), default, self.inline(key.about)), anchor)

    def paragraph(self, text: str) -> nodes.paragraph:
        return nodes.paragraph("", "", *self.inline(text))

    def inline(self, text: str) -> list[nodes.Node]:
        return self.parse_inline(text, lineno=self.lineno)[0]

    def note(self, name: str, anchor: str) -> bool:
        """Make a name known to links and to the search; False if it was known already."""
        domain = self.env.domains.standard_domain
        if ("setting", name) in domain.objects:
            return False
        domain.note_object("setting", name, anchor, location=self.get_location())
        return True


def setup(app: Sphinx) -> None:
    app.add_crossref_type("setting", "setting")
    app.add_directive("settings-reference", SettingsReference)
