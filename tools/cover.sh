#!/bin/bash
# Measures how much of all packages' statements the tests run, counting the programs
# that whole-product tests build and start, and fails below a percentage.
# usage: cover.sh MODULE PERCENT
set -euo pipefail
GO=${GO:-go}
module=$1 least=$2

rm -rf cover
mkdir -p cover/data
# GOFLAGS reaches the go build of tests that build the programs. The go tool gives tests a
# GOCOVERDIR of its own and forgets it; this one, set after it, keeps what the programs
# that they start have counted, and -test.gocoverdir what the tests have.
GOFLAGS="-cover -covermode=atomic -coverpkg=$module/..." \
    "$GO" test -exec "env GOCOVERDIR=$PWD/cover/data" ./... -args -test.gocoverdir="$PWD/cover/data"

"$GO" tool covdata textfmt -i=cover/data -o cover/profile.txt
sed -i "\\#^$module/bench/#d" cover/profile.txt # it is neither product nor test
"$GO" tool cover -html cover/profile.txt -o cover/index.html
"$GO" tool covdata percent -i=cover/data
total=$("$GO" tool cover -func cover/profile.txt | awk '/^total:/ { sub("%", "", $3); print $3 }')
echo "cover: $total % of all statements (at least $least); line by line: cover/index.html"
awk -v total="$total" -v least="$least" 'BEGIN { exit !(total >= least) }'
