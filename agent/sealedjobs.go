package agent

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/atomicfile"
)

// seal is what this host writes under each job of a bundle that it has verified, so that a run, which is a process
// of its own, need not verify a thousand jobs to find one. It is made with the host's private key, and of all that
// the verification depended on: once the bundle's file, the keys that are trusted or the host's own key are others, it
// fits no job that was sealed before, and runs go to the bundle itself. The mark is there for disks that keep times by the
// second, and for clocks that are set back: two bundles of one size may seem to be one.
type seal [sha256.Size]byte

// verified is a bundle that this host has verified, and the seal for its jobs.
type verified struct {
	bundle     *crontopus.Bundle
	seal       seal
	unsealable error
}

// verify returns the stored bundle. Its seal is made first, so that a bundle that comes meanwhile is never sealed
// as this one.
func (s State) verify() (v verified, err error) {
	id, err := s.Identity()
	if err != nil {
		return v, err
	}
	v.seal, v.unsealable = s.seal(id)
	v.bundle, err = loadBundle(s, id)
	return v, err
}

// seal returns the seal of now for what id trusts, which need not be what the host does any more.
func (s State) seal(id *Identity) (seal, error) {
	bundle, noBundle := os.Stat(s.BundleFile())
	identity, noIdentity := json.Marshal(id)
	mark, noMark := os.ReadFile(s.MarkFile())
	key, noKey := os.ReadFile(s.KeyFile())
	if err := errors.Join(noBundle, noIdentity, noMark, noKey); err != nil {
		return seal{}, err
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "jobs of a bundle of %d bytes from %d, marked %x, verified for %x",
		bundle.Size(), bundle.ModTime().UnixNano(), sha256.Sum256(mark), sha256.Sum256(identity))
	return seal(mac.Sum(nil)), nil
}

// under is the seal of one line of the file of sealed jobs.
func (s seal) under(name crontopus.JobName, body []byte) []byte {
	mac := hmac.New(sha256.New, s[:])
	fmt.Fprintf(mac, "%s ", name)
	mac.Write(body)
	return hex.AppendEncode(nil, mac.Sum(nil))
}

// sealedJob is what a line says under its job's name and its seal.
type sealedJob struct {
	Revision string         `json:"revision"`
	Job      *crontopus.Job `json:"job"`
}

// sealJobs writes the jobs of a verified bundle for runs to come.
func (s State) sealJobs(with seal, b *crontopus.Bundle) error {
	return atomicfile.Create(s.SealedJobsFile(), 0o600, func(w io.Writer) error {
		lines := bufio.NewWriter(w)
		for i := range b.Jobs {
			name := b.Jobs[i].Name()
			body, err := json.Marshal(sealedJob{b.Revisions[name.String()], &b.Jobs[i]})
			if err != nil {
				return err
			}
			fmt.Fprintf(lines, "%s %s %s\n", name, with.under(name, body), body)
		}
		return lines.Flush()
	})
}

// sealedJob returns a job of the stored bundle by its seal. It is no error if there is none that fits.
func (s State) sealedJob(id *Identity, name crontopus.JobName) (job *crontopus.Job, revision string, found bool) {
	with, err := s.seal(id)
	if err != nil {
		return nil, "", false
	}
	file, err := os.Open(s.SealedJobsFile())
	if err != nil {
		return nil, "", false
	}
	defer file.Close()
	line := lineAfter(bufio.NewReaderSize(file, 32<<10), name.String()+" ")
	sum, body, _ := bytes.Cut(line, []byte(" "))
	if !hmac.Equal(sum, with.under(name, body)) {
		return nil, "", false
	}
	var sealed sealedJob
	if json.Unmarshal(body, &sealed) != nil || sealed.Job == nil {
		return nil, "", false
	}
	return sealed.Job, sealed.Revision, true
}

// lineAfter returns what follows a beginning in the line that has it, nil if none has.
func lineAfter(r *bufio.Reader, beginning string) []byte {
	for {
		start, err := r.Peek(len(beginning))
		if err != nil {
			return nil
		}
		if string(start) == beginning {
			line, err := r.ReadBytes('\n')
			if err != nil {
				return nil
			}
			return line[len(beginning) : len(line)-1]
		}
		for err = bufio.ErrBufferFull; errors.Is(err, bufio.ErrBufferFull); {
			_, err = r.ReadSlice('\n')
		}
		if err != nil {
			return nil
		}
	}
}
