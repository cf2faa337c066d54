package crontab

import (
	"bytes"
	"context"
	"os"
	"path/filepath"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/agent"
)

// systemFile is where a root agent keeps its entries. Cron skips names with a dot.
const systemFile = "/etc/cron.d/crontopus"

// Options say which crontab holds the entries and what they start.
type Options struct {
	File       string        // a crontab file without a user column; "" is the host's own place
	Executable string        // absolute path of the agent's program
	Config     string        // absolute path of its configuration, "" where it is the default
	Scratch    string        // a folder for what is handed to crontab(1), "" is the system's
	HostZone   func() string // the host's own zone, "" when unknown; nil: agent.HostZone
	CronZone   func() string // the zone that cron counts in, "" when unknown; nil: agent.CronZone

	// SystemFile and Program replace /etc/cron.d/crontopus and crontab(1) where those
	// live elsewhere.
	SystemFile string
	Program    string
	Root       string // below which cron daemons are looked for, "" is /
}

// Scheduler is cron, seen through one crontab.
type Scheduler struct {
	place    place
	form     form
	hostZone func() string
	cronZone func() string
	root     string
}

var _ agent.Scheduler = (*Scheduler)(nil)

// place is where a crontab's bytes are kept.
type place interface {
	read(ctx context.Context) ([]byte, error)
	write(ctx context.Context, data []byte) error
	String() string
}

// New returns the scheduler for the crontab that the options name: the file; or, without
// one, /etc/cron.d/crontopus for root and the user's own crontab for everybody else.
func New(o Options) (*Scheduler, error) {
	s := &Scheduler{root: o.Root, hostZone: o.HostZone, cronZone: o.CronZone, form: form{executable: o.Executable, config: o.Config}}
	if s.hostZone == nil {
		s.hostZone = agent.HostZone
	}
	if s.cronZone == nil {
		s.cronZone = agent.CronZone
	}
	switch {
	case o.File != "":
		path, err := filepath.Abs(o.File)
		if err != nil {
			return nil, crontopus.Errorf(crontopus.CodeInvalid, "no absolute path for the crontab file %s: %w", o.File, err)
		}
		s.place = file{path: path}
	case os.Geteuid() == 0:
		s.form.user = "root"
		s.place = file{path: or(o.SystemFile, systemFile), system: true}
	default:
		s.place = program{name: or(o.Program, "crontab"), scratch: o.Scratch}
	}
	return s, s.form.check()
}

func or(value, fallback string) string {
	if value != "" {
		return value
	}
	return fallback
}

// Name is the scheduler's word.
func (s *Scheduler) Name() string { return "crontab" }

// HostZone is what /etc/localtime says.
func (s *Scheduler) HostZone() string { return s.hostZone() }

// Crontab says how Render writes lines.
func (s *Scheduler) Crontab() crontopus.Crontab {
	return crontopus.Crontab{Starter: s.form.starter(), Timezone: s.cronZone()}
}

// Render writes the job's lines for cron in its zone. Where cron cannot say the
// exact times it gets a line for more, and the gate of exec decides.
func (s *Scheduler) Render(job *crontopus.Job) (agent.Native, error) {
	return s.form.entry(job, s.cronZone())
}

// Observe reads the block.
func (s *Scheduler) Observe(ctx context.Context) (agent.Observed, error) {
	data, err := s.place.read(ctx)
	if err != nil {
		return agent.Observed{}, err
	}
	return parse(data, s.form).observed, nil
}

// Apply writes the block, or takes it out when there are no entries, and reads back what
// was written.
func (s *Scheduler) Apply(ctx context.Context, entries []agent.Native) error {
	data, err := s.place.read(ctx)
	if err != nil {
		return err
	}
	t := parse(data, s.form)
	want := t.render(entries)
	if bytes.Equal(data, want) {
		return nil
	}
	if err := s.place.write(ctx, want); err != nil {
		return err
	}
	got, err := s.place.read(ctx)
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return crontopus.Errorf(crontopus.CodeConflict, "%s does not hold what was just written to it", s.place).
			WithHint("another program edits it at the same time; the agent tries again by itself")
	}
	return nil
}

// String names the crontab, for messages.
func (s *Scheduler) String() string { return s.place.String() }
