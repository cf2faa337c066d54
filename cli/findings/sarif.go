package findings

import (
	"io"
	"net/url"
	"path"
	"slices"
	"strings"

	"crontopus.dev/crontopus"
)

// The part of SARIF 2.1.0 that code scanning reads
// (https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html).
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool       sarifTool     `json:"tool"`
		ColumnKind string        `json:"columnKind"`
		Results    []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		Version        string      `json:"version,omitempty"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID      string       `json:"id"`
		Short   sarifMessage `json:"shortDescription"` // which GitHub wants to have
		HelpURI string       `json:"helpUri,omitempty"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		RuleIndex int             `json:"ruleIndex"`
		Level     string          `json:"level"`
		Message   sarifMessage    `json:"message"`
		Locations []sarifLocation `json:"locations"`
	}
	sarifMessage struct {
		Text string `json:"text"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn"`
	}
)

func (r *Report) sarif(w io.Writer) error {
	run := sarifRun{
		Tool:       sarifTool{sarifDriver{Name: "crontopus", Version: r.Version, InformationURI: "https://crontopus.dev", Rules: r.rules()}},
		ColumnKind: "unicodeCodePoints",
		Results:    []sarifResult{},
	}
	for _, p := range r.Problems {
		run.Results = append(run.Results, sarifResult{
			RuleID:    p.Code,
			RuleIndex: slices.IndexFunc(run.Tool.Driver.Rules, func(rule sarifRule) bool { return rule.ID == p.Code }),
			Level:     sarifLevel(p),
			Message:   sarifText(withHint(p)),
			Locations: []sarifLocation{{place(p)}},
		})
	}
	return encode(w, sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{run}})
}

// rules lists the codes that were found.
func (r *Report) rules() []sarifRule {
	rules := []sarifRule{}
	seen := map[string]bool{}
	for _, p := range r.Problems {
		if seen[p.Code] {
			continue
		}
		seen[p.Code] = true
		rule := sarifRule{ID: p.Code, Short: sarifText(strings.ReplaceAll(p.Code, "_", " "))}
		if r.Help != nil {
			rule.HelpURI = r.Help(p.Code)
		}
		if about := r.about(p.Code); about != "" {
			rule.Short = sarifText(about)
		}
		rules = append(rules, rule)
	}
	return rules
}

func (r *Report) about(code string) string {
	if r.About == nil {
		return ""
	}
	return r.About(code)
}

// sarifText is a message that says exactly this: braces would be placeholders (3.11.5) and
// brackets before parentheses a link (3.11.6).
func sarifText(text string) sarifMessage { return sarifMessage{sarifEscaper.Replace(text)} }

var sarifEscaper = strings.NewReplacer("{", "{{", "}", "}}", "](", `\](`)

// sarifLevel is the problem's severity in SARIF's words.
func sarifLevel(p crontopus.Problem) string {
	if p.Level() == crontopus.SeverityNotice {
		return "note"
	}
	return p.Level()
}

func place(p crontopus.Problem) sarifPhysical {
	uri := url.URL{Path: p.File}
	if path.IsAbs(p.File) {
		uri.Scheme = "file"
	}
	at := sarifPhysical{Artifact: sarifArtifact{URI: uri.String()}}
	if p.Line > 0 {
		at.Region = &sarifRegion{StartLine: p.Line, StartColumn: p.Column}
	}
	return at
}

func withHint(p crontopus.Problem) string {
	if p.Hint == "" {
		return p.Message
	}
	return p.Message + "\nhint: " + p.Hint
}
