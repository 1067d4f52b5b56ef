#!/usr/bin/env bash
# Called by run.sh: tokens, statistics, training, decoding, scores, tables, packages.
exec python -m espnet_atat.bin.run --part systems "$@"
