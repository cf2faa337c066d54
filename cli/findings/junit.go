package findings

import (
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"

	"crontopus.dev/crontopus"
)

// The JUnit XML that CI systems read: what the schemas of Jenkins and GitLab ask for, and the
// file, which GitLab shows.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"` // seconds
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		File    string        `xml:"file,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitFailure `xml:"failure,omitempty"`
		Out     string        `xml:"system-out,omitempty"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// junit writes a case for each file: failed with its problems, or passed, with its
// warnings as output.
func (r *Report) junit(w io.Writer) error {
	found := map[string][]crontopus.Problem{}
	for _, file := range r.Files {
		found[file] = nil
	}
	files := slices.Clone(r.Files)
	for _, p := range r.Problems {
		if _, listed := found[p.File]; !listed { // it could not be read
			files = append(files, p.File)
		}
		found[p.File] = append(found[p.File], p)
	}
	suite := junitSuite{Name: "crontopus validate", Tests: len(files), Time: fmt.Sprintf("%.3f", r.Took.Seconds())}
	for _, file := range files {
		c := junitOf(file, found[file])
		if c.Failure != nil {
			suite.Failures++
		}
		suite.Cases = append(suite.Cases, c)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	all := junitSuites{Name: suite.Name, Tests: suite.Tests, Failures: suite.Failures, Time: suite.Time, Suites: []junitSuite{suite}}
	if err := e.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func junitOf(file string, problems []crontopus.Problem) junitCase {
	c := junitCase{Name: file, Class: "crontopus.validate", File: file, Time: "0"}
	var failed, said []string
	for _, p := range problems {
		line := p.Place() + ": " + withHint(p)
		if p.Level() != crontopus.SeverityError {
			said = append(said, p.Level()+": "+line)
			continue
		}
		if c.Failure == nil {
			c.Failure = &junitFailure{Message: p.Message, Type: p.Code}
		}
		failed = append(failed, line)
	}
	if c.Failure != nil {
		c.Failure.Text = strings.Join(failed, "\n")
	}
	c.Out = strings.Join(said, "\n")
	return c
}
