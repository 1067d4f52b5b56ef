#!/usr/bin/env bash
# Data dirs of SNIPS smart-lights: local/data.sh <source> <data_dir> [options of prepare snips], from the repository's
# root.
# shellcheck source=utils/corpus.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../../../utils/corpus.sh" snips "downloads/snips_slu_data_v1.0" "$@"
by_hand "SNIPS smart-lights is behind a form and cannot be fetched by a script: ask for it at" \
    "https://github.com/sonos/spoken-language-understanding-research-datasets," \
    "unpack it to downloads/snips_slu_data_v1.0, or set SNIPS in db.sh to its folder (see egs2/atat/snips/README.md)"
prepare
