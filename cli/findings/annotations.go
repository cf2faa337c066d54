package findings

import (
	"fmt"
	"io"
	"strings"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/safetext"
)

// annotations writes a workflow command for each problem, as GitHub documents them. With
// placed, the message says where, too.
func (r *Report) annotations(w io.Writer, placed bool) error {
	for _, p := range r.Problems {
		message := p.Message
		if placed {
			message = p.Place() + ": " + message
		}
		if p.Hint != "" {
			message += "\nhint: " + p.Hint
		}
		if _, err := fmt.Fprintf(w, "::%s %s::%s\n", p.Level(), parameters(p), dataEscaper.Replace(safetext.Lines(message))); err != nil {
			return err
		}
	}
	return nil
}

func parameters(p crontopus.Problem) string {
	list := []string{"title=" + parameterEscaper.Replace(p.Code), "file=" + parameterEscaper.Replace(safetext.Lines(p.File))}
	if p.Line > 0 {
		list = append(list, fmt.Sprintf("line=%d,col=%d", p.Line, p.Column))
	}
	return strings.Join(list, ",")
}

// What would end a command, a parameter or the line is escaped, so that a message or a
// file's name cannot become a command of its own; safetext takes what the log's terminal obeys.
var (
	dataEscaper      = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	parameterEscaper = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)
