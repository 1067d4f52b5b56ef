#!/usr/bin/env bash
# The corpus that ships with the repository.
# Options of the recipe, then the driver.
# shellcheck disable=SC2034  # read by the stage scripts in local/
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

recipe=mini
corpus_source=egs2/atat/mini/corpus
mlm_sets=(sentences_train)
prepare_options=()
mask_options=()
. ./run.sh
