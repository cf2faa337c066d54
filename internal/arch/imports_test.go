package arch

import (
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// room is one package of the house: what of ours it may import, and why not more.
type room struct {
	may []string // besides the root and internal/…
	why string
}

// rooms is the import law. A new package needs a line here, and its sentence in
// docs/architecture.md. Whatever lies in internal/ is governed by one rule: small tools
// with no domain in them import the root and each other. So are the programs that bench sets
// against the product: they import nothing of ours.
var rooms = map[string]room{
	"":                       {nil, "the nouns depend on nobody"},
	"schedule":               {nil, "when a job runs is pure arithmetic"},
	"envelope":               {nil, "what verifies signatures on every host is small enough to read whole"},
	"schema":                 {nil, "the published schema is data and its validator"},
	"manifests":              {[]string{"schedule", "schema"}, "reading manifests needs no network and no database"},
	"manifests/format":       {[]string{"manifests", "schema"}, "how a manifest is written is not what it says: nothing that brings manifests into effect asks it"},
	"manifests/forecast":     {[]string{"schedule"}, "what will run is counted, whoever has read it"},
	"manifests/lint":         {[]string{"manifests", "manifests/forecast", "schedule", "schema"}, "what is odd is not what is wrong: nothing that brings manifests into effect asks it"},
	"manifests/diff":         {[]string{"manifests", "manifests/forecast", "schedule"}, "what a change means is told before anybody connects to anything"},
	"manifests/importer":     {[]string{"manifests", "schedule"}, "what other schedulers hold is text, whoever has read it"},
	"syncer":                 {[]string{"manifests", "envelope"}, "it declares what it needs of the store"},
	"alert":                  {[]string{"schedule", "alert/notify", "alert/notify/email", "alert/notify/pagerduty", "alert/notify/slack", "alert/notify/webhook"}, "what is judged is handed in, and what comes of it handed back: it declares what it needs of the store"},
	"store":                  {nil, "SQL knows the nouns, not who asks"},
	"store/storetest":        {[]string{"store"}, "one suite for every engine"},
	"alert/notify":           {nil, "a message is words, whatever carries it"},
	"alert/notify/email":     {[]string{"alert/notify"}, "one type of channel"},
	"alert/notify/pagerduty": {[]string{"alert/notify"}, "one type of channel"},
	"alert/notify/slack":     {[]string{"alert/notify"}, "one type of channel"},
	"alert/notify/webhook":   {[]string{"alert/notify"}, "one type of channel"},
	"api":                    {[]string{"schedule", "api/wire"}, "it declares what it needs of store and syncer"},
	"api/wire":               {nil, "server, client and agent share the messages"},
	"api/client":             {[]string{"api/wire"}, "the agent links the client, so it must stay small"},
	"agent":                  {[]string{"schedule", "envelope", "api/wire", "api/client"}, "it runs privileged on every host"},
	"agent/crontab":          {[]string{"agent", "schedule"}, "one scheduler"},
	"agent/builtin":          {[]string{"agent", "schedule"}, "one scheduler"},
	"agent/command":          {[]string{"agent", "agent/crontab", "agent/builtin", "schedule", "api/client"}, "joins the agent with its schedulers"},
	"cli":                    {[]string{"app", "app/demo", "api/client", "api/wire", "ci", "cli/changes", "cli/findings", "manifests", "manifests/diff", "manifests/forecast", "manifests/format", "manifests/importer", "manifests/lint", "schema", "schedule"}, "commands talk to app and the client"},
	"cli/changes":            {[]string{"manifests/diff", "schedule"}, "how a difference is written knows nothing of how it was found"},
	"cli/findings":           {nil, "how problems are written knows nothing of how they are found"},
	"app":                    {anything, "the composition root"},
	"app/metrics":            {[]string{"store"}, "who is measured declares what it tells; app hands it over"},
	"app/tracing":            {nil, "who is traced begins spans; app hands over who tells of them"},
	"app/demo":               {[]string{"api/client", "api/wire", "examples"}, "the demo uses the product as a person does"},
	"ci":                     {nil, "files only, embedded"},
	"examples":               {nil, "files only, embedded"},
	"bench":                  {anything, "it measures every room"},
	"cmd/crontopus":          {[]string{"cli"}, "main is 15 lines"},
	"cmd/crontopus-agent":    {[]string{"agent/command"}, "main is 15 lines"},
}

// anything marks the composition root.
var anything = []string{"*"}

func TestEachRoomImportsOnlyWhatTheLawAllows(t *testing.T) {
	t.Parallel()
	for _, f := range goFiles(t) {
		for _, imported := range f.imports() {
			target, ours := strings.CutPrefix(imported, module)
			target = strings.TrimPrefix(target, "/")
			if f.test || !ours {
				continue
			}
			if !allowed(f.pkg, target) {
				t.Errorf("%s imports %s: %s (%s)", f.name, imported, rooms[f.pkg].why, "internal/arch/imports_test.go is the law")
			}
		}
	}
}

// allowed reports whether package from may import package target of ours.
func allowed(from, target string) bool {
	pure := from == "" || from == "envelope" // internal/… could bring in libraries
	switch {
	case apart(from):
		return false
	case target == "":
		return true
	case strings.HasPrefix(target, "internal/"):
		return !pure
	case strings.HasPrefix(from, "internal/"):
		return false
	}
	may := rooms[from].may
	return slices.Contains(may, target) || slices.Equal(may, anything)
}

// apart reports whether a package is a program that the product is measured against or with.
func apart(pkg string) bool { return strings.HasPrefix(pkg, "bench/") }

func TestFloorsShareNothingWithTheProduct(t *testing.T) {
	t.Parallel()
	floors := 0
	for _, f := range goFiles(t) {
		if !apart(f.pkg) {
			continue
		}
		floors++
		for _, imported := range f.imports() {
			if imported == module || strings.HasPrefix(imported, module+"/") {
				t.Errorf("%s imports %s: a floor that shares code with the product shows nothing", f.name, imported)
			}
		}
	}
	require.NotZero(t, floors, "the floors are somewhere else")
}

func TestEveryPackageHasItsLineInTheLaw(t *testing.T) {
	t.Parallel()
	for pkg := range packages(t) {
		if _, known := rooms[pkg]; !known && !strings.HasPrefix(pkg, "internal/") && !apart(pkg) {
			t.Errorf("package %q is not in rooms: say what it may import, and why", pkg)
		}
	}
}

func TestEveryLineOfTheLawHasItsPackage(t *testing.T) {
	t.Parallel()
	lived := packages(t)
	for pkg := range rooms {
		if _, ok := lived[pkg]; !ok {
			t.Errorf("rooms names %q, which does not exist", pkg)
		}
	}
}

func TestTheLawAllowsNothingThatNobodyUses(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for _, f := range goFiles(t) {
		for _, imported := range f.imports() {
			if !f.test {
				used[f.pkg+" imports "+strings.TrimPrefix(imported, module+"/")] = true
			}
		}
	}
	for pkg, room := range rooms {
		for _, target := range room.may {
			if target != "*" && !used[pkg+" imports "+target] {
				t.Errorf("rooms lets %s import %s, which it does not: a door that nobody uses is closed", pkg, target)
			}
		}
	}
}

func TestTheLowestRoomsUseTheStandardLibraryOnly(t *testing.T) {
	t.Parallel()
	for _, f := range goFiles(t) {
		if f.test || !slices.Contains([]string{"", "envelope", "schedule", "api/wire"}, f.pkg) {
			continue
		}
		for _, imported := range f.imports() {
			first, _, _ := strings.Cut(imported, "/")
			if strings.Contains(first, ".") && !strings.HasPrefix(imported, module) {
				t.Errorf("%s imports %s: %s", f.name, imported, rooms[f.pkg].why)
			}
		}
	}
}

func TestTheAgentLinksNoServer(t *testing.T) {
	t.Parallel()
	// What may not run privileged on every host, and why.
	forbidden := map[string]string{
		"github.com/jackc/pgx":          "a database driver",
		"modernc.org/sqlite":            "a database",
		"github.com/go-git/go-git":      "a Git client: hosts get signed bundles",
		"github.com/danielgtaylor/huma": "the server's HTTP",
		"github.com/go-chi/chi":         "the server's HTTP",
		"github.com/pressly/goose":      "migrations",
		"github.com/santhosh-tekuri":    "manifests are validated before they are signed",
		"github.com/adhocore/gronx":     "an oracle for tests",
		"go.opentelemetry.io":           "the server tells of what hosts apply",
		"github.com/prometheus":         "a host's agent has no page to show: the server tells how it is",
		"github.com/stretchr/testify":   "tests only",
		"testing":                       "tests only",
		module + "/store":               "the server",
		module + "/syncer":              "the server",
		module + "/manifests":           "the server",
		module + "/app":                 "the server",
		module + "/cli":                 "links the server",
		module + "/internal/gittest":    "tests only",
		module + "/internal/pgtest":     "tests only",
		module + "/internal/badnet":     "tests only",
	}
	dependencies := linked(t, "crontopus-agent")
	require.Contains(t, dependencies, module+"/agent", "the list of dependencies is not what this test takes it for")
	require.NotContains(t, dependencies, module+"/api", "the server's HTTP")
	for _, dep := range dependencies {
		for prefix, why := range forbidden {
			if dep == prefix || strings.HasPrefix(dep, prefix+"/") {
				t.Errorf("crontopus-agent links %s: %s", dep, why)
			}
		}
	}
}

func TestNoProgramLinksWhatOnlyTestsNeed(t *testing.T) {
	t.Parallel()
	for _, dep := range linked(t, "crontopus") {
		for _, tests := range []string{"testing", "github.com/stretchr/testify", "github.com/adhocore/gronx", "pgregory.net/rapid", module + "/internal/gittest", module + "/internal/pgtest", module + "/internal/badnet"} {
			if dep == tests || strings.HasPrefix(dep, tests+"/") {
				t.Errorf("crontopus links %s, which only tests need", dep)
			}
		}
	}
}

// linked lists every package that a program is built from.
func linked(t *testing.T, program string) []string {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "./cmd/"+program)
	cmd.Dir = root(t)
	out, err := cmd.Output()
	require.NoError(t, err)
	return strings.Fields(string(out))
}

func TestTheLinterKeepsTheSameLaw(t *testing.T) {
	t.Parallel()
	var config string
	files(t, func(name string, data []byte) {
		if name == ".golangci.yml" {
			config = string(data)
		}
	})
	for _, pkg := range slices.Sorted(maps.Keys(rooms)) {
		top, _, _ := strings.Cut(pkg, "/")
		if top == "" || top == "app" || top == "cmd" || top == "bench" { // the root has a rule of another form; these have none to keep
			continue
		}
		if !strings.Contains(config, "**/"+top+"/") {
			t.Errorf("no depguard rule in .golangci.yml is about %s", pkg)
		}
	}
}
