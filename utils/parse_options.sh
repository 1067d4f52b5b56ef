# shellcheck shell=bash
# Sourced. Reads command-line options into variables of the same name.
#
#   options=(stage nj)                # what takes a value
#   flags=(force)                     # what takes none, or true or false
#   stage=1 nj=2 force=false          # the defaults
#   . utils/parse_options.sh          # reads "$@"; what is no option is left in the array `arguments`
#
# --stage 3 and --stage=3 are understood, and - for _ in a name. --help calls the function `usage`. An option that is not
# listed is an error that lists the known ones.

# shellcheck disable=SC2154  # options and flags are the caller's
parse_options() {
    local _name _value # no option begins with _
    arguments=()
    while [ $# -gt 0 ]; do
        case $1 in
            -h | --help) usage && exit ;;
            --) shift && arguments+=("$@") && return ;;
            --*=*) _value=${1#*=} ;;
            --*) unset _value ;;
            *) arguments+=("$1") && shift && continue ;;
        esac
        _name=${1%%=*}
        _name=${_name#--}
        _name=${_name//-/_}
        if [[ " ${flags[*]} " = *" $_name "* ]]; then
            if [ -z "${_value+set}" ] && [[ ${2:-} = true || ${2:-} = false ]]; then
                _value=$2
                shift
            fi
            _value=${_value:-true}
            [[ $_value = true || $_value = false ]] || option_error "--$_name is true or false, not '$_value'"
        elif [[ " ${options[*]} " = *" $_name "* ]]; then
            if [ -z "${_value+set}" ]; then
                [ $# -ge 2 ] || option_error "--$_name needs a value"
                _value=$2
                shift
            fi
        else
            option_error "unknown option ${1%%=*}; known: $(printf -- '--%s ' "${options[@]}" "${flags[@]}" help)"
        fi
        printf -v "$_name" %s "$_value"
        shift
    done
}

option_error() {
    printf 'error: %s\n' "$*" >&2
    exit 2
}

parse_options "$@"
