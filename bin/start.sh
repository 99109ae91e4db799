# Starts a phase: bin/detect and bin/build source this with $phase and $bin set.
#
# No builder promises a python3, so a packaged buildpack carries its interpreter. A source checkout
# carries none and takes the python3 on PATH. Nothing is forked before the interpreter runs: detect
# is paid by every application on every builder.
# shellcheck shell=sh disable=SC2154

say() {
    printf 'uv-buildpack: %s\n' "$@" >&2
}

interpreter=$bin/../runtime/bin/python3
code=$bin/../runtime/lib/uv_buildpack.zip
if [ -e "$interpreter" ]; then
    # A shell that fails to exec leaves through this trap; one that succeeds is gone before it.
    trap 'say "the interpreter that this buildpack carries does not start: $interpreter" \
        "Use the package made for the architecture of this build image (linux/amd64 or linux/arm64)," \
        "and a build image with glibc."' EXIT
    # Isolated from the environment and the user's site-packages (-I -S), nothing written into the
    # read-only buildpack directory (-B), and UTF-8 whatever the locale.
    exec "$interpreter" -I -S -B -X utf8 "$code" "$phase" "$@"
elif [ ! -f "$bin/../src/__main__.py" ]; then
    say "this buildpack directory carries no interpreter: $interpreter is missing" \
        "Package the buildpack again with scripts/package."
    exit 2
elif ! command -v python3 >/dev/null; then
    say "this is a source checkout, and there is no python3 on PATH" \
        "Install Python 3.11 or newer, or use the packaged buildpack (scripts/package)."
    exit 2
else
    exec python3 -I -B -X utf8 "$bin/../src" "$phase" "$@"
fi
