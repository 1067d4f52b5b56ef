# shellcheck shell=bash disable=SC2154  # the variables are those of run.sh, which sources this
# Sourced by run.sh. A step is one command with one output; it is skipped while nothing that it depends on has changed.
#
#   step STAGE NAME OUTPUT [INPUT …] -- COMMAND [ARGUMENT …] [-- ARGUMENT THAT CHANGES NO RESULT …]
#
# exp/<recipe>/steps/NAME holds the key of what OUTPUT was made from: the command and the content of the INPUT files. It is
# written when the command has ended well, so a step that was killed is run again. Steps that read OUTPUT name that file
# among their inputs.

steps=exp/$recipe/steps
mkdir -p "$steps"

# A killed driver takes the command at work with it (Linux), so that a second call does not meet it in its folder.
with_driver=()
if command -v setpriv >/dev/null; then with_driver=(setpriv --pdeathsig KILL); fi

hash_of_stdin() {
    if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -c1-16
}

# The files of a data dir that say what is in it.
data_files() {
    local name
    for name in text target wav.scp utt2spk; do
        if [ -f "$1/$name" ]; then echo "$1/$name"; fi
    done
}

# The step that makes a set: whatever reads the set has "$steps/$(made_by SET)" among its inputs, where there is such a
# step: a set may be made by hand, by bin.synthesize and the like.
made_by() {
    case $1 in
        *_mlm) echo "mask_${1%_mlm}" ;;
        *_aug) echo "augment_${1%_aug}" ;;
        *_pico | *_flite | *_kokoro | *_polly) echo "synthesize_$1" ;;
        *) if [ -n "${spliced[$1]-}" ]; then echo "splice_$1"; else echo prepare; fi ;;
    esac
}

# The inputs of a step that reads a set: its files, and the step that made it.
set_inputs() {
    local step_file
    step_file=$steps/$(made_by "$1")
    if [ -f "$step_file" ] || [ ! -f "data/$recipe/$1/text" ] || [[ $step_file = */prepare ]]; then echo "$step_file"; fi
    data_files "data/$recipe/$1"
}

# The sets that the tables asked for name under a key, each in one line: `synthesize_sets: [train, dev@pico]`.
named_by_tables() { # named_by_tables KEY
    local name file line
    if [ -n "$system" ]; then return 0; fi
    for name in "${tables[@]}"; do
        file=egs2/atat/$recipe/tables/$name.yaml
        if ! line=$(grep "^$1:" "$file" 2>/dev/null); then continue; fi
        if ! [[ $line =~ ^$1:[[:space:]]*\[([^]]*)\][[:space:]]*(#.*)?$ ]]; then
            fail "$file: $1 is a list in one line, such as '$1: [train, dev]', not '$line'"
        fi
        printf '%s\n' "${BASH_REMATCH[1]}"
    done | tr -s ', ' '\n' | awk 'NF && !seen[$0]++' | xargs
}

# Names, sizes and dates of a raw corpus's files stand for their content. A dry run may have no environment yet.
list_corpus() {
    if $dry_run; then
        python -m espnet_atat.bin.list_corpus "$1" 2>/dev/null || echo "not listed"
    else
        python -m espnet_atat.bin.list_corpus "$1"
    fi
}

step_key() { # step_key COMMAND… on the inputs of step()
    {
        printf '%s\n' "$@"
        cat "${inputs[@]}"
    } | hash_of_stdin
}

step() {
    local stage=$1 name=$2 output=$3 key start
    local -a inputs=() command=() tuning=()
    shift 3
    while [ "$1" != -- ]; do inputs+=("$1") && shift; done
    shift
    while [ $# -gt 0 ] && [ "$1" != -- ]; do command+=("$1") && shift; done
    tuning=("${@:2}")
    # shellcheck disable=SC2012  # ls words the error
    if ! cat "${inputs[@]}" >/dev/null 2>&1; then
        $dry_run || fail "stage $stage, $name: $(ls "${inputs[@]}" 2>&1 >/dev/null | head -n 1); run the stages before it"
        echo "stage $stage, $name: $output: to be made, after the stages before it"
        return
    fi
    key=$(step_key "${command[@]}")
    if ! $force && [ -e "$output" ] && [ "$(cat "$steps/$name" 2>/dev/null)" = "$key" ]; then
        echo "stage $stage, $name: $output: done already, skipped"
        return
    fi
    if $dry_run; then
        echo "stage $stage, $name: $output: to be made by ${command[*]}"
        return
    fi
    echo "stage $stage, $name: $output:"
    rm -f "$steps/$name"
    start=${EPOCHREALTIME/./} # microseconds
    "${with_driver[@]}" "${command[@]}" "${tuning[@]}" </dev/null | sed 's/^/  /'
    # Preparation may have fetched the corpus that it reads.
    if [ "$name" = prepare ]; then list_corpus "$corpus_source" >"$steps/corpus.listing"; fi
    step_key "${command[@]}" >"$steps/$name.tmp"
    mv "$steps/$name.tmp" "$steps/$name"
    printf '%s\t%s\t%s\n' "$stage" "$name" "$((${EPOCHREALTIME/./} - start))e-6" >>"exp/$recipe/stage_times.tsv"
}
