package schedule

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
)

// H is a value that is chosen by what the job is called: always the same for one job,
// spread evenly over many. The seed is the job's namespace/name and nothing else, so a
// job keeps its times on every host, with every server and in every version.

// hashed reads H, H(LOW-HIGH), H/STEP or H(LOW-HIGH)/STEP; text begins with H.
func (f *field) hashed(text, seed string) (it item, err error) {
	values, step, stepped := strings.Cut(text[1:], "/")
	it = item{low: f.min, high: f.last()}
	if f == &fields[domField] {
		it.high = shortest // a day that every month has
	}
	if values != "" {
		if it.low, it.high, err = f.bounds(values, text); err != nil {
			return it, err
		}
	}
	size := it.high - it.low + 1
	it.step = size // so that there is one value
	if stepped {
		if it.step, err = f.step(step, text); err != nil {
			return it, err
		}
		switch {
		case it.step == 1:
			return it, f.invalid(text, "has the step 1, which leaves nothing to choose").
				WithHint("write %s for every value, or %s for one", f.every(it), strings.TrimSuffix(text, "/"+step))
		case it.step > size:
			return it, f.invalid(text, "has a step larger than its range").WithHint("write a step from 2 to %d", size)
		}
	}
	if seed == "" {
		return it, f.invalid(text, "depends on what the job is called").WithHint("name the job: --job NAMESPACE/NAME")
	}
	it.low += int(f.hash(seed) % uint64(it.step))
	if it.low+it.step > it.high {
		return item{low: it.low, high: it.low, step: 1, single: true}, nil
	}
	return it, nil
}

// bounds reads (LOW-HIGH).
func (f *field) bounds(s, text string) (low, high int, err error) {
	inner, opened := strings.CutPrefix(s, "(")
	inner, closed := strings.CutSuffix(inner, ")")
	from, to, ranged := strings.Cut(inner, "-")
	if !opened || !closed || !ranged {
		return 0, 0, f.invalid(text, "is not a form of H").WithHint("write H, H(LOW-HIGH), H/STEP or H(LOW-HIGH)/STEP")
	}
	if low, err = f.value(from, text); err != nil {
		return 0, 0, err
	}
	if high, err = f.value(to, text); err != nil {
		return 0, 0, err
	}
	if low > high {
		return 0, 0, f.invalid(text, "runs backwards").WithHint("write the smaller value first")
	}
	return low, high, nil
}

// every writes all values of an item.
func (f *field) every(it item) string {
	if it.low == f.min && it.high == f.last() {
		return "*"
	}
	return item{low: it.low, high: it.high, step: 1}.String()
}

// hash is the field's own number of a job. It must never change: jobs would move.
func (f *field) hash(seed string) uint64 {
	sum := sha256.Sum256([]byte(seed + " " + f.name))
	return binary.BigEndian.Uint64(sum[:])
}
