#!/usr/bin/env bash
# Stages 15 and 16, called by run.sh: a package for each system, and its upload. Prints the tables last.
exec python -m espnet_atat.bin.run --between 15 16 "$@"
