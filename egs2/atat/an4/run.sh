#!/usr/bin/env bash
# CMU AN4: 948 recordings of people who spell and say control words; asr and mlm. As ./run.sh --recipe an4; its options are in recipe.yaml.
exec "$(dirname "${BASH_SOURCE[0]}")/../../../run.sh" --recipe an4 "$@"
