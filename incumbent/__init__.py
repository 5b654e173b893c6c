"""The `incumbent` command, and its verdict as a function: `incumbent.decide(old, new)`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evaluation.decision.policy import Policy as Policy
    from incumbent.scores_decision import ScoresError as ScoresError
    from incumbent.scores_decision import decide as decide
    from project.records.evidence import Decision as Decision
    from project.records.evidence import Verdict as Verdict

# Looked up when asked for: who starts a verb, or another program's tests, does not wait for them.
PUBLIC = {
    "decide": "incumbent.scores_decision",
    "ScoresError": "incumbent.scores_decision",
    "Policy": "evaluation.decision.policy",
    "Decision": "project.records.evidence",
    "Verdict": "project.records.evidence",
}


def __dir__() -> list[str]:
    return [*globals(), *PUBLIC, "__version__"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("incumbent")
    if name not in PUBLIC:
        raise AttributeError(f"module 'incumbent' has no attribute {name!r}")
    from importlib import import_module  # not before it is needed, as the modules

    try:
        return getattr(import_module(PUBLIC[name]), name)
    except ModuleNotFoundError as error:
        package, dot, _ = (error.name or "").partition(".")
        if not dot or package not in ("evaluation", "project", "registry"):
            raise
        other = import_module(package)
        place = getattr(other, "__path__", [other.__file__])[0]
        problem = f"{place} hides Incumbent's package {package!r}: run from another folder"
        raise ImportError(problem) from error
