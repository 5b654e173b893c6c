"""The directive `api-reference`: what programs can ask of `incumbent review`, from its routes."""

from typing import ClassVar

from docutils import nodes
from fastapi import FastAPI
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from docs.extension.tables import Line, table
from review.app import ROUTERS
from review.frame.api_routes import ApiEndpoint, api_description, endpoints

HEAD = ("method and path", "takes", "answers with", "what it does")


class ApiReference(SphinxDirective):
    """One table of all endpoints under /api."""

    has_content: ClassVar[bool] = False

    def run(self) -> list[nodes.Node]:
        return [table(HEAD, map(self.line_of, endpoints(api_description(api()))))]

    def line_of(self, endpoint: ApiEndpoint) -> Line:
        asked = [nodes.literal("", f"{endpoint.method} {endpoint.path}")]
        takes = ", ".join(f"{one.name} ({one.kind})" for one in endpoint.parameters)
        does = self.parse_inline(told(endpoint), lineno=self.lineno)[0]
        kind = endpoint.answer.rpartition("__")[2]  # without its module
        answer = [nodes.literal("", kind)] if kind else []
        return Line((asked, [nodes.Text(takes)], answer, does))


def told(endpoint: ApiEndpoint) -> str:
    return " ".join((endpoint.description or endpoint.summary).split())


def api() -> FastAPI:
    """The routes alone: a description needs no project behind them."""
    app = FastAPI(title="Incumbent")
    for router in ROUTERS:
        app.include_router(router)
    return app


def setup(app: Sphinx) -> None:
    app.add_directive("api-reference", ApiReference)
