#!/usr/bin/env bash
# Called by run.sh: raw corpus → data/<recipe>/<set> → dump/<recipe>/<set>.
exec python -m espnet_atat.bin.run --part data "$@"
