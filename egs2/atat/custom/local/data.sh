#!/usr/bin/env bash
# Data dirs of your own data: local/data.sh <source> <data_dir> [options of prepare custom], from the repository's root.
# shellcheck source=utils/corpus.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../../../utils/corpus.sh" custom "downloads/custom" "$@"
by_hand "set CUSTOM in db.sh to your table (.csv, .tsv, .jsonl) or folder of data dirs (see egs2/atat/custom/README.md)"
prepare
