#!/usr/bin/env bash
# Data dirs of Fluent Speech Commands: local/data.sh <source> <data_dir> [options of prepare fsc], from the
# repository's root.
set -euo pipefail

source=${1:-downloads/fluent_speech_commands_dataset}
data_dir=${2:?usage: local/data.sh <source> <data_dir> [options]}
shift 2
python=${python:-python}

if [[ ! -e "${source}" && "${source}" == downloads/* ]]; then
    echo "error: Fluent Speech Commands is behind a form and cannot be fetched by a script: ask for it at" \
        "https://fluent.ai/fluent-speech-commands-a-dataset-for-spoken-language-understanding-research/," \
        "unpack it to downloads/fluent_speech_commands_dataset, or set FSC in db.sh to its folder (see egs2/atat/fsc/README.md)" >&2
    exit 2
fi
"${python}" -m espnet_atat.bin.prepare fsc "${source}" "${data_dir}" --replace "$@"
