package api

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

func TestABatchInItsForms(t *testing.T) {
	for body, want := range map[string]int{
		`{"runId":"a"}`:                                       1,
		`[{"runId":"a"},{"runId":"b"}]`:                       2,
		` {"checkIns":[1, 2 ,3]} `:                            3,
		`{"output":"\"checkIns\""}`:                           1,
		"[" + strings.Repeat("0,", wire.MaxCheckIns-1) + "0]": wire.MaxCheckIns,
	} {
		items, err := splitBatch([]byte(body))
		require.NoError(t, err, body)
		require.Len(t, items, want, body)
		for _, item := range items {
			require.True(t, json.Valid(item))
		}
	}
	for body, code := range map[string]string{
		"":                          crontopus.CodeInvalid,
		"7":                         crontopus.CodeInvalid,
		"[":                         crontopus.CodeInvalid,
		"[1":                        crontopus.CodeInvalid,
		"[1]]":                      crontopus.CodeInvalid,
		"[1,]":                      crontopus.CodeInvalid,
		"[]":                        crontopus.CodeInvalid,
		`{"checkIns":null}`:         crontopus.CodeInvalid,
		`{"checkIns":{}}`:           crontopus.CodeInvalid,
		`{"checkIns":[1],"more":1}`: crontopus.CodeInvalid,
		`{"checkIns":[1]} {}`:       crontopus.CodeInvalid,
		`{"checkIns":[1]`:           crontopus.CodeInvalid,
		"[" + strings.Repeat("0,", wire.MaxCheckIns) + "0]": crontopus.CodeTooLarge,
	} {
		_, err := splitBatch([]byte(body))
		require.Equal(t, code, crontopus.ErrorCode(err), body)
	}
}

// A body may be as large as a thousand check-ins with their output, and hold millions of
// something else.
func TestABatchOfVeryManyCostsNoMemory(t *testing.T) {
	members := &strings.Builder{}
	for i := range 1_000_000 {
		fmt.Fprintf(members, `"%d":0,`, i)
	}
	for _, body := range []string{
		"[" + strings.Repeat("0,", 5_000_000) + "0]",
		`{` + members.String() + `"checkIns":[]}`,
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := splitBatch([]byte(body))
		runtime.ReadMemStats(&after)
		require.Error(t, err)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(3*len(body)))
	}
}
