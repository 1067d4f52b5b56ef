#!/usr/bin/env bash
# Stages 15 and 16, called by run.sh: packages each system's model and uploads one. Prints the tables at the end.
exec python -m espnet_atat.bin.run --between 15 16 "$@"
