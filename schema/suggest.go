package schema

import (
	"slices"
	"strings"

	"crontopus.dev/crontopus/internal/suggest"
)

// synonyms are the words that people bring along from other tools.
var synonyms = map[string]string{
	"cron": "schedule", "crontab": "schedule", "expression": "schedule",
	"tz": "timezone", "zone": "timezone",
	"hosts": "target", "selector": "target", "hostnames": "agents",
	"cmd": "command", "args": "command", "exec": "command",
	"env": "environment", "cwd": "workingDirectory", "workdir": "workingDirectory", "dir": "workingDirectory",
	"concurrencypolicy": "concurrency", "suspended": "suspend", "paused": "suspend",
}

// closest returns the candidate that someone who wrote word most likely meant, or "".
func closest(word string, candidates []string) string {
	lower := strings.ToLower(word)
	if meant := synonyms[lower]; slices.Contains(candidates, meant) {
		return meant
	}
	for _, c := range candidates {
		if strings.ToLower(c) == lower {
			return c
		}
	}
	return suggest.Nearest(word, candidates)
}
