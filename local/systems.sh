#!/usr/bin/env bash
# Stages 7 to 14, called by run.sh: tokens, statistics, training, decoding, scores, tables.
exec python -m espnet_atat.bin.run --between 7 14 "$@"
