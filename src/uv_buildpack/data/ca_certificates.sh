#!/bin/sh
# Makes programs trust the certificates of bindings of type ca-certificates (*.pem, *.crt), besides those of the image.
# The launcher runs this before each process (Buildpack specification, "exec.d"): bindings of a container are not those
# of its build. Only shell builtins are used: no program need be there. Without such a binding it does nothing.
#
# The file with all certificates is written to the first directory that takes one: /dev/shm is in containers whose file
# system is read-only, too. docs/certificates-and-proxies.md tells what users see of this.
set -u

certificates=''
newline='
'

# Prints a file, with a newline at its end.
show() {
  while IFS= read -r line || [ -n "$line" ]; do
    printf '%s\n' "$line"
  done <"$1"
}

# Adds a file to $certificates.
add() {
  certificates=$certificates$(show "$1")$newline
}

is_of_this_type() {
  kind=''
  for file in "$1/type" "$1/metadata/kind"; do
    [ ! -r "$file" ] || { read -r kind <"$file" || :; }
    case $kind in
      [Cc][Aa]-[Cc][Ee][Rr][Tt][Ii][Ff][Ii][Cc][Aa][Tt][Ee][Ss]) return 0 ;;
    esac
  done
  return 1
}

for binding in "${SERVICE_BINDING_ROOT:-/platform/bindings}"/*; do
  if is_of_this_type "$binding"; then
    for file in "$binding"/*.pem "$binding"/*.crt "$binding"/secret/*.pem "$binding"/secret/*.crt; do
      if [ -f "$file" ] && [ -r "$file" ]; then
        add "$file"
      fi
    done
  fi
done
[ -n "$certificates" ] || exit 0

# What is trusted without bindings: Debian's file, Fedora's, Alpine's; else that of certifi, which requests and httpx use.
for file in /etc/ssl/certs/ca-certificates.crt /etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem /etc/ssl/cert.pem \
  "${VIRTUAL_ENV:-/none}"/lib/python3.*/site-packages/certifi/cacert.pem; do
  if [ -r "$file" ]; then
    add "$file"
    break
  fi
done

# Writes the certificates to a new file in a directory, or finds them in one of an earlier start: $bundle.
put() {
  number=1
  while [ "$number" -le 9 ]; do
    bundle=$1/ca-certificates-$number.pem
    # A file that is there is not written over: another process may read it, and it may be a link to somewhere else.
    if (set -C && printf '%s' "$certificates" >"$bundle") 2>/dev/null; then
      return 0
    fi
    [ ! -f "$bundle" ] || [ ! -r "$bundle" ] || [ "$(show "$bundle")$newline" != "$certificates" ] || return 0
    number=$((number + 1))
  done
  return 1
}

for directory in "${TMPDIR:-/tmp}" /tmp /dev/shm /run /var/tmp; do
  if [ -d "$directory" ] && put "$directory"; then
    for name in SSL_CERT_FILE REQUESTS_CA_BUNDLE CURL_CA_BUNDLE AWS_CA_BUNDLE GRPC_DEFAULT_SSL_ROOTS_FILE_PATH; do
      eval "[ -n \"\${$name-}\" ]" || printf '%s = "%s"\n' "$name" "$bundle" >&3
    done
    exit 0
  fi
done
echo "The certificates of bindings are not trusted: no directory takes a file (TMPDIR, /tmp, /dev/shm)." >&2
