#!/usr/bin/env bash
# One's own data: a table of utterances, or a folder.
# Options of the recipe, then the driver.
# shellcheck disable=SC2034  # read by the stage scripts in local/
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

recipe=custom
. db.sh
corpus_source=$CUSTOM
mlm_sets=()
prepare_options=()
mask_options=()
. ./run.sh
