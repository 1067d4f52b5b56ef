#!/usr/bin/env bash
# Fluent Speech Commands (the paper, table 3). As ./run.sh --recipe fsc; its options are in recipe.yaml.
exec "$(dirname "${BASH_SOURCE[0]}")/../../../run.sh" --recipe fsc "$@"
