#!/usr/bin/env bash
# Stages 1 to 6, called by run.sh: raw corpus → data/<recipe>/<set> → dump/<recipe>/<set>.
exec python -m espnet_atat.bin.run --between 1 6 "$@"
