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
for target in "${targets[@]}"; do
	read -r package name <<<"$target"
	echo "== $package $name"
	"$GO" test -run '^$' -fuzz "^$name\$" -fuzztime "$time" "$package"
done
