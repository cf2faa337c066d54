package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
)

type checkInStore interface {
	// RecordCheckIns commits check-ins and returns an error for each that it refused. An
	// agentID of "" is an API key, which may check in for every job of the tenant. It answers
	// within a time after which the caller had better try again.
	RecordCheckIns(ctx context.Context, tenant crontopus.TenantID, agentID string, checkIns []crontopus.CheckIn) ([]error, error)
}

// checkIns takes what runs say of themselves. A 2xx means that it is committed.
type checkIns struct {
	store    checkInStore
	now      func() time.Time
	observer Observer
	router   *router
}

// Limits of check-ins. A batch of 1,000 with the default output of 10 KiB each fits.
const (
	maxBatchBody  = 16 << 20
	maxSingleBody = 1 << 20
	maxMembers    = 64 // of an object, which is far more than a check-in has
)

func (s checkIns) register(r *router) {
	batch := operation(http.MethodPost, "/api/v1/checkins", "check-in", tagCheckIns, "Check in, one or up to 1,000 at once",
		"Takes one check-in, an array of them or `{checkIns: […]}`. The answer is 200 with a result for each, in order; "+
			"an item's own status is what it would have got alone. Sending one twice, late or out of order does no harm.")
	batch.MaxBodyBytes = maxBatchBody
	batch.SkipValidateBody = true // each item is checked by itself
	batch.RequestBody = checkInBody(r.huma, true)
	addDirect[batchIn, body[wire.CheckInResults]](r, reporter, batch, s.batch)

	single := operation(http.MethodPost, "/api/v1/jobs/{namespace}/{name}/checkins", "check-in-job", tagCheckIns, "Check in for one job",
		"As check-in, for one; `job` may be left out.")
	single.MaxBodyBytes = maxSingleBody
	single.SkipValidateBody = true
	single.RequestBody = checkInBody(r.huma, false)
	addDirect[singleIn, body[wire.CheckInResult]](r, reporter, single, s.single)
}

type batchIn struct {
	RawBody []byte `contentType:"application/json"`
}

type singleIn struct {
	JobIn
	RawBody []byte `contentType:"application/json"`
}

func (s checkIns) batch(w http.ResponseWriter, r *http.Request, who caller) error {
	raw, release, err := s.readBody(r, who, maxBatchBody)
	if err != nil {
		return err
	}
	defer release()
	items, err := splitBatch(raw)
	if err != nil {
		return err
	}
	results := make([]wire.CheckInResult, len(items))
	valid := make([]crontopus.CheckIn, 0, len(items))
	places := make([]int, 0, len(items)) // of each valid one in the batch
	for i, item := range items {
		c, err := s.read(who, item, nil)
		results[i].RunID = c.RunID
		if err != nil && !json.Valid(item) {
			return errNotJSON
		}
		if err != nil {
			tell(s.observer, c, err)
			results[i] = result(c, err)
			continue
		}
		valid, places = append(valid, c), append(places, i)
	}
	errs, err := s.record(r.Context(), who, valid)
	if err != nil {
		return err
	}
	for i, c := range valid {
		results[places[i]] = result(c, errs[i])
	}
	writeJSON(w, wire.CheckInResults{Results: results})
	return nil
}

func (s checkIns) single(w http.ResponseWriter, r *http.Request, who caller) error {
	name, err := JobIn{pathParam(r, "namespace"), pathParam(r, "name")}.name()
	if err != nil {
		return err
	}
	raw, release, err := s.readBody(r, who, maxSingleBody)
	if err != nil {
		return err
	}
	defer release()
	c, err := s.read(who, raw, &name)
	if err != nil {
		tell(s.observer, c, err)
		return err
	}
	errs, err := s.record(r.Context(), who, []crontopus.CheckIn{c})
	if err == nil {
		err = errs[0]
	}
	if err != nil {
		return err
	}
	writeJSON(w, result(c, nil))
	return nil
}

func (s checkIns) readBody(r *http.Request, who caller, limit int64) (raw []byte, release func(), err error) {
	return s.router.readBody(r, "tenant "+string(who.tenant), limit)
}

// record commits check-ins.
func (s checkIns) record(ctx context.Context, who caller, checkIns []crontopus.CheckIn) ([]error, error) {
	if len(checkIns) == 0 {
		return nil, nil
	}
	agentID := ""
	if who.agent != nil {
		agentID = who.agent.ID
	}
	errs, err := s.store.RecordCheckIns(ctx, who.tenant, agentID, checkIns)
	if err == nil && len(errs) != len(checkIns) {
		err = errors.New("the store answered a batch of check-ins in part")
	}
	observed(s.observer, checkIns, errs, err)
	return errs, err
}

// result is what becomes of one item.
func result(c crontopus.CheckIn, err error) wire.CheckInResult {
	if err == nil {
		return wire.CheckInResult{RunID: c.RunID, Status: http.StatusOK}
	}
	e, ok := errors.AsType[*crontopus.Error](err)
	status := cmp.Or(statuses[crontopus.ErrorCode(err)], http.StatusInternalServerError)
	if !ok || status == http.StatusInternalServerError {
		e = errInternal
	}
	return wire.CheckInResult{RunID: c.RunID, Status: status, Code: e.Code, Message: e.Message}
}

// splitBatch takes a batch in any of its three forms apart.
func splitBatch(raw []byte) ([]json.RawMessage, error) {
	raw = bytes.TrimSpace(raw)
	var items []json.RawMessage
	switch {
	case len(raw) == 0 || (raw[0] != '[' && raw[0] != '{'):
		return nil, errNotJSON
	case raw[0] == '[':
		var err error
		if items, err = splitList(raw); err != nil {
			return nil, err
		}
	case !bytes.Contains(raw, []byte(`"checkIns"`)): // one; read says what is wrong with it
		items = []json.RawMessage{raw}
	default:
		list, others, err := findList(raw)
		switch {
		case err != nil:
			return nil, err
		case list == nil:
			items = []json.RawMessage{raw}
		case others:
			return nil, invalid("beside checkIns there is something else").WithHint("send {checkIns: […]} and nothing more")
		case string(list) != "null":
			if items, err = splitList(list); err != nil {
				return nil, err
			}
		}
	}
	if len(items) == 0 {
		return nil, invalid("there is no check-in in the request")
	}
	return items, nil
}

// splitList takes a list apart, and stops where there are too many: a short text can have
// millions of items.
func splitList(list []byte) (items []json.RawMessage, err error) {
	d := json.NewDecoder(bytes.NewReader(list))
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return nil, errNotJSON
	}
	for d.More() {
		if len(items) == wire.MaxCheckIns {
			return nil, crontopus.Errorf(crontopus.CodeTooLarge, "there are more than %d check-ins in the request", wire.MaxCheckIns).
				WithHint("send at most %d at once", wire.MaxCheckIns)
		}
		var item json.RawMessage
		if d.Decode(&item) != nil {
			return nil, errNotJSON
		}
		items = append(items, item)
	}
	if _, err := d.Token(); err != nil {
		return nil, errNotJSON
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errNotJSON
	}
	return items, nil
}

// findList returns the member checkIns of an object, nil if there is none, and whether there are
// others. It looks no further than a check-in has members.
func findList(object []byte) (list json.RawMessage, others bool, err error) {
	d := json.NewDecoder(bytes.NewReader(object))
	_, err = d.Token()
	for n := 0; err == nil && d.More(); n++ {
		var name json.Token
		var value json.RawMessage
		if name, err = d.Token(); err == nil {
			err = d.Decode(&value)
		}
		switch {
		case n == maxMembers:
			return nil, false, errNotJSON
		case name == "checkIns":
			list = value
		default:
			others = true
		}
	}
	if err == nil {
		_, err = d.Token()
	}
	if err == nil {
		if _, more := d.Token(); more != io.EOF {
			err = errNotJSON
		}
	}
	if err != nil {
		return nil, false, errNotJSON
	}
	return list, others, nil
}

var errNotJSON = invalid("the body is not a check-in, an array of them or {checkIns: […]} in JSON")

// read decodes and checks one check-in. job, if given, is what the address says. A field that
// is not known is a mistake of who wrote it, but of an agent that is newer than this server: a
// refusal would lose its check-in.
func (s checkIns) read(who caller, raw []byte, job *crontopus.JobName) (crontopus.CheckIn, error) {
	var c crontopus.CheckIn
	decode := json.Unmarshal
	if who.agent == nil {
		decode = decodeKnown
	}
	if err := decode(raw, &c); err != nil {
		return c, invalid("the check-in cannot be read: %s", err)
	}
	if job != nil {
		if c.Job != (crontopus.JobName{}) && c.Job != *job {
			return c, invalid("the check-in is for %s, but was sent to %s", c.Job, job)
		}
		c.Job = *job
	}
	return s.complete(c)
}

// decodeKnown is json.Unmarshal, and refuses a field that is not known.
func decodeKnown(raw []byte, value any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(value); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows the value")
	}
	return nil
}
