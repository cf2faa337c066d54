#!/bin/bash
# Measures how much of all packages' statements the tests run, counting the programs
# that whole-product tests build and start, and fails below a percentage.
# usage: cover.sh MODULE PERCENT
set -euo pipefail
GO=${GO:-go}
module=$1 least=$2

rm -rf cover
mkdir -p cover/tests cover/programs
# GOFLAGS reaches the go build of tests that build the programs; GOCOVERDIR reaches the
# programs that they start.
export GOFLAGS="-cover -covermode=atomic -coverpkg=$module/..."
GOCOVERDIR=$PWD/cover/programs "$GO" test ./... -args -test.gocoverdir="$PWD/cover/tests"
unset GOFLAGS

"$GO" tool covdata textfmt -i=cover/tests,cover/programs -o cover/profile.txt
"$GO" tool cover -html cover/profile.txt -o cover/index.html
"$GO" tool covdata percent -i=cover/tests,cover/programs
total=$("$GO" tool cover -func cover/profile.txt | awk '/^total:/ { sub("%", "", $3); print $3 }')
echo "cover: $total % of all statements (at least $least); line by line: cover/index.html"
awk -v total="$total" -v least="$least" 'BEGIN { exit !(total >= least) }'
