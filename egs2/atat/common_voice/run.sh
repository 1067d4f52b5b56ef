#!/usr/bin/env bash
# ./run.sh --recipe common_voice; the recipe's options are in recipe.yaml.
exec "$(dirname "${BASH_SOURCE[0]}")/../../../run.sh" --recipe common_voice "$@"
