#!/usr/bin/env bash
# CMU AN4: 948 recordings of people who spell and say control words; asr and mlm.
# Options of the recipe, then the driver.
# shellcheck disable=SC2034  # read by the stage scripts in local/
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

recipe=an4
. db.sh
corpus_source=$AN4
mlm_sets=(train dev test)
augment_sets='' # stage 2, such as train
prepare_options=()
mask_options=()
. ./run.sh
