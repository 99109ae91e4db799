#!/bin/sh
# Sets WEB_CONCURRENCY, the number of workers that gunicorn, uvicorn and others start, from what the container may use:
# docs/processes.md has the numbers and their reasons. The launcher runs this before each process (Buildpack
# specification, "exec.d"). Only shell builtins are used: no program need be there, and it takes a few milliseconds.
#
# What cannot be read limits nothing: a launch must not fail for it. Control groups:
# https://docs.kernel.org/admin-guide/cgroup-v2.html, https://docs.kernel.org/admin-guide/cgroup-v1/memory.html and
# https://docs.kernel.org/scheduler/sched-bwc.html. Tests give a directory that stands for the root of the file system.
set -u
root=${1-}
[ -z "${WEB_CONCURRENCY-}" ] || exit 0

mebibytes_of_a_worker=256
most_workers=12

is_number() {
  case $1 in
    '' | *[!0123456789]*) return 1 ;;
  esac
}

# The first line of a file in $first and $second, which are empty if there is none.
read_line() {
  first='' second=''
  if [ -r "$1" ]; then
    read -r first second <"$1" || :
  fi
}

# Lowers $percent to a quota of CPU time in a period. Without a limit the quota is "max", or -1.
limit_percent() {
  is_number "$1" && is_number "$2" && [ "$2" -gt 0 ] || return 0
  [ $(($1 * 100 / $2)) -ge "$percent" ] || percent=$(($1 * 100 / $2))
}

# Lowers $memory to a number of bytes. Without a limit it is "max", or nearly 2^63.
limit_memory() {
  is_number "$1" || return 0
  [ $(($1 / 1048576)) -ge "$memory" ] || memory=$(($1 / 1048576))
}

# The limits of a group and of those above it. What a container cannot see of that path is left out.
limit_by_group() {
  group=$1${2%/}
  while [ ${#group} -ge ${#1} ]; do
    read_line "$group/cpu.max"
    limit_percent "$first" "$second"
    read_line "$group/cpu.cfs_quota_us"
    quota=$first
    read_line "$group/cpu.cfs_period_us"
    limit_percent "$quota" "$first"
    read_line "$group/memory.max"
    limit_memory "$first"
    read_line "$group/memory.limit_in_bytes"
    limit_memory "$first"
    group=${group%/*}
  done
}

# Adds up CPUs such as 0-3,8 as a percentage of one.
add_percent() {
  IFS=,
  for range in $1; do
    if is_number "${range%-*}" && is_number "${range#*-}"; then
      percent=$((percent + (${range#*-} - ${range%-*} + 1) * 100))
    fi
  done
  unset IFS
}

# The CPUs that this process may run on: all of the machine, unless `docker run --cpuset-cpus` and the like chose some.
percent=0
if [ -r "$root/proc/self/status" ]; then
  while read -r key value; do
    [ "$key" != Cpus_allowed_list: ] || add_percent "$value"
  done <"$root/proc/self/status"
fi
[ "$percent" -gt 0 ] || percent=100

# The memory of the machine, in mebibytes: "MemTotal: 16318412 kB" is the first line.
memory=$mebibytes_of_a_worker
read_line "$root/proc/meminfo"
if is_number "${second% kB}"; then
  memory=$((${second% kB} / 1024))
fi

if [ -r "$root/proc/self/cgroup" ]; then
  while IFS=: read -r _ controllers path; do
    case ,$controllers, in
      ,,) limit_by_group "$root/sys/fs/cgroup" "$path" ;;
      *,cpu,*) limit_by_group "$root/sys/fs/cgroup/cpu" "$path" ;;
      *,memory,*) limit_by_group "$root/sys/fs/cgroup/memory" "$path" ;;
    esac
  done <"$root/proc/self/cgroup"
fi

workers=$((percent * 2 / 100 + 1))
[ $((memory / mebibytes_of_a_worker)) -ge "$workers" ] || workers=$((memory / mebibytes_of_a_worker))
[ "$workers" -le "$most_workers" ] || workers=$most_workers
[ "$workers" -ge 1 ] || workers=1
printf 'WEB_CONCURRENCY = "%s"\n' "$workers" >&3
