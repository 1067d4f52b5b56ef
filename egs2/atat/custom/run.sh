#!/usr/bin/env bash
# Your own data: a table of utterances, or a folder. As ./run.sh --recipe custom; its options are in recipe.yaml.
exec "$(dirname "${BASH_SOURCE[0]}")/../../../run.sh" --recipe custom "$@"
