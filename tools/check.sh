#!/usr/bin/env bash
# The checks before a commit, in the project's environment; .ci/run and the pre-commit hook call this.
#
#   tools/check.sh              lint, format, types and shell; a failure does not stop the others
#   tools/check.sh format shell some
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

lint() { ruff check .; }
format() { ruff format --check .; }
types() { mypy; }
shell() { git ls-files -z '*.sh' .ci/run utils/atat | xargs -0 shellcheck -x; }

checks=(lint format types shell)
case "${1:-}" in
    "") set -- "${checks[@]}" ;;
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "${BASH_SOURCE[0]}" && exit ;;
esac
for check in "$@"; do
    [[ " ${checks[*]} " = *" $check "* ]] || { echo "error: no check '$check'; there are: ${checks[*]}" >&2 && exit 2; }
done
tools/setup.sh --check || {
    echo "error: no environment at ${ATAT_VENV:-.venv}, or an old one; run tools/setup.sh, or name one by ATAT_VENV" >&2
    exit 2
}
. ./path.sh

failed=()
for check in "$@"; do
    echo "== $check"
    "$check" || failed+=("$check")
done
[ ${#failed[@]} -eq 0 ] || { echo "failed: ${failed[*]}" >&2 && exit 1; }
