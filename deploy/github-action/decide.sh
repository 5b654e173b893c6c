#!/usr/bin/env bash
# Compares two logs, writes the verdict into the job's summary, and fails as $FAIL_ON asks.
set -euo pipefail
case $FAIL_ON in reject | hold | never) ;; *)
  echo "fail-on is '$FAIL_ON', and not reject, hold or never" >&2
  exit 2
  ;;
esac
read -r -a options <<< "$OPTIONS"
code=0
said=$(COLUMNS=110 "$RUNNER_TEMP/incumbent/bin/incumbent" decide --from "$FROM" --exit-verdict ${options[@]+"${options[@]}"} \
  -- "$CHAMPION" "$CHALLENGER" 2>&1) || code=$?
printf '%s\n' "$said"

case $code in
  0) verdict=PROMOTE ;;
  10) verdict=HOLD ;;
  11) verdict=REJECT ;;
  *) verdict='no verdict' ;;
esac
# Four backticks, as a log may hold three.
printf '### Incumbent: %s\n\n````text\n%s\n````\n' "$verdict" "$said" >> "$GITHUB_STEP_SUMMARY"
[ "$verdict" != 'no verdict' ] || exit "$code"
echo "verdict=$verdict" >> "$GITHUB_OUTPUT"

case $FAIL_ON-$verdict in
  reject-REJECT | hold-REJECT | hold-HOLD) exit 1 ;;
esac
