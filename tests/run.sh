#!/usr/bin/env bash
# Run the tests: the fast tier, then the slow one, each in two processes. Makes the environment first if there is none.
#
#   tests/run.sh                        both tiers
#   tests/run.sh --fast                 only the fast tier; --slow: only the slow one
#   tests/run.sh --fast tests/metrics   further arguments are pytest's
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tiers=("not slow" "slow")
case "${1:-}" in
    --fast) tiers=("not slow") && shift ;;
    --slow) tiers=("slow") && shift ;;
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p;}' "${BASH_SOURCE[0]}" && exit ;;
esac

tools/setup.sh
. ./path.sh
# One thread computes the same everywhere and is fast enough for tiny models; no test may ask a model hub.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} HF_HUB_OFFLINE=1
for tier in "${tiers[@]}"; do
    # Code 5: the arguments leave no test of this tier.
    python -m pytest -n 2 --dist loadfile -m "$tier" -q -rs --durations=10 "$@" </dev/null || [ $? -eq 5 ]
done
