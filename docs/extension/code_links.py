"""Links from code in a text to the reference: `evaluation.policy.alpha` to the key, and
`incumbent registry show 3` to the verb. The Markdown needs no markup for that.
"""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform


class CodeLinks(SphinxPostTransform):
    """Done once all pages are read, for only then every name is known."""

    default_priority = 100

    def run(self) -> None:
        for literal in list(self.document.findall(nodes.literal)):
            found = self.place_of(literal.astext())
            if found and not within(literal, nodes.reference, nodes.title, nodes.rubric):
                self.link(literal, *found)

    def place_of(self, code: str) -> tuple[str, str] | None:
        """The page and the anchor of what the code names: a key, or the verb of a command."""
        known = self.env.domains.standard_domain.objects
        words = code.split()
        if len(words) == 1:
            return known.get(("setting", code))
        if words and words[0] == "incumbent":
            names = (" ".join(words[:count]) for count in (4, 3, 2))
            return next(filter(None, (known.get(("command", name)) for name in names)), None)
        return None

    def link(self, literal: nodes.literal, page: str, anchor: str) -> None:
        builder = self.app.builder
        address = builder.get_relative_uri(self.env.current_document.docname, page)
        target = nodes.reference("", "", internal=True, refuri=f"{address}#{anchor}")
        literal.replace_self(target)
        target += literal


def within(node: nodes.Node, *kinds: type[nodes.Node]) -> bool:
    parent = node.parent
    while parent is not None:
        if isinstance(parent, kinds):
            return True
        parent = parent.parent
    return False


def setup(app: Sphinx) -> None:
    app.add_post_transform(CodeLinks)
