#!/bin/bash
# Runs every fuzz target of every package for a while, one after the other. The targets
# are listed by the Go tool, so a new one needs no entry anywhere.
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
log=$(mktemp)
trap 'rm -f "$log"' EXIT
fuzz() { "$GO" test -run '^$' -fuzz "^$2\$" -fuzztime "$time" "$1" 2>&1 | tee "$log"; }

for target in "${targets[@]}"; do
	read -r package name <<<"$target"
	echo "== $package $name"
	# The Go tool may report the end of its own fuzz time as a failure, with no input to
	# show (golang/go#75804). That, and only that, is tried once more.
	fuzz "$package" "$name" || {
		grep -q 'context deadline exceeded' "$log" && ! grep -q 'Failing input written' "$log" && fuzz "$package" "$name"
	}
done
