"""The `incumbent` command: where each verb stands. What it takes is declared in its own file."""

import errno
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.machinery import PathFinder
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any

import typer

from incumbent.command_tree import VerbGroup, add_group, add_verbs
from project.errors import IncumbentError, name_missing_extras
from project.libraries import settle

settle()

# Each verb with its file in `incumbent/verbs/` and its function there; a star: it needs no project.
# In daily use are at most twelve:
MAKE = {
    "init": "init:init*",
    "run": "run:run",
    "status": "status:status",
    "plan": "plan:print_plan*",
}
JUDGE = {
    "decide": "decide:decide*",
    "submit": "submit:submit_challenger",
    "review": "serve:review",
    "promote": "submit:promote_version",
    "rollback": "submit:roll_back",
    "history": "show:print_history",
}
KEEP = {
    "nightly": "nightly:run_night",
    "serve": "serve:serve",
}
# The rest:
AGENTS = {"mcp": "mcp:serve_agents*"}
DATA = {
    "import": "import_data:import_files",
    "check": "check_data:check*",
    "preview": "preview_data:preview*",
    "labels": "data_rows:accept_labels",
    "export": "data_rows:export_bad_answers",
    "rotate-eval": "data_rows:change_eval",
    "waive": "data_rows:waive_check",
    "allow": "data_rows:allow_contacts",
    "synthesize": "synthesize:synthesize",
    "questions": "synthesize:ask_documents",
    "distill": "distill_rows:distill",
    "forget": "forget:forget",
}
MORE_JUDGES = {
    "ballots": "count_ballots:count_ballots*",
    "suites": "suites:run_suites",
}
REGISTRY = {
    "versions": "show:print_versions",
    "show": "show:show",
    "why": "show:print_why",
    "alias": "submit:point_alias",
    "withdraw": "submit:withdraw_champion",
    "reject": "submit:reject_version",
    "reevaluate": "submit:reevaluate",
    "import-adapter": "export:import_adapter",
    "add-contestant": "contestant:add_contestant",
    "export": "export:export",
    "reproduce": "run:reproduce_version",
    "dossier": "export:write_version_dossier",
    "sign": "verify:sign_version",
    "keygen": "verify:generate_keys*",
    "verify": "verify:verify",
    "anchor": "verify:write_anchor",
    "backup": "verify:back_up",
    "restore": "verify:restore",
    "delete": "submit:delete_version",
    "gc": "submit:collect_garbage",
    "adopt-looks": "submit:adopt",
}
SEARCH = {
    "tune": "tune:tune",
    "curve": "tune:curve",
    "bases": "bases:bases",
    "select": "tune:select",
    "merge": "merge:merge",
    "recipes": "recipes:recipes*",
}
GATEWAY = {
    "deploy": "deploy:deploy_version",
    "deployments": "status:print_deployments",
    "cost-report": "deploy:report_costs",
}
EXPERIMENT = {
    "start": "experiment:start",
    "list": "experiment:print_list",
    "show": "experiment:print_one",
    "stop": "experiment:stop",
}
DRIFT = {
    "check": "check_drift:check_drift*",
    "accept": "nightly:accept",
    "scheduler": "nightly:scheduler*",
}
PROJECT = {
    "doctor": "doctor:print_diagnosis*",
    "settings": "upgrade:print_settings*",
    "upgrade": "upgrade:upgrade_project",
    "launch": "launch:launch",
}
# Out of sight, for the help names it in its last line.
LOOK_UP = {"docs": "docs:open_docs*"}
# Not for people: DVC calls it, and a changed command would make every stage of every project stale.
PIPELINE = {"stage": "stage:stage"}

app = typer.Typer(
    cls=VerbGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="An adapter holds the seat only while it wins.",
    epilog="`incumbent docs` opens the documentation, without a network.",
)
add_verbs(app, MAKE, "Make a challenger")
add_verbs(app, JUDGE, "Judge it")
add_verbs(app, KEEP, "Keep the champion good")
add_verbs(app, LOOK_UP, hidden=True)
add_verbs(app, PIPELINE, hidden=True)

MORE = "More verbs, by subject"
add_verbs(app, AGENTS, MORE)
add_group(app, "data", "Rows: in, checked, grown, erased and out.", DATA, MORE)
add_group(app, "judge", "What else judges: people's ballots, public suites.", MORE_JUDGES, MORE)
add_group(app, "registry", "Versions, their evidence, and the registry itself.", REGISTRY, MORE)
add_group(app, "search", "Better settings, rows, bases and merges, on dev alone.", SEARCH, MORE)
gateway = add_group(app, "gateway", "What answers users, and experiments on it.", GATEWAY, MORE)
add_group(gateway, "experiment", "A challenger on a share of the traffic.", EXPERIMENT)
add_group(app, "drift", "Whether prompts are still what they were.", DRIFT, MORE)
add_group(app, "project", "The project here, and the machine that it is on.", PROJECT, MORE)

# What the disk says of a place that nothing can be written to.
UNFIT = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.ENOTDIR, errno.EEXIST}


def print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"incumbent {version('incumbent')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=print_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """What can be asked without a command."""


class ProjectFinder:
    """Finds modules of a user's project, such as a scorer of its own, where nobody else has found
    any: it shadows nothing.
    """

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, _: object = None) -> Any:
        if path is not None:
            return None
        with suppress(FileNotFoundError):  # the folder may be gone by now
            return PathFinder.find_spec(name, [str(Path.cwd())])
        return None


def main() -> None:
    """Run a command; a known error becomes one line on stderr and its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal may lack a letter
            stream.reconfigure(errors="backslashreplace")
    sys.meta_path.append(ProjectFinder)
    try:
        with name_missing_extras():
            app(prog_name="incumbent")
    except IncumbentError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except OSError as error:  # of the disk, and not of ours
        if error.errno not in UNFIT:
            raise
        place = f"{error.filename}: " if error.filename else ""
        typer.echo(f"error: {place}{error.strerror}: mend that, and run it again", err=True)
        sys.exit(IncumbentError.exit_code)
