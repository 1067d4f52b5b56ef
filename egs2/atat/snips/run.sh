#!/usr/bin/env bash
# SNIPS smart-lights, close and far field, five folds (the paper, table 4).
# Options of the recipe, then the driver.
# shellcheck disable=SC2034  # read by the stage scripts in local/
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

recipe=snips
. db.sh
corpus_source=$SNIPS
mlm_sets=()
prepare_options=()
mask_options=()
. ./run.sh
