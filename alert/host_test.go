package alert_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/alert"
)

// hostIncident is what the host's own watch has open, nil if nothing.
func (w *world) hostIncident() *crontopus.Incident { return w.open(crontopus.AgentWatchID("a1")) }

// What an agent says of its host, and what it comes to: each begins an incident that ends when
// the agent says that all is well.
func TestWhatAHostSaysOfItself(t *testing.T) {
	for name, c := range map[string]struct {
		says  func(*crontopus.AgentReport)
		kind  crontopus.AlertKind
		cause string
		words string
	}{
		"a bundle with a bad signature": {func(r *crontopus.AgentReport) {
			r.Refused = &crontopus.Refusal{Generation: crontopus.Generation{Epoch: 1, Number: 7}, Code: crontopus.RefusedSignature, Message: "no pinned key signed it"}
		}, crontopus.AlertDrift, crontopus.CauseBundleRefused, "db-01 refused its bundle of generation 1.7 (signature): no pinned key signed it"},
		"a bundle that its policy refuses": {func(r *crontopus.AgentReport) {
			r.Refused = &crontopus.Refusal{Code: crontopus.RefusedPolicy, Message: "it removes more than 10 entries"}
		}, crontopus.AlertDrift, crontopus.CausePolicyDenied, "it removes more than 10 entries"},
		"a bundle that has expired": {func(r *crontopus.AgentReport) {
			r.Refused = &crontopus.Refusal{Code: crontopus.RefusedExpired, Message: "it expired yesterday"}
		}, crontopus.AlertBundleExpired, crontopus.CauseBundleExpired, "the bundle of db-01 has expired"},
		"a job that its policy denies": {func(r *crontopus.AgentReport) {
			r.Denied = []crontopus.Denial{{Job: crontopus.JobName{Namespace: "production", Name: "backup"}, Reason: "root is not listed"}}
		}, crontopus.AlertDrift, crontopus.CausePolicyDenied, "production/backup"},
		"many jobs that its policy denies": {func(r *crontopus.AgentReport) {
			for _, name := range []string{"a", "b", "c", "d", "e"} {
				r.Denied = append(r.Denied, crontopus.Denial{Job: crontopus.JobName{Namespace: "shop", Name: name}, Reason: "root is not listed"})
			}
		}, crontopus.AlertDrift, crontopus.CausePolicyDenied, "db-01 does not let shop/a, shop/b, shop/c and 2 more run: root is not listed"},
		"no cron daemon": {func(r *crontopus.AgentReport) {
			r.Host = &crontopus.HostHealth{StartedAt: noon, SchedulerDead: "no cron daemon runs"}
		}, crontopus.AlertDrift, crontopus.CauseSchedulerDead, "nothing starts entries on db-01: no cron daemon runs"},
		"a full disk": {func(r *crontopus.AgentReport) {
			r.Host = &crontopus.HostHealth{StartedAt: noon, DiskFull: "/var/lib/crontopus-agent"}
		}, crontopus.AlertDrift, crontopus.CauseDiskFull, "db-01 has no room left in /var/lib/crontopus-agent"},
		"an apply that fails": {func(r *crontopus.AgentReport) { r.Error = "crontab(1) ended with 1" },
			crontopus.AlertDrift, crontopus.CauseNotApplied, "the agent on db-01 cannot apply its bundle: crontab(1) ended with 1"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(hourly, nil)
			w.until(noon.Add(10*time.Minute), true)
			require.Nil(t, w.hostIncident())
			w.report(c.says)
			w.until(w.now.Add(time.Second), true)
			in := w.hostIncident()
			require.NotNil(t, in)
			require.Equal(t, c.kind, in.Kind)
			require.Equal(t, c.cause, in.Cause.Code)
			require.Contains(t, in.Cause.Sentence, c.words)
			require.NotEmpty(t, in.Cause.Evidence)
			w.report(func(r *crontopus.AgentReport) { r.Refused, r.Denied, r.Host, r.Error = nil, nil, nil, "" })
			w.until(w.now.Add(time.Second), true)
			require.Nil(t, w.hostIncident())
			require.Equal(t, crontopus.ResolvedRecovered, w.incidents[0].Resolution)
			require.Equal(t, "the host db-01 holds what its bundle says again", w.incidents[0].ResolvedWhy)
		})
	}
}

// What a host reports right after it enrolled comes before its first heartbeat is stored.
func TestAHostThatHasReportedWasHeardOf(t *testing.T) {
	w := newWorld(hourly, nil)
	w.report(func(r *crontopus.AgentReport) { r.Error = "crontab(1) ended with 1" })
	w.agent.Status.LastSeenAt = nil
	w.until(w.now.Add(time.Second), false)
	require.Contains(t, w.hostIncident().Cause.Evidence, crontopus.Evidence{What: "last heartbeat", Says: "agent 1.0", At: &w.agent.Status.Report.ReceivedAt})
}

func TestABundleThatNobodyRenewsHasExpired(t *testing.T) {
	w := newWorld(hourly, nil)
	w.expires = noon.Add(20 * time.Minute)
	w.until(noon.Add(19*time.Minute), true)
	require.Nil(t, w.hostIncident())
	w.report(func(*crontopus.AgentReport) {})
	w.until(noon.Add(30*time.Minute), true)
	require.Equal(t, crontopus.AlertBundleExpired, w.hostIncident().Kind)
}

func TestAnAgentIsOfflineAfterWhatItsPolicySays(t *testing.T) {
	for name, c := range map[string]struct {
		policies []crontopus.AlertPolicySpec
		after    time.Duration
	}{
		"nothing said":            {nil, 3 * time.Minute},
		"a shorter time":          {[]crontopus.AlertPolicySpec{{Match: crontopus.Match{All: true}, OfflineAfter: crontopus.Duration(time.Minute)}}, time.Minute},
		"the shortest of several": {[]crontopus.AlertPolicySpec{{Match: crontopus.Match{All: true}, OfflineAfter: crontopus.Duration(time.Hour)}, {Match: crontopus.Match{Agents: []string{"db-01"}}, OfflineAfter: crontopus.Duration(10 * time.Minute)}}, 10 * time.Minute},
		"of another host":         {[]crontopus.AlertPolicySpec{{Match: crontopus.Match{Labels: map[string]string{"role": "web"}}, OfflineAfter: crontopus.Duration(time.Hour)}}, 3 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(hourly, nil)
			for _, spec := range c.policies {
				p := crontopus.AlertPolicy{Spec: spec}
				p.SetDefaults()
				w.policies = append(w.policies, p)
			}
			w.beat()
			w.until(noon.Add(c.after-time.Second), false)
			require.Nil(t, w.hostIncident())
			w.until(noon.Add(c.after), false)
			require.Equal(t, crontopus.AlertAgentOffline, w.hostIncident().Kind)
		})
	}
}

// An agent that comes back says why it was away; one that says nothing is not waited for for ever.
func TestAnAgentThatIsBackIsHeardBeforeItsIncidentEnds(t *testing.T) {
	w := newWorld(hourly, nil)
	w.until(noon.Add(10*time.Minute), false)
	require.NotNil(t, w.hostIncident())
	w.beat()
	w.until(w.now.Add(20*time.Second), true)
	require.NotNil(t, w.hostIncident(), "its report is awaited")
	w.until(w.now.Add(30*time.Second), true)
	require.Nil(t, w.hostIncident())
	require.Contains(t, w.only(t).ResolvedWhy, "db-01 is back")
}

func TestASourceThatIsNotInForce(t *testing.T) {
	source := func(ready bool, reason string, since time.Time, stalled bool) *crontopus.Source {
		return &crontopus.Source{Name: "ops", Status: crontopus.SourceStatus{LastAppliedRevision: "main@sha1:1", Conditions: []crontopus.Condition{
			{Type: crontopus.ConditionReady, Status: ready, Reason: reason, Message: "jobs/a.yaml:3:1: no such field", Since: since},
			{Type: crontopus.ConditionStalled, Status: stalled, Reason: reason, Since: since},
		}}}
	}
	for name, c := range map[string]struct {
		source *crontopus.Source
		open   bool
	}{
		"all is well":                       {source(true, crontopus.ReasonSynced, noon.Add(-time.Hour), false), false},
		"a person must act":                 {source(false, crontopus.ReasonValidationFailed, noon, true), true},
		"it may pass":                       {source(false, crontopus.ReasonFetchFailed, noon.Add(-time.Minute), false), false},
		"it has not passed in five minutes": {source(false, crontopus.ReasonFetchFailed, noon.Add(-5*time.Minute), false), true},
		"it has only begun":                 {source(false, crontopus.ReasonProgressing, noon.Add(-time.Hour), false), false},
	} {
		t.Run(name, func(t *testing.T) {
			l := crontopus.Look{Watch: crontopus.Watch{ID: crontopus.SourceWatchID("s1"), Kind: crontopus.WatchSource, SourceID: "s1"}, Now: noon,
				Source: c.source, Alerting: &crontopus.Alerting{}}
			v := alert.Judge(&l)
			if !c.open {
				require.Empty(t, v.Incidents)
				require.True(t, v.Watch.LookAt.After(noon))
				return
			}
			require.Len(t, v.Incidents, 1)
			require.Equal(t, crontopus.AlertSyncFailed, v.Incidents[0].Kind)
			require.Contains(t, v.Incidents[0].Cause.Sentence, "the source ops is not in force ("+c.source.Status.Conditions[0].Reason+"): jobs/a.yaml:3:1")
			l.Watch, l.Incident = v.Watch, &v.Incidents[0]
			l.Source = source(true, crontopus.ReasonSynced, noon, false)
			v = alert.Judge(&l)
			require.Equal(t, crontopus.ResolvedRecovered, v.Incidents[0].Resolution)
			l.Watch, l.Incident, l.Source = v.Watch, nil, nil
			require.True(t, alert.Judge(&l).Gone, "and a source that is removed is not watched")
		})
	}
}
