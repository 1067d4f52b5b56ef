#!/usr/bin/env bash
# Facebook TOP, TOPv2 or STOP (the paper, table 5).
# Options of the recipe, then the driver.
# shellcheck disable=SC2034  # read by the stage scripts in local/
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

recipe=top
. db.sh
corpus_source=$TOP
if [ -n "$STOP" ] && [ ! -e "$TOP" ]; then corpus_source=$STOP; fi
mlm_sets=()
prepare_options=()
mask_options=()
. ./run.sh
