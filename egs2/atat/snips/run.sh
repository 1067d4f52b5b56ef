#!/usr/bin/env bash
# SNIPS smart-lights, close and far field, five folds (the paper, table 4). As ./run.sh --recipe snips; its options are in recipe.yaml.
exec "$(dirname "${BASH_SOURCE[0]}")/../../../run.sh" --recipe snips "$@"
