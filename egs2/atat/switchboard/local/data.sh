#!/usr/bin/env bash
# Data dirs of Switchboard: local/data.sh <source> <data_dir> [options of prepare switchboard], from the repository's root.
# shellcheck source=utils/corpus.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../../../utils/corpus.sh" switchboard "" "$@"
by_hand "Switchboard is LDC97S62 of the Linguistic Data Consortium; set SWITCHBOARD in db.sh to the folder"
prepare
