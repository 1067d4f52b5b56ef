#!/usr/bin/env bash
# Data dirs of Facebook TOP or TOPv2: local/data.sh <source> <data_dir> [options of prepare top], from the
# repository's root. If <source> is empty, or below downloads/ and absent, TOP is fetched.
# shellcheck source=utils/corpus.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../../../utils/corpus.sh" top "downloads/top-dataset-semantic-parsing" "$@"
if is_absent; then
    # The owner publishes no checksum of the archive; those of the three tables are known.
    fetch --url "${TOP_URL:-http://fb.me/semanticparsingdialog}" --archive semanticparsingdialog.zip \
        --file_checksums egs2/atat/top/local/sha256sums
fi
prepare
