// Command bench measures the product against floors: what the least code costs that does
// the same work with the same library or engine and nothing else. Product and floor take
// turns in one run on one machine, and what counts is the ratio of their medians; absolute
// figures move with the machine.
//
//	go run ./bench                  everything, into bench/RESULTS.md
//	go run ./bench -only checkins   the cases whose names begin so, to the terminal
//
// A floor is a program in bench/floor that imports no package of the project (internal/arch
// keeps that). bench/load makes the requests, in a process of its own, the same for both
// sides. What a user would take instead of Crontopus is pinned in bench/peers.
//
// To add a case: write a function that returns []Figure into the file of its area, and name
// it in that file's list; a new area's list joins cases in case.go. Bench starts what the
// case needs (Start, StartServer, Database), Turns lets the sides take turns, and each
// Figure says how far from its floor the product may be: AtLeast(0.6), AtMost(1.5), or
// Within(300) for a bound without a floor.
//
// It imports what it measures, whichever room that is in.
package main
