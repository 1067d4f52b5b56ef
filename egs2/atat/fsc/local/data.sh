#!/usr/bin/env bash
# Data dirs of Fluent Speech Commands: local/data.sh <source> <data_dir> [options of prepare fsc], from the
# repository's root.
# shellcheck source=utils/corpus.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../../../utils/corpus.sh" fsc "downloads/fluent_speech_commands_dataset" "$@"
by_hand "Fluent Speech Commands is behind a form and cannot be fetched by a script: ask for it at" \
    "https://fluent.ai/fluent-speech-commands-a-dataset-for-spoken-language-understanding-research/," \
    "unpack it to downloads/fluent_speech_commands_dataset, or set FSC in db.sh to its folder (see egs2/atat/fsc/README.md)"
prepare
