"""`submit`: the pipeline's challenger becomes a version with a decision."""

import typer

from incumbent.options import ExitVerdict, Json, Promote, Reason
from incumbent.submitting.submission_text import submit_and_tell


def submit_challenger(
    promote: Promote = False,
    reason: Reason = "pipeline run",
    as_json: Json = False,
    exit_verdict: ExitVerdict = False,
) -> None:
    """Register the pipeline's challenger and decide on its evidence."""
    code = submit_and_tell(promote=promote, reason=reason, as_json=as_json)
    raise typer.Exit(code if exit_verdict else 0)
