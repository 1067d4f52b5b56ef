#!/usr/bin/env bash
# Data dirs of SLURP: local/data.sh <source> <data_dir> [options of prepare slurp], from the repository's root.
# shellcheck source=utils/corpus.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../../../utils/corpus.sh" slurp "downloads/slurp" "$@"
by_hand "SLURP's text is a repository, its audio is on Zenodo, and no checksum of either is known here: clone" \
    "https://github.com/pswietojanski/slurp to downloads/slurp, unpack slurp_real.tar.gz and slurp_synth.tar.gz of" \
    "https://zenodo.org/record/4274930 to its folder audio, or set SLURP in db.sh (see egs2/atat/slurp/README.md)"
prepare
