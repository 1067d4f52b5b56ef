#!/usr/bin/env bash
# Data dirs of Multilingual LibriSpeech: local/data.sh <source> <data_dir> [options of prepare mls], from the repository's root.
# shellcheck source=utils/corpus.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../../../utils/corpus.sh" mls "" "$@"
by_hand "get mls_english from https://www.openslr.org/94/; set MLS in db.sh to the folder"
prepare
