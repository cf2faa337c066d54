package demo

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/api/wire"
	"crontopus.dev/crontopus/examples"
)

// connectSource seeds the repository and makes it a source with a signed webhook.
func (d *demo) connectSource(ctx context.Context) (err error) {
	if d.repo, err = d.newRepository(ctx, examples.Quickstart()); err != nil {
		return err
	}
	if _, err := d.repo.push(ctx, "quickstart"); err != nil {
		return err
	}
	added, err := d.client.AddSource(ctx, wire.SourceInput{Name: sourceName, URL: d.repo.URL(), Branch: branch})
	if err != nil {
		return err
	}
	if err := d.repo.hook(added.WebhookURL, added.WebhookSecret); err != nil {
		return err
	}
	d.story.step("connected", "a Git repository with the jobs of examples/quickstart, which sends a signed webhook")
	var jobs wire.List[wire.Job]
	if err := d.until(ctx, "the first jobs", func() (bool, error) {
		jobs, err = d.client.Jobs(ctx, crontopus.Page{})
		return len(jobs.Items) > 0 && len(jobs.Items[0].Agents) == 2, err
	}); err != nil {
		return err
	}
	if err := d.applied(ctx); err != nil {
		return err
	}
	d.story.step("applied", "%d jobs on both hosts; the crontab of %s (… is the scratch folder):", len(jobs.Items), agentCrontab)
	return d.showCrontab()
}

// changeJob follows one commit from the push to its run's output.
func (d *demo) changeJob(ctx context.Context) error {
	nonce := strings.ToLower(rand.Text()[:12])
	if err := d.changeGreeting(nonce); err != nil {
		return err
	}
	d.story.chapter("A commit that changes what the job %s says", examples.QuickstartHello)
	before, err := d.generations(ctx)
	if err != nil {
		return err
	}
	sync, err := d.pushAndWait(ctx, "hello: say "+nonce, crontopus.ReasonSynced)
	if err != nil {
		return err
	}
	if err := d.published(ctx, before); err != nil {
		return err
	}
	if err := d.applied(ctx); err != nil {
		return err
	}
	for _, name := range []string{agentBuiltin, agentCrontab} {
		agent, err := d.client.Agent(ctx, name)
		if err != nil {
			return err
		}
		d.story.step("applied", "%s verified the signature and took generation %s", name, agent.Status.Report.Applied)
	}
	d.story.step("waiting", "for the next full minute: the job's schedule is * * * * *")
	run, err := d.runWith(ctx, nonce, sync.Revision)
	if err != nil {
		return err
	}
	d.story.stepAt(*run.Started, "fired", "due at %s, started by %s", run.ScheduledFor.Format(time.TimeOnly), run.Agent)
	d.story.step("checked in", "run %s %s and said:", run.ID, run.State)
	d.story.quote(string(run.Output))
	return nil
}

// pushInvalid shows that a mistake changes nothing.
func (d *demo) pushInvalid(ctx context.Context) error {
	d.story.chapter("A commit with a mistake")
	if err := d.repo.write("broken.yaml", brokenManifest); err != nil {
		return err
	}
	before, err := d.generations(ctx)
	if err != nil {
		return err
	}
	sync, err := d.pushAndWait(ctx, "add a broken job", crontopus.ReasonValidationFailed)
	if err != nil {
		return err
	}
	for _, p := range sync.Problems {
		d.story.quote(p.String() + "\n  hint: " + p.Hint)
	}
	return d.unchanged(ctx, before)
}

const brokenManifest = `apiVersion: crontopus.dev/v1
kind: Job
metadata: {name: broken}
spec:
  schedule: "0 25 * * *"
  timezon: Europe/Helsinki
  target: {all: true}
  run: {command: [/bin/true]}
`

// removeEverything shows that a commit cannot wipe the fleet.
func (d *demo) removeEverything(ctx context.Context) error {
	d.story.chapter("A commit that removes every job")
	before, err := d.generations(ctx)
	if err != nil {
		return err
	}
	if err := d.repo.removeManifests(); err != nil {
		return err
	}
	sync, err := d.pushAndWait(ctx, "remove everything", crontopus.ReasonRemovalBlocked)
	if err != nil {
		return err
	}
	d.story.quote(d.command() + " sources approve " + sourceName + " --plan " + sync.Plan.Digest())
	return d.unchanged(ctx, before)
}

// pushAndWait pushes what the clone holds and tells the stages of the sync that follows,
// which must end for the given reason.
func (d *demo) pushAndWait(ctx context.Context, message, reason string) (crontopus.Sync, error) {
	begun := time.Now()
	commit, err := d.repo.push(ctx, message)
	if err != nil {
		return crontopus.Sync{}, err
	}
	d.story.begun = begun
	d.story.step("pushed", "%s %q", commit[:12], message)
	var sync crontopus.Sync
	err = d.until(ctx, "the sync of "+commit, func() (bool, error) {
		syncs, err := d.client.Syncs(ctx, sourceName, crontopus.Page{Limit: 5})
		for _, s := range syncs.Items {
			if strings.HasSuffix(s.Revision, commit) && s.Finished != nil {
				sync = s
				return true, nil
			}
		}
		return false, err
	})
	if err != nil {
		return sync, err
	}
	d.story.stepAt(sync.Started, sync.Trigger, "the server begins to sync")
	for _, stage := range sync.Stages {
		if tale, told := stageTales[stage.Name]; told {
			d.story.stepAt(stage.At, tale.word, "%s", tale.note)
		}
	}
	d.story.stepAt(*sync.Finished, sync.Reason, "%s", outcome(sync))
	if sync.Reason != reason {
		return sync, crontopus.Errorf(crontopus.CodeInternal, "the sync ended with %s instead of %s: %s", sync.Reason, reason, sync.Message)
	}
	return sync, nil
}

// stageTales says of the stages of a sync what a spectator sees of them.
var stageTales = map[string]struct{ word, note string }{
	"fetch":    {"fetched", "the commit, by a process that holds no keys"},
	"validate": {"validated", "all manifests together"},
	"plan":     {"counted", "what would leave which host"},
}

// outcome says in a few words how a sync ended.
func outcome(s crontopus.Sync) string {
	switch s.Reason {
	case crontopus.ReasonValidationFailed:
		return fmt.Sprintf("the commit is refused, with %d problems:", len(s.Problems))
	case crontopus.ReasonRemovalBlocked:
		return fmt.Sprintf("%d entries would leave the hosts; it waits for a person to say:", len(s.Plan.Removed))
	}
	return s.Message
}

// published waits until a bundle newer than before is signed for both hosts.
func (d *demo) published(ctx context.Context, before map[string]crontopus.Generation) error {
	var now crontopus.Generation
	err := d.until(ctx, "a new generation for both hosts", func() (bool, error) {
		for name, was := range before {
			agent, err := d.client.Agent(ctx, name)
			if err != nil || agent.Status.Desired.Compare(was) <= 0 {
				return false, err
			}
			now = agent.Status.Desired
		}
		return true, nil
	})
	if err == nil {
		d.story.step("published", "generation %s, a signed bundle for each host", now)
	}
	return err
}

// applied waits until both hosts hold what is published for them.
func (d *demo) applied(ctx context.Context) error {
	return d.until(ctx, "both hosts to apply their bundles", func() (bool, error) {
		for _, name := range []string{agentBuiltin, agentCrontab} {
			agent, err := d.client.Agent(ctx, name)
			if err != nil {
				return false, err
			}
			if s := agent.Status; s.Desired.Number == 0 || s.Report.Applied != s.Desired {
				return false, nil
			}
		}
		return true, nil
	})
}

// generations returns what each host has applied.
func (d *demo) generations(ctx context.Context) (map[string]crontopus.Generation, error) {
	all := map[string]crontopus.Generation{}
	for _, name := range []string{agentBuiltin, agentCrontab} {
		agent, err := d.client.Agent(ctx, name)
		if err != nil {
			return nil, err
		}
		all[name] = agent.Status.Report.Applied
	}
	return all, nil
}

// unchanged shows that the hosts hold what they held before.
func (d *demo) unchanged(ctx context.Context, before map[string]crontopus.Generation) error {
	after, err := d.generations(ctx)
	if err != nil {
		return err
	}
	jobs, err := d.client.Jobs(ctx, crontopus.Page{})
	if err != nil {
		return err
	}
	for name, was := range before {
		if after[name] != was {
			return crontopus.Errorf(crontopus.CodeInternal, "%s moved from generation %s to %s", name, was, after[name])
		}
	}
	d.story.step("unchanged", "%d jobs stay, both hosts keep their generation", len(jobs.Items))
	return nil
}

// runWith waits for a run that its schedule fired and whose output has the nonce.
func (d *demo) runWith(ctx context.Context, nonce, revision string) (found crontopus.Run, err error) {
	err = d.until(ctx, "a scheduled run that prints "+nonce, func() (bool, error) {
		runs, err := d.client.Runs(ctx, crontopus.RunFilter{Job: &examples.QuickstartHello, State: crontopus.RunSucceeded}, crontopus.Page{Limit: 5})
		if err != nil {
			return false, err
		}
		for _, r := range runs.Items {
			if r.ScheduledFor == nil || r.Revision != revision {
				continue
			}
			found, err = d.client.Run(ctx, r.ID)
			return bytes.Contains(found.Output, []byte(nonce)), err
		}
		return false, nil
	})
	return found, err
}

func (d *demo) showCrontab() error {
	text, err := os.ReadFile(d.crontab)
	if err != nil {
		return err
	}
	d.story.quote(strings.ReplaceAll(string(text), d.dir, "…"))
	return nil
}

// changeGreeting edits the manifest of hello as an engineer would.
func (d *demo) changeGreeting(nonce string) error {
	file := filepath.Join(d.repo.clone, examples.QuickstartHelloFile)
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	changed := strings.Replace(string(text), examples.QuickstartGreeting, examples.QuickstartGreeting+" "+nonce, 1)
	return d.repo.write(examples.QuickstartHelloFile, changed)
}
