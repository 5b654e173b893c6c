"""`incumbent submit`: the pipeline's challenger becomes a version with a decision."""

from incumbent.submitting.submission_text import submit_and_tell


def submit_challenger(*, promote: bool, reason: str, as_json: bool) -> int:
    """Submit, decide, and promote if asked and won; returns the verdict's exit code."""
    return submit_and_tell(promote=promote, reason=reason, as_json=as_json)
