#!/usr/bin/env bash
# Fluent Speech Commands (the paper, table 3).
# Options of the recipe, then the driver.
# shellcheck disable=SC2034  # read by the stage scripts in local/
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

recipe=fsc
. db.sh
corpus_source=$FSC
mlm_sets=()
prepare_options=()
mask_options=()
. ./run.sh
