#!/bin/bash
# Runs the long forms of the tests that have one, with what they log: a test is long where
# it reads CRONTOPUS_SOAK, so its file says so and no list is kept here. One package after
# the other and without the race detector, so that the figures are the product's.
# usage: soak.sh TIME
set -euo pipefail
GO=${GO:-go}
limit=$1

mapfile -t files < <(git ls-files --cached --others --exclude-standard '*_test.go' | xargs grep -l CRONTOPUS_SOAK)
((${#files[@]})) || { echo "soak: no test reads CRONTOPUS_SOAK" >&2; exit 1; }
names=$(sed -nE 's/^func (Test[A-Za-z0-9_]+)\(t \*testing\.T\).*/\1/p' "${files[@]}" | sort -u | paste -sd '|')
mapfile -t packages < <(dirname "${files[@]}" | sort -u | sed 's|^|./|')

start=$SECONDS
CRONTOPUS_SOAK=1 "$GO" test -p 1 -count 1 -v -timeout "$limit" -run "^($names)\$" "${packages[@]}" ||
	{ echo "soak: failed after $((SECONDS - start)) s" >&2; exit 1; }
echo "=== soak took $((SECONDS - start)) s"
