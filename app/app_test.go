package app_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/client"
	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/app"
	"crontopus.dev/crontopus/internal/gittest"
	"crontopus.dev/crontopus/internal/pgtest"
)

// The test program is its own fetch child, as crontopus is, and its own server.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "serve" {
		os.Exit(serve())
	}
	if len(os.Args) == 2 && os.Args[1] == "fetch-child" {
		_ = os.Stderr.Close() // while somebody reads from it, no bubble's time goes on
		if err := app.ServeFetch(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if len(os.Args) == 3 && os.Args[1] == "hold-lock" {
		if err := holdLock(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(pgtest.Main(m))
}

// options are those of a server on a free port with a data folder of its own.
func options(t *testing.T) app.Options {
	t.Helper()
	o := app.Defaults()
	o.Listen, o.Data, o.AllowFileSources = "127.0.0.1:0", filepath.Join(t.TempDir(), "data"), true
	return o
}

// open is app.New for a server that must come up.
func open(t *testing.T, o app.Options) *app.App {
	t.Helper()
	a, err := app.New(t.Context(), o, "v1", slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return a
}

// refused is app.New for a server that must not: it returns why, and the hint.
func refused(t *testing.T, o app.Options) (message, hint string) {
	t.Helper()
	_, err := app.New(t.Context(), o, "v1", slog.New(slog.DiscardHandler))
	require.Error(t, err)
	return err.Error(), crontopus.ErrorHint(err)
}

// run starts a server; stop ends it and returns what Run returned.
func run(t *testing.T, a *app.App) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() { _ = stop() })
	return stop
}

// admin is a client with the key that the first start wrote.
func admin(t *testing.T, a *app.App, o app.Options) *client.Client {
	t.Helper()
	c, err := client.New(a.URL(), client.WithAPIKey(adminKey(t, o)))
	require.NoError(t, err)
	return c
}

func adminKey(t *testing.T, o app.Options) string {
	t.Helper()
	key, err := os.ReadFile(filepath.Join(o.Data, "admin.key"))
	require.NoError(t, err)
	return strings.TrimSpace(string(key))
}

// until asks again until the answer is yes.
func until(t *testing.T, what string, ask func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	late := time.After(2 * time.Minute)
	for !ask() {
		select {
		case <-late:
			t.Fatal("waited in vain until " + what)
		case <-tick.C:
		}
	}
}

const helloJob = `apiVersion: crontopus.dev/v1
kind: Job
metadata: {name: hello}
spec:
  schedule: "30 2 * * *"
  target: {all: true}
  run: {command: [/bin/true]}
`

// withJob makes a repository's job known to the server, all the way through a sync.
func withJob(t *testing.T, c *client.Client) {
	t.Helper()
	repo := gittest.NewRepo(t)
	repo.Commit(t, "a job", map[string]string{"hello.yaml": helloJob})
	_, err := c.AddSource(t.Context(), wire.SourceInput{Name: "fleet", URL: repo.URL(), Branch: gittest.Branch})
	require.NoError(t, err)
	until(t, "the job is synced", func() bool {
		_, err := c.Job(t.Context(), crontopus.JobName{Namespace: "default", Name: "hello"})
		return err == nil
	})
}

func TestTheFirstStartMakesOneKeyForOneAdmin(t *testing.T) {
	o := options(t)
	first := open(t, o)
	info, err := os.Stat(filepath.Join(o.Data, "admin.key"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	stop := run(t, first)
	me, err := admin(t, first, o).Whoami(t.Context())
	require.NoError(t, err)
	require.Equal(t, crontopus.RoleAdmin, me.Role)
	require.NoError(t, stop())

	// Who has put the key elsewhere does not get another one.
	key := adminKey(t, o)
	require.NoError(t, os.Remove(filepath.Join(o.Data, "admin.key")))
	second := open(t, o)
	require.NoFileExists(t, filepath.Join(o.Data, "admin.key"))
	run(t, second)
	c, err := client.New(second.URL(), client.WithAPIKey(key))
	require.NoError(t, err)
	_, err = c.Whoami(t.Context())
	require.NoError(t, err, "the first key is still good")
}

func TestTwoServersDoNotShareADataFolder(t *testing.T) {
	o := options(t)
	run(t, open(t, o))
	message, hint := refused(t, o)
	require.Contains(t, message, "another server already uses the data folder "+o.Data)
	require.Contains(t, hint, "--data DIR")
}

func TestAStartThatFailsLeavesNothingOpen(t *testing.T) {
	o := options(t)
	first := open(t, o)
	o.Listen = strings.TrimPrefix(first.URL(), "http://")
	require.NoError(t, run(t, first)())
	statements := filepath.Join(o.Data, "keys", "keyset.json")
	good, err := os.ReadFile(statements)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(statements, []byte("[]"), 0o600))
	message, _ := refused(t, o)
	require.Contains(t, message, "does not hold the statements")

	require.NoError(t, os.WriteFile(statements, good, 0o600))
	require.NoError(t, run(t, open(t, o))(), "folder, socket and database are free again")
}

func TestAServerThatCannotListenMakesNothing(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	const free, wrong = "127.0.0.1:0", "127.0.0.1:99999"
	for name, c := range map[string]struct{ listen, metrics, bad, hint string }{
		"a port that is taken":          {taken.Addr().String(), "", taken.Addr().String(), "stop what listens there, or choose another address with --listen HOST:PORT"},
		"the metrics' port is taken":    {free, taken.Addr().String(), taken.Addr().String(), "stop what listens there, or choose another address with --metrics-listen HOST:PORT"},
		"a port that there is not":      {wrong, "", wrong, "a port of 0 to 65535 that this user may open with --listen HOST:PORT"},
		"an address of somebody else's": {"192.0.2.1:80", "", "192.0.2.1:80", "name an address of this machine"},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t)
			o.Listen, o.MetricsListen = c.listen, c.metrics
			message, hint := refused(t, o)
			require.Contains(t, message, "cannot listen on "+c.bad)
			require.Contains(t, hint, c.hint)
			require.Equal(t, []string{"lock"}, names(t, o.Data))
		})
	}
}

func TestADataFolderThatCannotBeUsed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	o := options(t)
	o.Data = filepath.Join(file, "data")
	message, hint := refused(t, o)
	require.Contains(t, message, "cannot use the data folder "+o.Data)
	require.Contains(t, hint, "--data DIR")
}

func TestOptionsThatCannotWorkOpenNothing(t *testing.T) {
	for name, c := range map[string]struct {
		set  func(*app.Options)
		says string
	}{
		"a certificate without its key":  {func(o *app.Options) { o.TLSCert = "cert.pem" }, "--tls-cert and --tls-key go together"},
		"a key without its certificate":  {func(o *app.Options) { o.TLSKey = "key.pem" }, "--tls-cert and --tls-key go together"},
		"runs kept for no time":          {func(o *app.Options) { o.KeepRuns = "long" }, "--keep-runs \"long\" is not a duration"},
		"fewer runs than none":           {func(o *app.Options) { o.KeepRunsPerJob = -1 }, "--keep-runs-per-job is -1, and cannot be less than 0"},
		"bundles that expire at once":    {func(o *app.Options) { o.BundleLife = time.Second }, "--bundle-life is 1s, and at least 1m is needed"},
		"a network that is an address":   {func(o *app.Options) { o.AllowNetworks = []string{"10.0.0.1"} }, `--allow-network "10.0.0.1" is not a network`},
		"one good network and one wrong": {func(o *app.Options) { o.AllowNetworks = []string{"10.0.0.0/8", "::1/999"} }, `"::1/999" is not a network`},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t)
			c.set(&o)
			message, _ := refused(t, o)
			require.Contains(t, message, c.says)
			require.NoDirExists(t, o.Data)
		})
	}
}

func TestTheURLIsWhatTheOperatorSaysOrWhereItListens(t *testing.T) {
	o := options(t)
	plain := open(t, o)
	require.Regexp(t, `^http://127\.0\.0\.1:\d+$`, plain.URL())
	require.NoError(t, run(t, plain)())
	o.PublicURL = "https://cron.example.com"
	named := open(t, o)
	require.Equal(t, "https://cron.example.com", named.URL())
	require.NoError(t, run(t, named)())
}

func TestACertificateThatIsNotThereEndsTheServer(t *testing.T) {
	o := options(t)
	o.TLSCert, o.TLSKey = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	a := open(t, o)
	require.True(t, strings.HasPrefix(a.URL(), "https://"))
	require.ErrorContains(t, a.Run(t.Context()), "cert.pem")
	o.TLSCert, o.TLSKey = "", ""
	require.NoError(t, run(t, open(t, o))(), "everything was closed again")
}

// A server that is told to stop says that it is not ready, takes no new requests and
// finishes what it has begun: the check-in is there afterwards.
func TestAStoppingServerFinishesWhatItAccepted(t *testing.T) {
	o := options(t)
	a := open(t, o)
	stop := run(t, a)
	c := admin(t, a, o)
	withJob(t, c)

	host := dial(t, a)
	id := uuid.Must(uuid.NewV7()).String()
	body := `{"runId": "` + id + `", "event": "success", "exitCode": 0}`
	host.send(t, "POST /api/v1/jobs/default/hello/checkins HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+adminKey(t, o)+
		"\r\nContent-Type: application/json\r\nContent-Length: "+fmt.Sprint(len(body))+"\r\nExpect: 100-continue\r\n\r\n")
	require.Equal(t, http.StatusContinue, host.answer(t).StatusCode, "the server waits for the body")

	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	until(t, "the server is not ready", func() bool { return status(t, a, "/readyz") == http.StatusServiceUnavailable })
	require.Equal(t, http.StatusServiceUnavailable, status(t, a, "/api/v1/jobs"))
	require.Equal(t, http.StatusOK, status(t, a, "/healthz"))
	select {
	case err := <-ended:
		t.Fatalf("the server ended with %v while a check-in was under way", err)
	default:
	}
	host.send(t, body)
	require.Less(t, host.answer(t).StatusCode, 300)
	require.NoError(t, <-ended)

	again := open(t, o)
	run(t, again)
	kept, err := admin(t, again, o).Run(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, crontopus.RunSucceeded, kept.State)
}

func TestARequestThatNeverEndsHoldsTheServerUpOnlySoLong(t *testing.T) {
	o := options(t)
	o.DrainTimeout = time.Millisecond
	a := open(t, o)
	stop := run(t, a)
	slow := dial(t, a)
	slow.send(t, "POST /api/v1/checkins HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+adminKey(t, o)+
		"\r\nContent-Type: application/json\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n")
	require.Equal(t, http.StatusContinue, slow.answer(t).StatusCode)
	require.ErrorIs(t, stop(), context.DeadlineExceeded)
	require.NoError(t, run(t, open(t, o))(), "everything was closed all the same")
}

// status asks once; the client of the API would try again after a 503.
func status(t *testing.T, a *app.App, path string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.URL()+path, nil)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode
}

// connection is a client's, by hand: what is sent when is what the tests are about.
type connection struct {
	net.Conn
	in *bufio.Reader
}

func dial(t *testing.T, a *app.App) *connection {
	t.Helper()
	u, err := url.Parse(a.URL())
	require.NoError(t, err)
	conn, err := net.Dial("tcp", u.Host)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return &connection{conn, bufio.NewReader(conn)}
}

func (c *connection) send(t *testing.T, text string) {
	t.Helper()
	_, err := c.Write([]byte(text))
	require.NoError(t, err)
}

func (c *connection) answer(t *testing.T) *http.Response {
	t.Helper()
	response, err := http.ReadResponse(c.in, nil)
	require.NoError(t, err)
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}
