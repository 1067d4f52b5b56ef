#!/usr/bin/env bash
# Facebook TOP, TOPv2 or STOP (the paper, table 5). As ./run.sh --recipe top; its options are in recipe.yaml.
exec "$(dirname "${BASH_SOURCE[0]}")/../../../run.sh" --recipe top "$@"
