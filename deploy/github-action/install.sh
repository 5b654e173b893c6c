#!/usr/bin/env bash
# Installs Incumbent's core, with what reads compressed logs of inspect, into an environment of its
# own: the job's Python and its packages stay as they are.
set -euo pipefail
package=${PACKAGE:-$(cd "$GITHUB_ACTION_PATH/../.." && pwd)}
"$PYTHON" -m venv "$RUNNER_TEMP/incumbent"
"$RUNNER_TEMP/incumbent/bin/pip" install --quiet "$package" zstandard
