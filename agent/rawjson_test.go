package agent

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzRawJSON: of every valid object, a walk finds what encoding/json finds, and of any
// other input it takes no harm.
func FuzzRawJSON(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a":1,"b":"x\\\"y,{","c":[1,{"d":null}],"e":{"f":true}}`, ` { "a" : [ ] , "b" : "" } `, `{"a":"\\\\"}`,
		`[1,"a",{"b":[]},[[]]]`, `[0]`, `{"a":[true,null]}`, `{"a`, `{"a":`, `{{{{`, `[,`, `{]}`, `"`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		values := map[string]json.RawMessage{}
		w := &walk{data}
		for name := range w.members {
			values[name] = w.value()
		}
		list := []json.RawMessage{}
		w = &walk{data}
		for range w.items {
			list = append(list, w.value())
		}
		var wantValues map[string]json.RawMessage
		if json.Unmarshal(data, &wantValues) == nil && wantValues != nil && plainNames(wantValues) && !bytes.Contains(data, []byte(`\u`)) {
			require.Len(t, values, len(wantValues))
			for name, value := range wantValues {
				require.Equal(t, string(value), string(values[name]), name)
			}
		}
		var wantList []json.RawMessage
		if json.Unmarshal(data, &wantList) == nil && wantList != nil {
			require.Equal(t, wantList, list)
		}
	})
}

func plainNames(values map[string]json.RawMessage) bool {
	for name := range values {
		for _, r := range name {
			if (r < 'a' || r > 'z') && r != '/' && r != '-' {
				return false
			}
		}
	}
	return true
}
