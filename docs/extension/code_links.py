"""Links from code in a text to the reference: `evaluation.policy.alpha` to the key, and
`incumbent registry show 3` to the verb. The Markdown needs no markup for that.
"""

from functools import cache

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

from docs.extension.commands_reference import commands, verb_anchor
from docs.extension.setting_keys import every_key

SETTINGS, COMMANDS = "docs/reference/settings", "docs/reference/commands"


class CodeLinks(SphinxPostTransform):
    """Done once all pages are read."""

    default_priority = 100

    def run(self) -> None:
        for literal in list(self.document.findall(nodes.literal)):
            found = place_of(literal.astext())
            if found and not within(literal, nodes.reference, nodes.title, nodes.rubric):
                self.link(literal, *found)

    def link(self, literal: nodes.literal, page: str, anchor: str) -> None:
        builder = self.app.builder
        address = builder.get_relative_uri(self.env.current_document.docname, page)
        target = nodes.reference("", "", internal=True, refuri=f"{address}#{anchor}")
        literal.replace_self(target)
        target += literal


def place_of(code: str) -> tuple[str, str] | None:
    """The page and the anchor of what the code names: a key, or the verb of a command."""
    words = code.split()
    if len(words) == 1:  # a section alone, such as `review`, may be a verb or a folder too
        return (SETTINGS, code) if "." in code and code in every_key() else None
    names = (" ".join(words[:count]) for count in (4, 3, 2))
    return next(((COMMANDS, verb_anchor(name)) for name in names if name in verbs()), None)


@cache
def verbs() -> frozenset[str]:
    return frozenset(name for name, _ in commands())


def within(node: nodes.Node, *kinds: type[nodes.Node]) -> bool:
    parent = node.parent
    while parent is not None:
        if isinstance(parent, kinds):
            return True
        parent = parent.parent
    return False


def setup(app: Sphinx) -> None:
    app.add_post_transform(CodeLinks)
