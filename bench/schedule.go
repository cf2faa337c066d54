package main

import (
	"context"
	"testing"
	"time"

	"crontopus.dev/crontopus/schedule"
)

var scheduleCases = []Case{{
	Name: "schedule/next",
	What: "The next run of an expression. Floor: bit sets of one expression in UTC, no daylight saving, no bounds.",
	Run:  nextRun,
}}

// nanoseconds are what the floors of pure functions print, by what they measured.
type nanoseconds map[string]float64

// nextRun measures in this process, since a call takes nanoseconds.
func nextRun(ctx context.Context, b *Bench) (figures []Figure, err error) {
	at := time.Date(2026, 11, 23, 20, 0, 0, 0, time.UTC)
	product, floor := map[string]Samples{}, map[string]Samples{}
	expressions := []string{"* * * * *", "30 2 * * *", "0 0 29 2 *", "0 0 13 * 5"}
	zones := []string{"UTC", "Europe/Berlin", "Australia/Lord_Howe"}
	var allocations Samples
	err = b.Turns(ctx, func(context.Context) error {
		for _, zone := range zones {
			for _, expr := range expressions {
				set, err := schedule.New([]string{expr}, zone, "")
				if err != nil {
					return err
				}
				took, allocated := briefly(func() { set.Next(at) })
				product[zone+" "+expr] = append(product[zone+" "+expr], took)
				allocations = append(allocations, allocated)
			}
		}
		return nil
	}, func(ctx context.Context) error {
		took, err := Measure[nanoseconds](ctx, b, "schedule")
		for expr, ns := range took {
			floor[expr] = append(floor[expr], ns)
		}
		return err
	})
	for _, expr := range expressions {
		for _, zone := range zones {
			figures = append(figures, Figure{Name: "`" + expr + "` in " + zone, Unit: "ns",
				Product: product[zone+" "+expr].Median(), Floor: floor[expr].Median(), Reach: AtMost(3)})
		}
	}
	return append(figures, Figure{Name: "allocations of a call", Product: allocations.Median(), Reach: Within(0)}), err
}

// briefly calls a function for a tenth of a second and returns what one call costs.
func briefly(do func()) (nanoseconds, allocations float64) {
	allocations = testing.AllocsPerRun(100, do)
	calls, began := 0, time.Now()
	for time.Since(began) < 100*time.Millisecond {
		for range 100 {
			do()
		}
		calls += 100
	}
	return float64(time.Since(began).Nanoseconds()) / float64(calls), allocations
}
