"""Adapters in, evidence and decision out. `evaluation.decide` is the decision as a function."""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

from project.libraries import settle

if TYPE_CHECKING:
    from evaluation.decision.policy import Policy as Policy
    from evaluation.decision.rule import decide as decide
    from evaluation.scoring.score_table import read_score_table as read_score_table

# Another program that asks for a verdict alone keeps its environment as it is.
if "incumbent.scores_decision" not in sys.modules:
    settle()

# Looked up when asked for: a stage that decides nothing should not wait for, nor depend on, them.
PUBLIC = {
    "decide": "evaluation.decision.rule",
    "Policy": "evaluation.decision.policy",
    "read_score_table": "evaluation.scoring.score_table",
}


def __getattr__(name: str) -> Any:
    if name not in PUBLIC:
        raise AttributeError(f"module 'evaluation' has no attribute {name!r}")
    return getattr(import_module(PUBLIC[name]), name)
