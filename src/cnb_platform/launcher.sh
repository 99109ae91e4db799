#!/bin/sh
# Stand-in for the lifecycle's launcher, written when the image was exported (cnb_platform).
# It composes the environment from the layers that are in the image, runs exec.d programs, and becomes the process.
# Only shell builtins are used. Differences from the launcher: variables whose names are no shell identifiers are left
# out, exec.d programs may print only `KEY = "value"` lines, and profile scripts are not sourced.

_cnb_layers=${CNB_LAYERS_DIR:-@LAYERS@}
_cnb_app=${CNB_APP_DIR:-@APP@}
_cnb_dir=$_cnb_app
_cnb_buildpacks='@BUILDPACKS@'
_cnb_type=${0##*/}
_cnb_nl='
'

_cnb_fail() {
  printf 'ERROR: launcher: %s\n' "$1" >&2
  exit 82
}

# The names in a directory, in byte order whatever the locale, in _cnb_found.
_cnb_list() {
  _cnb_found=$(
    LC_ALL=C
    set +f
    cd "$1" 2>/dev/null || exit 0
    for _cnb_one in *; do
      if [ -e "$_cnb_one" ]; then printf '%s\n' "$_cnb_one"; fi
    done
  )
  IFS=$_cnb_nl
}

# The contents of a file, trailing newlines included, in _cnb_text.
_cnb_read() {
  _cnb_text=
  [ -r "$1" ] || _cnb_fail "$1 cannot be read"
  while IFS= read -r _cnb_line; do
    _cnb_text=$_cnb_text$_cnb_line$_cnb_nl
  done <"$1"
  _cnb_text=$_cnb_text$_cnb_line
}

_cnb_trim() {
  _cnb_text=$1
  while :; do
    case $_cnb_text in
      [\ \	]*) _cnb_text=${_cnb_text#?} ;;
      *[\ \	]) _cnb_text=${_cnb_text%?} ;;
      *) return ;;
    esac
  done
}

_cnb_is_name() {
  case $1 in
    '' | [0123456789]* | *[!ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_]*) return 1 ;;
  esac
}

# _cnb_join NAME VALUE DELIMITER prepend|append
_cnb_join() {
  eval "_cnb_old=\${$1-}"
  if [ -z "$_cnb_old" ]; then
    export "$1=$2"
  elif [ "$4" = prepend ]; then
    export "$1=$2$3$_cnb_old"
  else
    export "$1=$_cnb_old$3$2"
  fi
}

# The files of one environment directory.
_cnb_apply() {
  [ -d "$1" ] || return 0
  _cnb_list "$1"
  for _cnb_file in $_cnb_found; do
    [ -f "$1/$_cnb_file" ] || continue
    _cnb_name=${_cnb_file%%.*}
    case $_cnb_file in
      *.*) _cnb_action=${_cnb_file#*.} ;;
      *) _cnb_action=override ;;
    esac
    _cnb_is_name "$_cnb_name" || continue
    case $_cnb_action in
      override | default | prepend | append) _cnb_change "$1" ;;
    esac
  done
}

_cnb_change() {
  _cnb_delimiter=
  if [ -f "$1/$_cnb_name.delim" ]; then
    _cnb_read "$1/$_cnb_name.delim"
    _cnb_delimiter=$_cnb_text
  fi
  _cnb_read "$1/$_cnb_file"
  eval "_cnb_old=\${$_cnb_name-}"
  case $_cnb_action in
    override) export "$_cnb_name=$_cnb_text" ;;
    default) [ -n "$_cnb_old" ] || export "$_cnb_name=$_cnb_text" ;;
    *) _cnb_join "$_cnb_name" "$_cnb_text" "$_cnb_delimiter" "$_cnb_action" ;;
  esac
}

# The programs of one exec.d directory; what they write to file descriptor 3 becomes environment.
_cnb_exec_d() {
  [ -d "$1" ] || return 0
  _cnb_list "$1"
  for _cnb_file in $_cnb_found; do
    [ -f "$1/$_cnb_file" ] || continue
    _cnb_output=$("$1/$_cnb_file" 3>&1 >&4 4>&- </dev/null) || _cnb_fail "exec.d program $1/$_cnb_file failed ($?)"
    IFS=$_cnb_nl
    for _cnb_assignment in $_cnb_output; do
      _cnb_assign "$1/$_cnb_file"
    done
  done
}

_cnb_assign() {
  _cnb_trim "$_cnb_assignment"
  case $_cnb_text in
    '' | '#'*) return 0 ;;
    *=*) ;;
    *) _cnb_fail "exec.d program $1 wrote a line that is not KEY = \"value\": $_cnb_text" ;;
  esac
  _cnb_rest=${_cnb_text#*=}
  _cnb_trim "${_cnb_text%%=*}"
  _cnb_name=$_cnb_text
  _cnb_is_name "$_cnb_name" || _cnb_fail "exec.d program $1 wrote an unusable name: $_cnb_name"
  _cnb_trim "$_cnb_rest"
  case $_cnb_text in
    \"*\") _cnb_unescape "$1" ;;
    *) _cnb_fail "exec.d program $1 wrote a value that is not a double-quoted string: $_cnb_text" ;;
  esac
  export "$_cnb_name=$_cnb_value"
}

_cnb_unescape() {
  _cnb_rest=${_cnb_text#?}
  _cnb_rest=${_cnb_rest%?}
  _cnb_value=
  while :; do
    _cnb_plain=${_cnb_rest%%\\*}
    case $_cnb_plain in
      *\"*) _cnb_fail "exec.d program $1 wrote a quote without a backslash: $_cnb_text" ;;
    esac
    _cnb_value=$_cnb_value$_cnb_plain
    case $_cnb_rest in
      *\\*) _cnb_rest=${_cnb_rest#*\\} ;;
      *) return 0 ;;
    esac
    case $_cnb_rest in
      \\*) _cnb_value=$_cnb_value\\ ;;
      \"*) _cnb_value=$_cnb_value\" ;;
      n*) _cnb_value=$_cnb_value$_cnb_nl ;;
      t*) _cnb_value="$_cnb_value	" ;;
      *) _cnb_fail "exec.d program $1 wrote an escape that this launcher does not know: $_cnb_text" ;;
    esac
    _cnb_rest=${_cnb_rest#?}
  done
}

set -f
case $_cnb_type in
  # @PROCESSES@
  *)
    _cnb_type=
    if [ "${1-}" = -- ]; then
      shift
    elif [ "$#" -eq 1 ]; then
      set -- bash -c "$1"
    fi
    [ "$#" -gt 0 ] || _cnb_fail 'there is no default process: give a command, or choose a process type as entrypoint'
    ;;
esac

unset CNB_LAYERS_DIR CNB_APP_DIR CNB_PROCESS_TYPE CNB_PLATFORM_API CNB_DEPRECATION_MODE
_cnb_rest=${PATH-}
_cnb_path=
while [ -n "$_cnb_rest" ]; do
  case $_cnb_rest in
    *:*) _cnb_one=${_cnb_rest%%:*} _cnb_rest=${_cnb_rest#*:} ;;
    *) _cnb_one=$_cnb_rest _cnb_rest= ;;
  esac
  case $_cnb_one in
    /cnb/process | /cnb/lifecycle) ;;
    *) _cnb_path=${_cnb_path:+$_cnb_path:}$_cnb_one ;;
  esac
done
export "PATH=$_cnb_path"

IFS=$_cnb_nl
for _cnb_buildpack in $_cnb_buildpacks; do
  _cnb_list "$_cnb_layers/$_cnb_buildpack"
  _cnb_names=$_cnb_found
  for _cnb_layer in $_cnb_names; do
    _cnb_layer=$_cnb_layers/$_cnb_buildpack/$_cnb_layer
    [ ! -d "$_cnb_layer/bin" ] || _cnb_join PATH "$_cnb_layer/bin" : prepend
    [ ! -d "$_cnb_layer/lib" ] || _cnb_join LD_LIBRARY_PATH "$_cnb_layer/lib" : prepend
  done
  for _cnb_layer in $_cnb_names; do
    _cnb_layer=$_cnb_layers/$_cnb_buildpack/$_cnb_layer
    _cnb_apply "$_cnb_layer/env"
    _cnb_apply "$_cnb_layer/env.launch"
    [ -z "$_cnb_type" ] || _cnb_apply "$_cnb_layer/env.launch/$_cnb_type"
  done
done

cd "$_cnb_app" || _cnb_fail "there is no directory $_cnb_app"
exec 4>&1
IFS=$_cnb_nl
for _cnb_buildpack in $_cnb_buildpacks; do
  _cnb_list "$_cnb_layers/$_cnb_buildpack"
  _cnb_names=$_cnb_found
  for _cnb_layer in $_cnb_names; do
    _cnb_layer=$_cnb_layers/$_cnb_buildpack/$_cnb_layer
    _cnb_exec_d "$_cnb_layer/exec.d"
    [ -z "$_cnb_type" ] || _cnb_exec_d "$_cnb_layer/exec.d/$_cnb_type"
  done
done
exec 4>&-
cd "$_cnb_dir" || _cnb_fail "there is no directory $_cnb_dir"
unset OLDPWD
command -v "$1" >/dev/null || _cnb_fail "the program $1 is not on the PATH $PATH"
exec "$@"
