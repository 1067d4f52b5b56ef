# shellcheck shell=bash
# LibriSpeech's splits; sourced by local/data.sh of this recipe.

# MD5 sums as published beside the archives.
declare -A md5=(
    [dev-clean]=42e2234ba48799c1f50f24a7926300a1
    [dev-other]=c8d0bcc9cca99d4f8b62fcc847357931
    [test-clean]=32fa31d27d2e1cad72775fee3f4849a9
    [test-other]=fb5a50374b501bb3bac4815ee91d3135
    [train-clean-100]=2a93770f6d5c6c964bc36631d331a522
    [train-clean-360]=c0e676e450a7ff2f54aeade5171606fa
    [train-other-500]=d1a0fd59409feb2c614ce4d30c387708
)

# Whether stage 1 fetches what a corpus lacks: below downloads/, unless the owner's folder was put there whole.
is_fetched() { # is_fetched SOURCE
    [[ $1 = downloads/* && ! -d $1/LibriSpeech ]]
}

# What stage 1 fetches and prepares, in one line: the splits that LIBRISPEECH_SPLITS asks for, those that are there and those
# of a call that was stopped; all seven where that is none.
wanted_splits() { # wanted_splits SOURCE
    local split wanted=${LIBRISPEECH_SPLITS:-}
    if [ -f "$1/.fetching" ]; then wanted+=" $(cat "$1/.fetching")"; fi
    for split in "${!md5[@]}"; do
        if [ -d "$1/$split" ]; then wanted+=" $split"; fi
    done
    if [ -z "${wanted// /}" ]; then wanted="${!md5[*]}"; fi
    tr -s ' ' '\n' <<<"$wanted" | sed '/^$/d' | sort -u | xargs
}
