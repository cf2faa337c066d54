package syncer

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
)

// desiredAlerting is what the revision says of alerting. What says the same as before keeps the
// revision that last changed it.
func (a *attempt) desiredAlerting(found *loaded, before []crontopus.DesiredAlerting, head crontopus.Commit) []crontopus.DesiredAlerting {
	known, list := alertingByID(before), make([]crontopus.DesiredAlerting, 0, len(found.alerting))
	for i := range found.alerting {
		said := &found.alerting[i]
		d := crontopus.DesiredAlerting{AlertingManifest: said.AlertingManifest, SourceID: a.source.ID, Path: said.Path, Line: said.Line}
		commit, told := found.changes[said.Path]
		if !told {
			commit = head
		}
		d.Revision = crontopus.Revision(a.source.Branch, commit.Hash)
		if was := known[idOf(&d.AlertingManifest)]; was != nil && was.SourceID == a.source.ID && was.Digest() == d.Digest() {
			d.Revision = was.Revision
		}
		list = append(list, d)
	}
	return list
}

// alertingID tells manifests of alerting apart.
type alertingID struct {
	kind string
	name crontopus.JobName
}

func idOf(m *crontopus.AlertingManifest) alertingID { return alertingID{m.Kind(), m.Name()} }

func alertingByID(list []crontopus.DesiredAlerting) map[alertingID]*crontopus.DesiredAlerting {
	by := make(map[alertingID]*crontopus.DesiredAlerting, len(list))
	for i := range list {
		by[idOf(&list[i].AlertingManifest)] = &list[i]
	}
	return by
}

// ownedAlerting finds policies, channels and windows that another source of the tenant named first.
func (a *attempt) ownedAlerting(ctx context.Context, found []manifests.Alerting, known []crontopus.DesiredAlerting) (problems []crontopus.Problem) {
	owners := alertingByID(known)
	for i := range found {
		said := &found[i]
		owner := owners[idOf(&said.AlertingManifest)]
		if owner == nil || owner.SourceID == a.source.ID {
			continue
		}
		name := a.sourceName(ctx, owner.SourceID)
		problems = append(problems, crontopus.Problem{
			File: said.Path, Line: said.Line, Column: said.Column, Path: "/metadata/name", Code: manifests.CodeDuplicateName,
			Message: fmt.Sprintf("the %s %s belongs to the source %s, which has it in %s:%d", said.Kind(), said.Name(), name, owner.Path, owner.Line),
			Hint:    "rename one of the two, give it another namespace, or take it out of " + name + " first",
		})
	}
	return problems
}

// beyondInAlerting returns what of alerting goes beyond the namespaces that the source is limited
// to: one team must not silence, or take over, what another one is told.
func (a *attempt) beyondInAlerting(found []manifests.Alerting) (problems []crontopus.Problem) {
	limits := a.source.Limits
	if len(limits.Namespaces) == 0 {
		return nil
	}
	limited := ", and the source " + a.source.Name + " is limited to namespaces " + strings.Join(limits.Namespaces, ", ")
	for i := range found {
		said := &found[i]
		add := func(pointer, what string) {
			problems = append(problems, a.beyondAt(said.At(pointer), pointer, what+limited))
		}
		if namespace := said.Metadata().Namespace; !limits.Namespace(namespace) {
			add("/metadata/namespace", "the namespace is "+namespace)
		}
		if said.Channel != nil && said.Channel.Spec.Default {
			add("/spec/default", "the channel is told of everything that no policy matches")
		}
		if foreign := foreignSecret(said.Channel); foreign != "" {
			add("/spec/"+said.Channel.Spec.Type, "the secret "+foreign+" is not one of the namespace, such as "+said.Channel.Metadata.Namespace+".NAME")
		}
		if i, channel := foreignChannel(said.Policy, limits); i >= 0 {
			add(fmt.Sprintf("/spec/notify/%d/channel", i), "the channel "+channel+" is another team's, which takes only so many messages an hour")
		}
		if match := said.Match(); match != nil {
			if field, what := beyondMatch(match, limits); field != "" {
				add("/spec/match/"+field, what)
			}
		}
	}
	return problems
}

// foreignChannel returns the step of a policy that names a channel beyond the limits, -1 where there is
// none: who may fill a channel up to its rate keeps its own team's messages out.
func foreignChannel(p *crontopus.AlertPolicy, limits crontopus.SourceLimits) (step int, channel string) {
	if p == nil {
		return -1, ""
	}
	for i, n := range p.Spec.Notify {
		if name := p.ChannelName(n); !limits.Namespace(name.Namespace) {
			return i, name.String()
		}
	}
	return -1, ""
}

// foreignSecret returns a secret that a channel refers to and that is not one of its namespace, ""
// where there is none: whoever may write a channel could send it wherever it likes.
func foreignSecret(c *crontopus.NotificationChannel) string {
	if c == nil {
		return ""
	}
	for _, ref := range c.Spec.References() {
		name := strings.TrimPrefix(ref, crontopus.SecretPrefix)
		if namespace, _, found := strings.Cut(name, "."); !found || namespace != c.Metadata.Namespace {
			return name
		}
	}
	return ""
}

// beyondMatch returns the field by which a match is about more than jobs of namespaces that are
// allowed, and nothing if it is not. Labels alone are those of agents, too.
func beyondMatch(m *crontopus.Match, limits crontopus.SourceLimits) (field, what string) {
	foreign := slices.IndexFunc(m.Namespaces, func(name string) bool { return !limits.Namespace(name) })
	switch {
	case m.All:
		return "all", "all is every namespace, every agent and every source"
	case len(m.Sources) > 0:
		return "sources", "sources are in no namespace"
	case foreign >= 0:
		return fmt.Sprintf("namespaces/%d", foreign), "the match is about the namespace " + m.Namespaces[foreign]
	case len(m.Namespaces)+len(m.Jobs) > 0:
		return "", ""
	case len(m.Agents) > 0:
		return "agents", "agents are in no namespace; with namespaces beside them the match is about jobs alone"
	}
	return "labels", "labels alone match agents, too; with namespaces beside them the match is about jobs alone"
}
