#!/usr/bin/env bash
# Data dirs of STOP: local/data.sh <source> <data_dir> [options of prepare stop], from the repository's root.
# shellcheck source=utils/corpus.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../../../utils/corpus.sh" stop "downloads/STOP" "$@"
by_hand "STOP is used under a licence that you have to agree to, so no script fetches it: see" \
    "https://facebookresearch.github.io/spoken_task_oriented_parsing/, unpack the folders stop and low_resource_splits" \
    "to downloads/STOP, or set STOP in db.sh to the folder that has them (see egs2/atat/stop/README.md)"
prepare
