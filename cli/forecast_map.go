package cli

import (
	"fmt"
	"strings"
	"time"

	"crontopus.dev/crontopus/internal/safetext"
	"crontopus.dev/crontopus/manifests/forecast"
)

// shownTargets is how many targets the map has.
const shownTargets = 20

// nameWidth is how much of a target's name stands before its row.
const nameWidth = 28

// shades go from nothing to the most in any field of a map.
var shades = []rune("·░▒▓█")

func printForecast(p *printer, f *forecast.Forecast) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s to %s, in %s\n%s, %s on %s\n", f.From.Format("Mon 2006-01-02 15:04"), f.Until.Format("Mon 2006-01-02 15:04"), f.Timezone,
		plural(f.Jobs, "job"), plural(f.Runs, "run"), plural(len(f.Targets), "target"))
	if f.Runs > 0 {
		heatMap(&b, f)
		fmt.Fprintf(&b, "\nBusiest minutes:\n")
		for _, m := range f.Busiest[:min(len(f.Busiest), shownMinutes)] {
			fmt.Fprintf(&b, "  %s  %s\n", m.At.Format("Mon 2006-01-02 15:04 -07:00"), startsOf(m))
		}
	}
	fmt.Fprintf(&b, "\nMore than %s on one target in the same minute: ", plural(f.Limit, "job"))
	if f.CollisionCount == 0 {
		b.WriteString("never\n")
	} else {
		fmt.Fprintf(&b, "%s\n", plural(f.CollisionCount, "time"))
	}
	for _, c := range f.Collisions[:min(len(f.Collisions), shownMinutes)] {
		fmt.Fprintf(&b, "  %s  %s on %s: %s", c.At.Format("Mon 2006-01-02 15:04 -07:00"), startsOf(c.Minute), safetext.Line(c.Target), strings.Join(c.Jobs, ", "))
		if more := int(c.Starts) - len(c.Jobs); more > 0 {
			b.WriteString(", …")
		}
		b.WriteByte('\n')
	}
	_, err := fmt.Fprint(p.out, b.String())
	return err
}

// startsOf says a number of jobs that may be an expectation.
func startsOf(m forecast.Minute) string {
	return fmt.Sprintf("%.4g %s", m.Starts, map[bool]string{true: "job", false: "jobs"}[m.Starts == 1])
}

// heatMap draws the runs by the hour of the clock: those of each day, where there are several,
// and those of each target.
func heatMap(b *strings.Builder, f *forecast.Forecast) {
	hours := make([]string, 24)
	for i := range hours {
		hours[i] = fmt.Sprintf("%02d", (f.From.Hour()+i)%24)
	}
	byClock := func(runs []int, from int) []int {
		row := make([]int, 24)
		for i, n := range runs {
			hour := f.From.Add(time.Duration(from+i) * time.Hour).Hour()
			row[(hour-f.From.Hour()+24)%24] += n
		}
		return row
	}
	if len(f.Hours) > 24 {
		var rows []mapRow
		for first := 0; first < len(f.Hours); first += 24 {
			day := f.From.Add(time.Duration(first) * time.Hour)
			rows = append(rows, mapRow{day.Format("Mon 2006-01-02"), byClock(f.Hours[first:first+24], first)})
		}
		drawMap(b, "Runs by day and hour", hours, rows)
	}
	var rows []mapRow
	for _, t := range f.Targets[:min(len(f.Targets), shownTargets)] {
		rows = append(rows, mapRow{safetext.Line(t.Name), byClock(t.Hours, 0)})
	}
	drawMap(b, "Runs by target and hour", hours, rows)
	more(b, "", len(f.Targets)-shownTargets)
}

// mapRow is a line of a map.
type mapRow struct {
	name string
	runs []int
}

// drawMap draws fields that are darker the more runs there are.
func drawMap(b *strings.Builder, title string, hours []string, rows []mapRow) {
	most := 1
	for _, row := range rows {
		for _, runs := range row.runs {
			most = max(most, runs)
		}
	}
	fmt.Fprintf(b, "\n%-*s %s   runs\n", nameWidth, title, strings.Join(hours, " "))
	for _, row := range rows {
		name := []rune(row.name)
		if len(name) > nameWidth {
			name = append(name[:nameWidth-1], '…')
		}
		fmt.Fprintf(b, "%-*s ", nameWidth, string(name))
		total := 0
		for _, runs := range row.runs {
			shade := shades[0]
			if runs > 0 {
				shade = shades[1+(runs-1)*(len(shades)-1)/most]
			}
			b.WriteString(strings.Repeat(string(shade), 2) + " ")
			total += runs
		}
		fmt.Fprintf(b, "%6d\n", total)
	}
	fmt.Fprintf(b, "%-*s %s none  %s most: %s in an hour\n", nameWidth, "", string(shades[0]), string(shades[len(shades)-1]), plural(most, "run"))
}
