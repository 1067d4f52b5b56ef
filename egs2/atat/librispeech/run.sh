#!/usr/bin/env bash
# LibriSpeech: read English; asr and mlm of pretraining.
# Options of the recipe, then the driver.
# shellcheck disable=SC2034  # read by the stage scripts in local/
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

recipe=librispeech
. db.sh
corpus_source=$LIBRISPEECH
mlm_sets=(train_clean_100 train_clean_360 train_other_500 dev_clean dev_other test_clean test_other)
augment_sets='' # stage 2, such as train_clean_100
prepare_options=()
# Part of what stage 1 depends on: LIBRISPEECH_SPLITS may ask for more of a corpus that it fetches.
. egs2/atat/librispeech/local/splits.sh
if is_fetched "$LIBRISPEECH"; then
    read -ra splits < <(wanted_splits "$LIBRISPEECH")
    prepare_options+=(--splits "${splits[@]}")
fi
mask_options=()
. ./run.sh
