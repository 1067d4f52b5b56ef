#!/usr/bin/env bash
# The corpus that ships with the repository.
# Options of the recipe, then the driver.
# shellcheck disable=SC2034  # read by the stage scripts in local/
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../../.."

recipe=mini
corpus_source=egs2/atat/mini/corpus
mlm_sets=(sentences_train)
# Two sets are made of these recordings' words: words at random for asr, and lines of the music text with their trees.
splice_sets=(sentences_train music_train)
declare -A spliced=(
    [spliced_train]="--number 3000 --shortest 4 --longest 9"
    [music_spliced]="--text music_text --number 4000"
)
prepare_options=()
mask_options=()
. ./run.sh
