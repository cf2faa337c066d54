package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
)

// Case is one thing that is measured.
type Case struct {
	Name string // area/what; -only chooses by its beginning
	What string // what the product does and what its floor does, in a line
	Run  func(context.Context, *Bench) ([]Figure, error)
}

// cases lists every area's.
func cases() []Case {
	return slices.Concat(agentCases, checkinCases, detectCases, pollCases, scheduleCases, envelopeCases, syncCases, validateCases)
}

// Figure is what was found: the medians of both sides.
type Figure struct {
	Name    string
	Unit    string
	Product float64
	Floor   float64 // 0 where there is none
	Reach   Reach   // the zero Reach: told for information
}

// Reach is how far from the floor the product may be.
type Reach struct {
	bound string // "≥" or "≤" of the ratio, "within" of the product itself; "" is no bound
	limit float64
}

// AtLeast asks for a ratio of at least limit: more is better.
func AtLeast(limit float64) Reach { return Reach{"≥", limit} }

// AtMost asks for a ratio of at most limit: less is better.
func AtMost(limit float64) Reach { return Reach{"≤", limit} }

// Within asks that the product's own figure is at most limit, whatever its floor.
func Within(limit float64) Reach { return Reach{"within", limit} }

func (r Reach) String() string {
	switch r.bound {
	case "":
		return ""
	case "within":
		return "at most " + number(r.limit)
	}
	return r.bound + " " + number(r.limit) + " × floor"
}

// Ratio is the product's figure in floors, 0 where there is no floor.
func (f Figure) Ratio() float64 {
	if f.Floor == 0 {
		return 0
	}
	return f.Product / f.Floor
}

// Met reports whether the product is within reach.
func (f Figure) Met() bool {
	switch f.Reach.bound {
	case "≥":
		return f.Ratio() >= f.Reach.limit
	case "≤":
		return f.Floor > 0 && f.Ratio() <= f.Reach.limit
	case "within":
		return f.Product <= f.Reach.limit
	}
	return true
}

// verdict is a word on whether the reach was met.
func (f Figure) verdict() string {
	switch {
	case f.Reach == Reach{}:
		return ""
	case f.Met():
		return "met"
	}
	return "NOT MET"
}

func (f Figure) String() string {
	text := fmt.Sprintf("%s: %s %s", f.Name, number(f.Product), f.Unit)
	if f.Floor != 0 {
		text += fmt.Sprintf(", floor %s, ratio %.2f", number(f.Floor), f.Ratio())
	}
	if f.Reach.bound != "" {
		text += fmt.Sprintf(" (%s: %s)", f.Reach, f.verdict())
	}
	return text
}

// number writes three significant digits, and whole ones in full.
func number(v float64) string {
	if v >= 100 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// Samples are what one side measured, round by round.
type Samples []float64

// Median is the middle one.
func (s Samples) Median() float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}

// Turns lets sides take turns, so that what else the machine does is shared. The order is
// another in each round.
func (b *Bench) Turns(ctx context.Context, sides ...func(context.Context) error) error {
	order := slices.Clone(sides)
	for range b.Rounds {
		for _, side := range order {
			if err := side(ctx); err != nil {
				return err
			}
		}
		slices.Reverse(order)
	}
	return nil
}
