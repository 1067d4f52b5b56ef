#!/usr/bin/env bash
# Data dirs of CMU AN4: local/data.sh <source> <data_dir> [options of prepare an4], from the repository's root.
# If <source> is empty, or below downloads/ and absent, the corpus is fetched.
# shellcheck source=utils/corpus.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../../../utils/corpus.sh" an4 "downloads/an4" "$@"
if is_absent; then
    fetch --url "${AN4_URL:-http://www.speech.cs.cmu.edu/databases/an4/an4_sphere.tar.gz}" \
        --checksum "${AN4_CHECKSUM:-sha256:a0525579493735d32b60fb6fa5975dd0eaacde087b0a4eeb7f13b7ef33077b12}"
fi
prepare
