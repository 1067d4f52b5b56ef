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
# What stage 1 fetches and prepares: the splits asked for, those that are there, and those of a call that was stopped.
if [[ $LIBRISPEECH = downloads/* && ! -d $LIBRISPEECH/LibriSpeech ]]; then
    wanted="${LIBRISPEECH_SPLITS:-} $(cat "$LIBRISPEECH/.fetching" 2>/dev/null || true)"
    for folder in "$LIBRISPEECH"/{train,dev,test}-*/; do
        if [ -d "$folder" ]; then wanted+=" $(basename "$folder")"; fi
    done
    if [ -z "${wanted// /}" ]; then
        wanted="train-clean-100 train-clean-360 train-other-500 dev-clean dev-other test-clean test-other"
    fi
    LIBRISPEECH_SPLITS=$(tr ' ' '\n' <<<"$wanted" | sed '/^$/d' | sort -u | xargs)
    export LIBRISPEECH_SPLITS # for data.sh
    read -ra splits <<<"$LIBRISPEECH_SPLITS"
    prepare_options+=(--splits "${splits[@]}")
fi
mask_options=()
. ./run.sh
