package api

import (
	"encoding/xml"
	"fmt"
	"strings"

	"crontopus.dev/crontopus"
)

var badgeColors = map[crontopus.BadgeStatus]string{
	crontopus.BadgeUp: "#4c1", crontopus.BadgeLate: "#fe7d37", crontopus.BadgeDown: "#e05d44", crontopus.BadgeUnwatched: "#9f9f9f",
}

// badgeSVG draws a badge in the flat style that people know from README files: what it is of on
// grey, and how that is on its colour. textLength makes every font as wide as was reckoned.
func badgeSVG(of string, status crontopus.BadgeStatus) string {
	if letters := []rune(of); len(letters) > longestBadge {
		of = string(letters[:longestBadge-1]) + "…"
	}
	left, right := textWidth(of), textWidth(string(status))
	var safe strings.Builder
	_ = xml.EscapeText(&safe, []byte(of)) // a Builder takes everything
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%[1]d" height="20" role="img" aria-label="%[2]s: %[3]s"><title>%[2]s: %[3]s</title>`+
		`<linearGradient id="s" x2="0" y2="100%%"><stop offset="0" stop-color="#bbb" stop-opacity=".1"/><stop offset="1" stop-opacity=".1"/></linearGradient>`+
		`<clipPath id="r"><rect width="%[1]d" height="20" rx="3" fill="#fff"/></clipPath>`+
		`<g clip-path="url(#r)"><rect width="%[4]d" height="20" fill="#555"/><rect x="%[4]d" width="%[5]d" height="20" fill="%[6]s"/>`+
		`<rect width="%[1]d" height="20" fill="url(#s)"/></g>`+
		`<g fill="#fff" text-anchor="middle" font-family="Verdana,Geneva,DejaVu Sans,sans-serif" font-size="11">`,
		left+right+4*badgePadding, safe.String(), status, left+2*badgePadding, right+2*badgePadding, badgeColors[status])
	write := func(text string, from, width int) {
		for _, line := range []string{`y="15" fill="#010101" fill-opacity=".3" aria-hidden="true"`, `y="14"`} {
			fmt.Fprintf(&b, `<text x="%d.%d" %s textLength="%d">%s</text>`, from+badgePadding+width/2, width%2*5, line, width, text)
		}
	}
	write(safe.String(), 0, left)
	write(string(status), left+2*badgePadding, right)
	b.WriteString("</g></svg>\n")
	return b.String()
}

const badgePadding = 5

// textWidth is how wide a text is in Verdana at 11 pixels, about.
func textWidth(s string) int {
	tenths := 0
	for _, r := range s {
		switch {
		case strings.ContainsRune("ijlI.,:;'|!/()[] -", r):
			tenths += 42
		case strings.ContainsRune("mwMW%@", r):
			tenths += 105
		case r >= 'A' && r <= 'Z' || r == '=' || r == '+' || r == '<' || r == '>':
			tenths += 82
		case r > 0x2E80: // as wide as high
			tenths += 110
		default:
			tenths += 68
		}
	}
	return (tenths + 9) / 10
}
