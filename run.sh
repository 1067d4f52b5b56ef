#!/usr/bin/env bash
# The driver: from raw corpus to tables, stage by stage. What is done is skipped with a line that says so.
# The options of a recipe are in egs2/atat/<recipe>/run.sh, which comes back here.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$root"
recipes=$(find egs2/atat -mindepth 2 -maxdepth 2 -name run.sh | sort | cut -d / -f 3 | xargs)

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 2
}

usage() {
    cat <<USAGE
usage: ./run.sh [options]

From data to a table of scores, in numbered stages. A finished stage is skipped; a killed one is continued.

  --recipe NAME      one of: $recipes   (default: mini)
  --stage N          first stage (default: 1)
  --stop_stage N     last stage (default: 16)
  --table LIST       run what these tables of the recipe lack and print them, such as amount or 1,2: N means tableN; what
                     they share is made once (default: default)
  --system NAME      run and print one system of the recipe, in place of a table
  --seeds LIST       such as 1,2,3 (default: what each system names)
  --fold K           one fold of a cross validation (default: all of them)
  --grow_bpe BOOL    fine-tuning adds pieces for words that the old BPE model splits too finely (default: as systems say)
  --augment_sets LIST  sets that stage 2 makes augmented copies of, such as train (default: the recipe's; none)
  --synthesize_sets LIST  sets whose text stage 3 says, such as books_text, or test@flite: by that engine, unless
                     there are recordings of that test set (default: the table's; none)
  --tts_engine NAME  that says it: pico (default), flite, kokoro or polly
  --pretrain_slu LIST  sets whose slu and nlu pretraining takes, such as top/train,custom/music_train, of the systems that
                     have a place for them (default: every prepared corpus of speech with trees but the tested one)
  --feats_type TYPE  fbank: features made in stage 6 (default); raw: audio read in training
  --nj N             processes for data (default: the number of cores)
  --ngpu N           GPUs of each machine; 0 trains on the CPU (default)
  --num_nodes N      machines of one training run, started by train_cmd of cmd.sh (default: 1)
  --jobs N           systems (with one seed and fold each) trained and decoded at once, by train_cmd of cmd.sh (default: 1)
  --cpu_processes N  of one training on the CPU, in place of what its configuration says
  --keep_results     copy what is scored to egs2/atat/<recipe>/results
  --use_results      train nothing whose results are kept there, of this very configuration and data
  --hf_repo REPO     stage 16: repository of the model hub, USER/NAME, that the model of --system goes to
  --upload_dir DIR   stage 16: a folder instead
  --decode_dev       decode and score the systems' dev sets in place of the test sets
  --allow_bad_test   a test utterance with unusable audio counts as wrong; else it stops stage 6
  --force            make again what the stages asked for have made
  --dry_run          print what is there and what would be made
  --help             this text

stages:
   1 data preparation     5 masking                     9 statistics     13 scoring
   2 augmentation         6 features                   10 pretraining    14 tables
   3 synthetic speech     7 BPE, token list            11 fine-tuning    15 packing
   4 forced alignment     8 language model             12 decoding       16 upload

Results: exp/<recipe>/<system>/seed<N>/<inference config>/<set>/{ref,hyp,metrics.json}, exp/<recipe>/tables;
training runs: exp/runs; models to give away: exp/<recipe>/packages.
USAGE
}

# shellcheck disable=SC2034  # read by parse_options.sh
options=(recipe stage stop_stage table system seeds fold feats_type nj ngpu num_nodes augment_sets hf_repo upload_dir)
options+=(pretrain_slu synthesize_sets tts_engine grow_bpe jobs cpu_processes)
# shellcheck disable=SC2034
flags=(decode_dev allow_bad_test force dry_run keep_results use_results)
wanted_recipe=${recipe:-mini}
stage=1 stop_stage=16 table='' system='' seeds='' fold='' pretrain_slu='' feats_type=fbank num_nodes=1 hf_repo='' upload_dir=''
nj=$(getconf _NPROCESSORS_ONLN)
ngpu=${ngpu:-0}
grow_bpe='' decode_dev=false allow_bad_test=false force=false dry_run=false
jobs=1 cpu_processes='' keep_results=false use_results=false
declare -p splice_sets >/dev/null 2>&1 || splice_sets=() # a recipe may set them
augment_sets=${augment_sets:-}
synthesize_sets=${synthesize_sets:-} tts_engine=${tts_engine:-pico}
declare -p synthesis_options >/dev/null 2>&1 || synthesis_options=()
declare -p spliced >/dev/null 2>&1 || declare -A spliced=()

if [ "${BASH_SOURCE[0]}" = "$0" ]; then # called by its own name: the recipe's run.sh sets its options, then sources this
    recipe=mini
    . utils/parse_options.sh
    [ -f "egs2/atat/$recipe/run.sh" ] || fail "unknown recipe '$recipe'; known: $recipes"
    exec "egs2/atat/$recipe/run.sh" "$@"
fi

. utils/parse_options.sh
[ "${#arguments[@]}" -eq 0 ] || fail "unexpected argument '${arguments[0]}'; see --help"
[ "$recipe" = "$wanted_recipe" ] || fail "egs2/atat/$wanted_recipe/run.sh runs its own recipe, not '$recipe'; use ./run.sh"
for name in stage stop_stage nj ngpu num_nodes jobs; do
    [[ ${!name} =~ ^[0-9]+$ ]] || fail "--$name is a whole number, not '${!name}'"
done
[[ $stage -ge 1 && $stop_stage -le 16 && $stage -le $stop_stage ]] || fail "stages are 1 to 16, not $stage to $stop_stage"
[[ $feats_type = fbank || $feats_type = raw ]] || fail "--feats_type is fbank or raw, not '$feats_type'"
[ -z "$hf_repo" ] || [ -z "$upload_dir" ] || fail "give --hf_repo or --upload_dir, not both"
[ -z "$hf_repo$upload_dir" ] || [ -n "$system" ] || fail "one model is uploaded at a time: name its system (--system)"
[[ $tts_engine =~ ^(pico|flite|kokoro|polly)$ ]] || fail "--tts_engine is pico, flite, kokoro or polly, not '$tts_engine'"
[[ $grow_bpe =~ ^(true|false|)$ ]] || fail "--grow_bpe is true or false, not '$grow_bpe'"
[ -z "$table" ] || [ -z "$system" ] || fail "give --table or --system, not both"

# Names are looked up before any work is done. A recipe may have no systems yet: then it ends after stage 6.
check_name() { # check_name KIND NAME
    local folder=egs2/atat/$recipe/$1s file=$2 known=none
    if [[ $1 = table && $2 =~ ^[0-9]+$ ]]; then file=table$2; fi
    if [ -f "$folder/$file.yaml" ]; then return; fi
    if [ -d "$folder" ]; then known=$(find "$folder" -name '*.yaml' -exec basename {} .yaml \; | sort | xargs); fi
    fail "unknown $1 '$2' of recipe $recipe; known: $known"
}
tables=() # file names without .yaml
read -ra named <<<"${table//,/ }"
if [ -n "$table" ] && [ "${#named[@]}" -eq 0 ]; then fail "--table is a list of names such as 1,2, not '$table'"; fi
for name in "${named[@]:-default}"; do
    if [ -n "$table" ]; then check_name table "$name"; fi
    if [[ $name =~ ^[0-9]+$ ]]; then name=table$name; fi
    if [[ " ${tables[*]} " != *" $name "* ]]; then tables+=("$name"); fi
done
[ -z "$system" ] || check_name system "$system"

$dry_run || tools/setup.sh # makes the environment if there is none
. path.sh
. cmd.sh
. local/step.sh
begin=$SECONDS
final_tables=()

wants() {
    [ "$stage" -le "$1" ] && [ "$1" -le "$stop_stage" ]
}

if wants 1; then . local/data.sh; fi
if wants 2; then . local/augment.sh 2; fi
if wants 3; then
    . local/synthesize.sh
    . local/augment.sh 3
fi
if wants 4; then . local/align.sh; fi
if wants 5; then
    . local/mask.sh
    . local/splice.sh
fi
if wants 6; then . local/features.sh; fi

# 7 tokens, 9 statistics, 10 pretraining, 11 fine-tuning, 12 decoding, 13 scoring, 14 tables: all in one process, because
# importing ESPnet takes 15 s.
if [ "$stop_stage" -ge 7 ] && [ "$stage" -le 14 ]; then
    if $dry_run && ! tools/setup.sh --check; then
        echo "stages 7 to 14: planned when the environment is there (tools/setup.sh)"
    elif [ -d "egs2/atat/$recipe/systems" ]; then
        . local/systems.sh
    else
        echo "recipe $recipe has no systems yet: its data is ready below dump/$recipe after stage 6"
    fi
fi
if [ -d "egs2/atat/$recipe/systems" ] && ! $decode_dev; then # packages hold the scores of the test sets
    if wants 15; then . local/pack.sh; fi
    if wants 16; then . local/upload.sh; fi
fi
for name in "${final_tables[@]}"; do
    echo
    python -m espnet_atat.bin.table "$name"
done
echo "finished in $((SECONDS - begin)) s"
