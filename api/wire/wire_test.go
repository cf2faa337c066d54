package wire_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

var update = flag.Bool("update", false, "write the golden files of testdata anew")

// messages are all that travels between server, client and agent. Old agents and newer
// servers meet, so a change of a golden file is a change of the contract.
var messages = map[string]any{
	"agent":           &crontopus.Agent{},
	"agent-report":    &crontopus.AgentReport{},
	"alerting":        &wire.Alerting{},
	"api-key":         &crontopus.APIKey{},
	"approve":         &wire.Approve{},
	"pin":             &wire.Pin{},
	"rollback":        &wire.Rollback{},
	"bundle":          &crontopus.Bundle{},
	"check-in":        &crontopus.CheckIn{},
	"check-ins":       &wire.CheckIns{},
	"checkin-results": &wire.CheckInResults{},
	"enroll":          &wire.Enroll{},
	"enrolled":        &wire.Enrolled{},
	"job":             &wire.Job{},
	"key-input":       &wire.KeyInput{},
	"key-made":        &wire.KeyMade{},
	"key-statements":  &wire.KeyStatements{},
	"list":            &wire.List[wire.LastRun]{},
	"plan":            &crontopus.Plan{},
	"problem":         &wire.Problem{},
	"run":             &crontopus.Run{},
	"source":          &crontopus.Source{},
	"source-added":    &wire.SourceAdded{},
	"source-input":    &wire.SourceInput{},

	"source-credentials":         &wire.SourceCredentials{},
	"source-credentials-changed": &wire.SourceCredentialsChanged{},

	"sync":        &crontopus.Sync{},
	"token-input": &wire.TokenInput{},
	"token-made":  &wire.TokenMade{},
	"whoami":      &wire.Whoami{},
}

func TestEveryFieldOfEveryMessageIsSpelledAsInItsGoldenFile(t *testing.T) {
	for name, message := range messages {
		t.Run(name, func(t *testing.T) {
			full := reflect.New(reflect.TypeOf(message).Elem())
			fill(t, full.Elem(), "value")
			text := golden(t, name+".json", full.Interface())

			back := reflect.New(full.Type().Elem())
			require.NoError(t, json.Unmarshal(text, back.Interface()))
			require.Equal(t, withoutHidden(full), withoutHidden(back), "what is written is read again")
		})
	}
}

func TestEmptyMessagesLeaveOutWhatMayBeLeftOut(t *testing.T) {
	for name, message := range messages {
		t.Run(name, func(t *testing.T) { golden(t, name+".empty.json", message) })
	}
}

var fieldName = regexp.MustCompile(`^[a-z][A-Za-z0-9]*$`)

func TestNamesAreSpelledInOneWay(t *testing.T) {
	free := map[string]bool{"labels": true, "facts": true, "annotations": true, "environment": true, "secrets": true}
	var check func(t *testing.T, at string, value any)
	check = func(t *testing.T, at string, value any) {
		switch v := value.(type) {
		case map[string]any:
			for name, inner := range v {
				if !free[filepath.Base(at)] {
					require.Regexp(t, fieldName, name, at)
					require.NotContains(t, name, "ID", "%s: write Id", at)
					require.NotContains(t, name, "URL", "%s: write Url", at)
				}
				check(t, at+"/"+name, inner)
			}
		case []any:
			for _, inner := range v {
				check(t, at, inner)
			}
		}
	}
	files, err := filepath.Glob("testdata/*.json")
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		var value any
		require.NoError(t, json.Unmarshal(text, &value), file)
		check(t, file, value)
	}
	require.Len(t, files, 2*len(messages), "a golden file belongs to a message")
}

// TestWhatOldProgramsSendIsRead reads messages as a program writes them that knows fewer
// fields, or more.
func TestWhatOldProgramsSendIsRead(t *testing.T) {
	var checkIn crontopus.CheckIn
	require.NoError(t, json.Unmarshal([]byte(`{"runId":"0193","job":"nightly","event":"success","at":"2026-11-23T02:30:01.5+02:00","later":{"x":[1]}}`), &checkIn))
	require.Equal(t, crontopus.JobName{Namespace: "default", Name: "nightly"}, checkIn.Job, "a job without namespace is in default")
	require.Equal(t, 500*time.Millisecond, time.Duration(checkIn.At.Nanosecond()), "fractions of a second stay")
	require.Nil(t, checkIn.ExitCode, "no exit code is not exit code 0")

	var source wire.SourceInput
	require.NoError(t, json.Unmarshal([]byte(`{"name":"ops","url":"https://x","interval":"90s"}`), &source))
	require.Equal(t, crontopus.Duration(90*time.Second), source.Interval)
	require.Error(t, json.Unmarshal([]byte(`{"interval":90}`), &source), "90 what?")

	var list wire.List[wire.Job]
	require.NoError(t, json.Unmarshal([]byte(`{"items":null}`), &list))
	require.Empty(t, list.Items)
}

// golden compares a message's JSON with its file and returns it.
func golden(t *testing.T, file string, message any) []byte {
	t.Helper()
	got, err := json.MarshalIndent(message, "", "  ")
	require.NoError(t, err)
	path := filepath.Join("testdata", file)
	if *update {
		require.NoError(t, os.WriteFile(path, append(got, '\n'), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "run the test with -update to write it")
	require.Equal(t, string(want), string(got)+"\n")
	return got
}

var at = time.Date(2026, 11, 23, 2, 30, 1, 250_000_000, time.UTC)

// fill gives every field a value that tells which one it is.
func fill(t *testing.T, v reflect.Value, name string) {
	t.Helper()
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(at))
		return
	case crontopus.Duration:
		v.Set(reflect.ValueOf(crontopus.Duration(90 * time.Second)))
		return
	case crontopus.Size:
		v.Set(reflect.ValueOf(crontopus.Size(10 << 10)))
		return
	case crontopus.JobName:
		v.Set(reflect.ValueOf(crontopus.JobName{Namespace: "production", Name: "nightly"}))
		return
	case []byte:
		v.SetBytes([]byte(name))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(strings.ToLower(name))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64, reflect.Uint64:
		if v.CanInt() {
			v.SetInt(int64(len(name)))
		} else {
			v.SetUint(uint64(len(name)))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), name)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(t, v.Index(0), name)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		value := reflect.New(v.Type().Elem()).Elem()
		fill(t, value, "of "+name)
		v.SetMapIndex(reflect.ValueOf("key").Convert(v.Type().Key()), value)
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), v.Type().Field(i).Name)
		}
	default:
		t.Fatalf("%s: the wire knows no %s", name, v.Type())
	}
}

// withoutHidden is a message without the fields that JSON does not carry.
func withoutHidden(message reflect.Value) any {
	if s, ok := message.Interface().(*crontopus.Source); ok {
		s.RequestedAt, s.RequestedBy, s.RequestedTrace = nil, "", ""
	}
	if s, ok := message.Interface().(*wire.SourceAdded); ok {
		s.Source.RequestedAt, s.Source.RequestedBy, s.Source.RequestedTrace = nil, "", ""
	}
	return message.Interface()
}
