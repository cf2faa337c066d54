#!/bin/bash
# Runs every fuzz target of every package for a while, as many at once as there are processors,
# each with one worker. The targets are listed by the Go tool, so a new one needs no entry anywhere.
# usage: fuzz.sh TIME
set -euo pipefail
GO=${GO:-go}
time=$1

# A package's targets are printed before its "ok" line.
targets=()
names=()
while read -r word package _; do
	case $word in
	Fuzz*) names+=("$word") ;;
	ok)
		for name in "${names[@]}"; do targets+=("$package $name"); done
		names=()
		;;
	FAIL) echo "fuzz: $package does not build" >&2 && exit 1 ;;
	esac
done < <("$GO" test -list '^Fuzz' ./... 2>&1)

((${#targets[@]})) || { echo "fuzz: no targets were found" >&2; exit 1; }
# One target, with what it said. The Go tool may report the end of its own fuzz time as a failure,
# with no input to show (golang/go#75804). That, and only that, is tried once more.
one() {
	local log
	log=$(mktemp)
	fuzz() { "$GO" test -run '^$' -fuzz "^$2\$" -fuzztime "$TIME" -parallel 1 "$1" >"$log" 2>&1; }
	fuzz "$1" "$2" || {
		grep -q 'context deadline exceeded' "$log" && ! grep -q 'Failing input written' "$log" && fuzz "$1" "$2"
	}
	local failed=$?
	echo "== $1 $2" && cat "$log" && rm -f "$log"
	return $failed
}
export GO TIME=$time
export -f one
printf '%s\n' "${targets[@]}" | xargs -P "$(nproc)" -L 1 bash -c 'one "$0" "$1"'
