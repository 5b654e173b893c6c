"""A dvc.yaml as text and as what it says, stage by stage."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import yaml

from incumbent.recipes.yaml_text import after_line, end_of
from incumbent.upgrading.step import PIPELINE
from project.errors import InputError

COMMENT = re.compile(r"(?:^|\s)(#.*)$")


@dataclass(frozen=True)
class Span:
    """Whole lines of a text: of a key, and of its value."""

    begin: int
    end: int

    def of(self, text: str) -> str:
        return text[self.begin : self.end]


@dataclass(frozen=True)
class PipelineText:
    text: str

    @cached_property
    def said(self) -> dict[str, Any]:
        """Raises InputError for a file that is no pipeline."""
        try:
            found = yaml.safe_load(self.text)
            if isinstance(found["stages"], dict):
                return dict(found)
        except (yaml.YAMLError, TypeError, KeyError) as error:
            raise InputError(
                f"is no pipeline of DVC's with stages: {error}", file=PIPELINE
            ) from None
        raise InputError("is no pipeline of DVC's with stages", file=PIPELINE)

    @property
    def stages(self) -> dict[str, dict[str, Any]]:
        return {name: fields_of(name, fields) for name, fields in self.said["stages"].items()}

    @property
    def plots(self) -> Any:
        return self.said.get("plots")

    @cached_property
    def root(self) -> yaml.MappingNode:
        root = yaml.compose(self.text, Loader=yaml.SafeLoader)
        assert isinstance(root, yaml.MappingNode), "it has stages"
        return root

    def section(self, name: str) -> Span | None:
        """The lines of a top-level section."""
        pairs = {key.value: (key, value) for key, value in self.root.value}
        return self.span(*pairs[name]) if name in pairs else None

    @cached_property
    def spans(self) -> dict[str, Span]:
        """The lines of each stage. Raises InputError where stages stand in braces."""
        stages = next(value for key, value in self.root.value if key.value == "stages")
        if stages.flow_style:
            line = stages.start_mark.line + 1
            problem = "has its stages in braces: write each on lines of its own"
            raise InputError(problem, file=PIPELINE, line=line)
        return {key.value: self.span(key, value) for key, value in stages.value}

    @property
    def column(self) -> int:
        """Where the names of stages stand."""
        stages = next(value for key, value in self.root.value if key.value == "stages")
        return int(stages.value[0][0].start_mark.column)

    def span(self, key: yaml.Node, value: yaml.Node) -> Span:
        begin = key.start_mark.index - key.start_mark.column
        return Span(begin, after_line(self.text, end_of(value)))

    def block(self, stage: str) -> str:
        return self.spans[stage].of(self.text)


def fields_of(stage: str, fields: object) -> dict[str, Any]:
    if fields is None or isinstance(fields, dict):
        return dict(fields or {})
    raise InputError("is no stage of DVC's", file=PIPELINE, field=f"stages.{stage}")


def comments(block: str) -> list[str]:
    found = (COMMENT.search(line) for line in block.splitlines())
    return [match[1] for match in found if match]
