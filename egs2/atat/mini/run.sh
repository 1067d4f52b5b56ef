#!/usr/bin/env bash
# The corpus that ships with the repository. As ./run.sh --recipe mini; its options are in recipe.yaml.
exec "$(dirname "${BASH_SOURCE[0]}")/../../../run.sh" --recipe mini "$@"
