package importer

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
)

// made is what became of a draft.
type made struct {
	job     *crontopus.Job
	text    string
	proof   *Proof
	problem *crontopus.Problem
}

// makeAll makes manifests of all drafts, with all cores.
func (w *work) makeAll() []made {
	all := make([]made, len(w.drafts))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(w.drafts)) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(all); i = int(next.Add(1)) - 1 {
				all[i] = w.make(w.drafts[i])
			}
		})
	}
	workers.Wait()
	return all
}

// make proves a draft and writes it. What is written is read back, because only that is known
// to be right.
func (w *work) make(d *draft) made {
	refused := func(hint, format string, args ...any) made {
		return made{problem: &crontopus.Problem{
			File: d.file, Line: d.line, Column: min(d.line, 1), Code: CodeNotKept, Severity: crontopus.SeverityError,
			Message: fmt.Sprintf(format, args...), Hint: hint,
		}}
	}
	want := d.job
	want.SetDefaults()
	var first *crontopus.Problem
	for _, quoted := range []bool{false, true} {
		text := d.write(quoted)
		docs, problems := manifests.Decode(d.file, []byte(text))
		if len(problems) > 0 {
			if first == nil {
				first = &problems[0]
			}
			continue
		}
		if len(docs) != 1 || docs[0].Job.Digest() != want.Digest() {
			continue
		}
		proof, err := w.prover.proveOnce(docs[0].Job, d)
		if err != nil {
			return refused(crontopus.ErrorHint(err), "%s", err)
		}
		return made{job: docs[0].Job, text: text, proof: proof}
	}
	if first != nil {
		return refused(first.Hint, "the manifest would not be valid: %s", first.Message)
	}
	return refused("write it by hand", "the manifest would not say the same")
}
