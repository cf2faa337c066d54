package schema_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus/schema"
)

// TestTheLanguageServerOfEditorsUnderstands drives the real yaml-language-server over its
// standard input and output, as editors do, with both documents, and with the two ways in which
// a file can be told its schema.
func TestTheLanguageServerOfEditorsUnderstands(t *testing.T) {
	t.Parallel()
	twin, err := schema.Twin()
	require.NoError(t, err)
	for _, c := range []struct {
		name     string
		document []byte
		modeline bool
	}{
		{"draft 7, by the setting that the page on editors shows", twin, false},
		{"draft 7, by the first line of the file", twin, true},
		{"draft 2020-12, by the first line of the file", schema.JobSchema(), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			require.NoError(t, os.Mkdir(filepath.Join(dir, "jobs"), 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(dir, ".crontopus.schema.json"), c.document, 0o644))
			e := openEditor(t, dir, c.modeline)

			said := e.diagnostics(e.open("bad.yaml"))
			for len(said) == 0 { // it had no schema yet
				said = e.diagnostics(e.uri("bad.yaml"))
			}
			for line, words := range map[int]string{4: "pattern", 7: "timezne", 8: "", 10: "Expected", 11: "pattern", 12: `"forbid", "allow", "replace"`} {
				require.Contains(t, said[line], words, "%v", said)
			}
			require.NotContains(t, said, 6, "what is right is not marked")

			good := e.open("good.yaml")
			require.Empty(t, e.diagnostics(good))

			hover := e.ask("textDocument/hover", good, "timezone", 1)
			require.Contains(t, hover, "The IANA time zone")
			require.Contains(t, hover, "Europe/Helsinki", "an example")
			require.Contains(t, e.ask("textDocument/hover", good, "timeout", 1), "told to stop")

			fields := e.ask("textDocument/completion", good, "timezone: Europe/Helsinki", 0)
			for _, field := range []string{"suspend", "monitor"} {
				require.Contains(t, fields, `"label":"`+field+`"`)
			}
			require.NotContains(t, fields, `"label":"workingDirectory"`, "that belongs elsewhere")
			values := e.ask("textDocument/completion", good, "concurrency: ", len("concurrency: "))
			for _, value := range []string{"forbid", "allow", "replace"} {
				require.Contains(t, values, `"label":"`+value+`"`)
			}
		})
	}
}

// editor is the other side of the language server.
type editor struct {
	t        *testing.T
	dir      string
	modeline bool
	in       io.Writer
	out      *textproto.Reader
	requests int
	texts    map[string]string
	settings map[string]any
}

func openEditor(t *testing.T, dir string, modeline bool) *editor {
	t.Helper()
	server, err := filepath.Abs("testdata/editor/node_modules/yaml-language-server/bin/yaml-language-server")
	require.NoError(t, err)
	require.FileExists(t, server, "make install-deps installs it")
	cmd := exec.Command("node", server, "--stdio")
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { // it keeps nothing
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	e := &editor{t: t, dir: dir, modeline: modeline, in: in, out: textproto.NewReader(bufio.NewReader(out)), texts: map[string]string{}}
	e.settings = map[string]any{"schemaStore": map[string]any{"enable": false}, "hover": true, "completion": true, "validate": true}
	if !modeline {
		e.settings["schemas"] = shownToVSCode(t)
	}
	e.request("initialize", map[string]any{
		"processId": os.Getpid(), "rootUri": "file://" + dir,
		"workspaceFolders": []any{map[string]any{"uri": "file://" + dir, "name": "jobs"}},
		"capabilities": map[string]any{
			"workspace":    map[string]any{"configuration": true, "workspaceFolders": true},
			"textDocument": map[string]any{"hover": map[string]any{"contentFormat": []string{"markdown"}}, "completion": map[string]any{"completionItem": map[string]any{"snippetSupport": true}}},
		},
	})
	e.send(map[string]any{"method": "initialized", "params": map[string]any{}})
	e.send(map[string]any{"method": "workspace/didChangeConfiguration", "params": map[string]any{"settings": map[string]any{"yaml": e.settings}}})
	return e
}

// shownToVSCode is the setting yaml.schemas in docs/editors.md.
func shownToVSCode(t *testing.T) map[string]any {
	t.Helper()
	page, err := os.ReadFile("../docs/editors.md")
	require.NoError(t, err)
	block := regexp.MustCompile("(?s)```json\n(.*?)```").FindSubmatch(page)
	require.NotNil(t, block)
	var settings map[string]map[string]any
	require.NoError(t, json.Unmarshal(block[1], &settings))
	require.NotEmpty(t, settings["yaml.schemas"])
	return settings["yaml.schemas"]
}

// open opens a file of testdata/editor and returns its address.
func (e *editor) open(name string) string {
	e.t.Helper()
	data, err := os.ReadFile("testdata/editor/" + name)
	require.NoError(e.t, err)
	text := string(data)
	if e.modeline { // above all
		text = "# yaml-language-server: $schema=../.crontopus.schema.json\n" + text
	}
	uri := e.uri(name)
	e.texts[uri] = text
	e.send(map[string]any{"method": "textDocument/didOpen", "params": map[string]any{
		"textDocument": map[string]any{"uri": uri, "languageId": "yaml", "version": 1, "text": text}}})
	return uri
}

func (e *editor) uri(name string) string { return "file://" + filepath.Join(e.dir, "jobs", name) }

// diagnostics waits for what the server has to say of a file, by line of what testdata has, from 1.
func (e *editor) diagnostics(uri string) map[int]string {
	e.t.Helper()
	message := e.receive(func(m message) bool {
		return m.Method == "textDocument/publishDiagnostics" && strings.Contains(string(m.Params), strconv.Quote(uri))
	})
	var params struct {
		Diagnostics []struct {
			Message string
			Range   struct{ Start struct{ Line int } }
		}
	}
	require.NoError(e.t, json.Unmarshal(message.Params, &params))
	said := map[int]string{}
	first := 1
	if e.modeline {
		first = 0
	}
	for _, d := range params.Diagnostics {
		said[d.Range.Start.Line+first] += d.Message + "\n"
	}
	return said
}

// ask asks about a place, which is so many characters into the only line that has the text.
func (e *editor) ask(method, uri, text string, into int) string {
	e.t.Helper()
	line, column := -1, 0
	for i, l := range strings.Split(e.texts[uri], "\n") {
		if at := strings.Index(l, text); at >= 0 && line < 0 {
			line, column = i, at+into
		}
	}
	require.GreaterOrEqual(e.t, line, 0, text)
	return string(e.request(method, map[string]any{"textDocument": map[string]any{"uri": uri}, "position": map[string]any{"line": line, "character": column}}))
}

type message struct {
	ID     json.RawMessage
	Method string
	Params json.RawMessage
	Result json.RawMessage
	Error  json.RawMessage
}

func (e *editor) request(method string, params any) json.RawMessage {
	e.t.Helper()
	e.requests++
	e.send(map[string]any{"id": e.requests, "method": method, "params": params})
	answer := e.receive(func(m message) bool { return m.Method == "" && string(m.ID) == strconv.Itoa(e.requests) })
	require.Empty(e.t, string(answer.Error), method)
	return answer.Result
}

// receive reads on to the message that is waited for, and answers what the server asks.
func (e *editor) receive(wanted func(message) bool) message {
	e.t.Helper()
	for {
		header, err := e.out.ReadMIMEHeader()
		require.NoError(e.t, err, "the language server has ended")
		length, err := strconv.Atoi(header.Get("Content-Length"))
		require.NoError(e.t, err)
		body := make([]byte, length)
		_, err = io.ReadFull(e.out.R, body)
		require.NoError(e.t, err)
		var m message
		require.NoError(e.t, json.Unmarshal(body, &m))
		if wanted(m) {
			return m
		}
		if m.Method != "" && m.ID != nil {
			e.answer(m)
		}
	}
}

func (e *editor) answer(m message) {
	e.t.Helper()
	var result any
	if m.Method == "workspace/configuration" {
		var params struct{ Items []struct{ Section string } }
		require.NoError(e.t, json.Unmarshal(m.Params, &params))
		values := []any{}
		for _, item := range params.Items {
			if item.Section == "yaml" {
				values = append(values, e.settings)
			} else {
				values = append(values, map[string]any{})
			}
		}
		result = values
	}
	e.send(map[string]any{"id": m.ID, "result": result})
}

func (e *editor) send(m map[string]any) {
	e.t.Helper()
	m["jsonrpc"] = "2.0"
	body, err := json.Marshal(m)
	require.NoError(e.t, err)
	_, err = fmt.Fprintf(e.in, "Content-Length: %d\r\n\r\n%s", len(body), body)
	require.NoError(e.t, err)
}
