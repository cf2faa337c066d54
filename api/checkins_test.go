package api_test

import (
	"encoding/json"

	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

func checkIn(event crontopus.Event) crontopus.CheckIn {
	return crontopus.CheckIn{RunID: uuid.Must(uuid.NewV7()).String(), Job: backup, Event: event, At: time.Now().UTC()}
}

func TestBatchHasAResultForEachItem(t *testing.T) {
	s := newServer(t)
	other := crontopus.JobName{Namespace: "production", Name: "other"}
	job := s.store.jobs[0]
	job.Job.Metadata.Name = other.Name
	s.store.jobs = append(s.store.jobs, job)
	good, foreign, unknown, bad := checkIn("success"), checkIn("success"), checkIn("success"), checkIn("finished")
	foreign.Job = other
	unknown.Job.Name = "unknown"
	results, err := s.asAgent().CheckIns(t.Context(), []crontopus.CheckIn{good, foreign, bad, unknown, good})
	require.NoError(t, err)
	var statuses []int
	for i, r := range results {
		statuses = append(statuses, r.Status)
		require.Equal(t, r.Status == 200, r.Code == "", "%d: %+v", i, r)
	}
	require.Equal(t, []int{200, 403, 400, 404, 200}, statuses)
	require.Equal(t, good.RunID, results[0].RunID)
	require.Len(t, s.store.runs, 1)
}

func TestBatchInItsThreeForms(t *testing.T) {
	s := newServer(t)
	one, _ := json.Marshal(checkIn("start"))
	for name, tc := range map[string]struct {
		body   string
		status int
		items  int
	}{
		"one":                     {string(one), 200, 1},
		"an array":                {"[" + string(one) + "," + string(one) + "]", 200, 2},
		"an object":               {`{"checkIns":[` + string(one) + `]}`, 200, 1},
		"1,000":                   {"[" + strings.Repeat(string(one)+",", 999) + string(one) + "]", 200, 1000},
		"1,001":                   {"[" + strings.Repeat(string(one)+",", 1000) + string(one) + "]", 413, 0},
		"none":                    {`[]`, 400, 0},
		"none in an object":       {`{"checkIns":[]}`, 400, 0},
		"null":                    {`null`, 400, 0},
		"checkIns is null":        {`{"checkIns":null}`, 400, 0},
		"a number":                {`7`, 400, 0},
		"empty":                   {``, 400, 0},
		"not JSON":                {`{"checkIns":[`, 400, 0},
		"something beside":        {`{"checkIns":[],"more":1}`, 400, 0},
		"larger than 16 MiB":      {`[` + strings.Repeat(" ", 16<<20) + `]`, 413, 0},
		"one that is not as such": {`[null, 1, "x", {}, ` + string(one) + `]`, 200, 5},
	} {
		t.Run(name, func(t *testing.T) {
			r := s.send(http.MethodPost, "/api/v1/checkins", tc.body, s.bearer(crontopus.RoleOperator))
			require.Equal(t, tc.status, r.status, "%.300s", r.body)
			if tc.status != 200 {
				r.problem(t)
				return
			}
			var results wire.CheckInResults
			require.NoError(t, json.Unmarshal(r.body, &results))
			require.Len(t, results.Results, tc.items)
			require.Equal(t, 200, results.Results[tc.items-1].Status)
		})
	}
}

func TestCheckInsThatAreRefused(t *testing.T) {
	const path = "/api/v1/jobs/production/nightly-backup/checkins"
	id := uuid.NewString()
	for name, tc := range map[string]struct {
		path, body string
		status     int
	}{
		"only what is needed":  {path, `{"runId":"` + id + `","event":"success"}`, 200},
		"job said again":       {path, `{"runId":"` + id + `","event":"success","job":"production/nightly-backup"}`, 200},
		"another job":          {path, `{"runId":"` + id + `","event":"success","job":"production/other"}`, 400},
		"no run":               {path, `{"event":"success"}`, 400},
		"run is no UUID":       {path, `{"runId":"1","event":"success"}`, 400},
		"run is a UUID in URN": {path, `{"runId":"urn:uuid:` + id + `","event":"success"}`, 400},
		"no event":             {path, `{"runId":"` + id + `"}`, 400},
		"unknown event":        {path, `{"runId":"` + id + `","event":"done"}`, 400},
		"unknown field":        {path, `{"runId":"` + id + `","event":"success","extra":1}`, 400},
		"attempt below zero":   {path, `{"runId":"` + id + `","event":"success","attempt":-1}`, 400},
		"time is no time":      {path, `{"runId":"` + id + `","event":"success","at":"now"}`, 400},
		"output not base64":    {path, `{"runId":"` + id + `","event":"success","output":"%%"}`, 400},
		"NUL in the revision":  {path, `{"runId":"` + id + `","event":"success","revision":"a\u0000"}`, 400},
		"two values":           {path, `{"runId":"` + id + `","event":"success"} {}`, 400},
		"unknown job":          {"/api/v1/jobs/production/none/checkins", `{"runId":"` + id + `","event":"success"}`, 404},
		"a job that cannot be": {"/api/v1/jobs/production/NO/checkins", `{"runId":"` + id + `","event":"success"}`, 404},
		"empty":                {path, ``, 400},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			r := s.send(http.MethodPost, tc.path, tc.body, s.bearer(crontopus.RoleOperator))
			require.Equal(t, tc.status, r.status, "%s", r.body)
			if tc.status == 200 {
				require.Len(t, s.store.runs, 1)
				require.WithinDuration(t, time.Now(), *s.store.runs[id].Finished, time.Minute)
			} else {
				require.Empty(t, s.store.runs)
				r.problem(t)
			}
		})
	}
}

func TestLongOutputKeepsItsEndAndTextLosesWhatIsNoText(t *testing.T) {
	s := newServer(t)
	c := checkIn("failure")
	c.Output = []byte(strings.Repeat("x", 200<<10) + "the end")
	c.Message = "a\x00b"
	require.NoError(t, s.as(crontopus.RoleOperator).CheckIn(t.Context(), c))
	run := s.store.runs[c.RunID]
	require.Len(t, run.Output, int(crontopus.MaxCaptureOutput))
	require.True(t, strings.HasSuffix(string(run.Output), "the end"))
	require.Equal(t, "a\uFFFDb", run.Message)
}

func TestCheckInsWhileTheDatabaseIsAway(t *testing.T) {
	s := newServer(t)
	require.NoError(t, s.asAgent().Report(t.Context(), crontopus.AgentReport{})) // the agent is known
	s.store.change(func() { s.store.fail = crontopus.Errorf(crontopus.CodeUnavailable, "the database is not available") })
	body, _ := json.Marshal(checkIn("start"))
	r := s.send(http.MethodPost, "/api/v1/checkins", string(body), "Authorization: Bearer "+s.agentToken(time.Now(), nil))
	require.Equal(t, 503, r.status)
	require.NotEmpty(t, r.header.Get("Retry-After"))
	require.Equal(t, crontopus.CodeUnavailable, r.problem(t).Code)
	require.Equal(t, 503, s.send(http.MethodGet, "/readyz", "").status)
}
