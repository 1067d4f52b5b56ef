# shellcheck shell=bash
# Sourced. Reads command-line options into variables of the same name.
#
#   options="stage nj"; flags="force"       # what the script takes, beside --help; each variable holds its default
#   stage=1; nj=2; force=false
#   . utils/parse_options.sh                # reads "$@", leaves what is no option in the array `arguments`
#
# --stage 3, --stage=3 and --stop-stage 3 (for stop_stage) are understood; a flag takes no value, or true or false.
# --help calls the function `usage`. An option that is not listed is an error that lists the known ones.

parse_options() {
    local name value is_flag
    arguments=()
    while [ $# -gt 0 ]; do
        case $1 in
            -h | --help)
                usage
                exit 0
                ;;
            --) shift && arguments+=("$@") && return ;;
            --*) ;;
            *) arguments+=("$1") && shift && continue ;;
        esac
        name=${1#--}
        value=
        is_flag=false
        [[ $name = *=* ]] && value=${name#*=} && name=${name%%=*}
        name=${name//-/_}
        [[ " ${flags:-} " = *" $name "* ]] && is_flag=true
        if ! $is_flag && [[ " ${options:-} " != *" $name "* ]]; then
            echo "error: unknown option $1; known: $(printf -- '--%s ' ${options:-} ${flags:-} help)" >&2
            exit 2
        fi
        if [[ $1 != *=* ]]; then
            if ! $is_flag; then
                [ $# -ge 2 ] || { echo "error: option $1 needs a value" >&2 && exit 2; }
                value=$2
                shift
            elif [[ ${2:-} = true || ${2:-} = false ]]; then
                value=$2
                shift
            else
                value=true
            fi
        fi
        shift
        if $is_flag && [[ $value != true && $value != false ]]; then
            echo "error: option --$name is true or false, not '$value'" >&2
            exit 2
        fi
        printf -v "$name" %s "$value"
    done
}
parse_options "$@"
