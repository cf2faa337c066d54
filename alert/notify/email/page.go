package email

import (
	"embed"
	"html/template"
	"strings"

	"crontopus.dev/crontopus/alert/notify"
)

//go:embed page.html
var files embed.FS

var page = template.Must(template.ParseFS(files, "page.html"))

// html writes the mail as a page. The template escapes whatever hosts and repositories said.
func html(m *notify.Message) (string, error) {
	var b strings.Builder
	err := page.Execute(&b, m)
	return b.String(), err
}
