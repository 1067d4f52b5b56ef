#!/usr/bin/env bash
# LibriSpeech: read English; asr and mlm of pretraining. As ./run.sh --recipe librispeech; its options are in recipe.yaml.
exec "$(dirname "${BASH_SOURCE[0]}")/../../../run.sh" --recipe librispeech "$@"
