#!/usr/bin/env bash
# Data dirs of Common Voice: local/data.sh <source> <data_dir> [options of prepare common_voice], from the repository's root.
# shellcheck source=utils/corpus.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../../../utils/corpus.sh" common_voice "" "$@"
by_hand "Common Voice is behind a form at https://commonvoice.mozilla.org/datasets; set COMMON_VOICE in db.sh to the folder"
prepare
