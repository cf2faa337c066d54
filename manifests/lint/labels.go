package lint

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/internal/suggest"
	"crontopus.dev/crontopus/manifests"
)

// manyTargets is how many targets must have a label for another one to be a misspelling of
// it, and longWord how many letters one must have: of short words every other is near.
const (
	manyTargets = 3
	longWord    = 4
)

// unknownLabels finds labels in one target alone that are nearly those of many.
func unknownLabels(docs []manifests.Document) (found []finding) {
	keys, values := words{}, map[string]words{}
	for i := range docs {
		for key, value := range docs[i].Job.Spec.Target.Labels {
			keys.add(key, &docs[i])
			if values[key] == nil {
				values[key] = words{}
			}
			values[key].add(value, &docs[i])
		}
	}
	found = keys.misspelled(func(key, meant string) string {
		return fmt.Sprintf("no other target has the label %s, and many have %s", key, meant)
	})
	for _, key := range slices.Sorted(maps.Keys(values)) {
		found = append(found, values[key].misspelled(func(value, meant string) string {
			return fmt.Sprintf("no other target has %s=%s, and many have %s=%s", key, value, key, meant)
		})...)
	}
	return found
}

// words are what targets say in one place, with the targets' documents.
type words map[string][]*manifests.Document

func (w words) add(word string, doc *manifests.Document) { w[word] = append(w[word], doc) }

// misspelled are the words of one target that are near to one of many.
func (w words) misspelled(message func(word, meant string) string) (found []finding) {
	var common, rare []string
	for word, docs := range w {
		switch {
		case len(docs) >= manyTargets:
			common = append(common, word)
		case len(docs) == 1 && len(word) >= longWord:
			rare = append(rare, word)
		}
	}
	slices.Sort(common)
	slices.Sort(rare)
	for _, word := range rare {
		if meant := suggest.Nearest(word, common); meant != "" && !numbered(word, meant) && !lettered(word, meant) {
			found = append(found, finding{doc: w[word][0], pointer: "/spec/target", message: message(word, meant), hint: fmt.Sprintf("did you mean %s?", meant)})
		}
	}
	return found
}

// lettered reports words that end in another letter or digit, or in one more: web-a and
// web-b, node1 and node10, host and hosts are all meant.
func lettered(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	return len(b)-len(a) <= 1 && strings.HasPrefix(b, a[:len(a)-1]) && (len(a) < len(b) && strings.HasPrefix(b, a) || len(a) == len(b))
}

// noAgent finds targets that none of the agents matches, and says what of it none has.
func noAgent(docs []manifests.Document, agents []crontopus.Agent) (found []finding) {
	known := slices.DeleteFunc(slices.Clone(agents), func(a crontopus.Agent) bool { return a.RevokedAt != nil })
	told := map[string]*finding{} // by target: many jobs have the same
	for i := range docs {
		spec := &docs[i].Job.Spec
		if spec.Suspend || spec.Target.Ping {
			continue
		}
		key := TargetName(&spec.Target)
		f, asked := told[key]
		if !asked {
			if !slices.ContainsFunc(known, func(a crontopus.Agent) bool { return spec.Target.Matches(&a) }) {
				message, hint := nobody(&spec.Target, known)
				f = &finding{pointer: "/spec/target", message: message, hint: hint}
			}
			told[key] = f
		}
		if f != nil {
			here := *f
			here.doc = &docs[i]
			found = append(found, here)
		}
	}
	return found
}

// nobody says why no agent matches, and what would.
func nobody(t *crontopus.Target, agents []crontopus.Agent) (message, hint string) {
	const enroll = "enroll a host that it matches, or correct it; crontopus agents list shows what there is"
	switch {
	case len(agents) == 0:
		return "the server knows no agent yet", "enroll a host: crontopus agents enroll"
	case len(t.Agents) > 0:
		var names []string
		for i := range agents {
			if agents[i].NameFixed {
				names = append(names, agents[i].Name)
			}
		}
		for _, name := range t.Agents {
			if meant := suggest.Nearest(name, names); meant != "" {
				return "no agent that the server knows has one of these names", fmt.Sprintf("did you mean %s?", meant)
			}
			if slices.ContainsFunc(agents, func(a crontopus.Agent) bool { return a.Name == name && !a.NameFixed }) {
				return fmt.Sprintf("the agent %s chose its name itself, and targets match only names that an operator fixed", name),
					"enroll it with crontopus agents enroll --name " + name + ", or match its labels"
			}
		}
		return "no agent that the server knows has one of these names", enroll
	}
	for _, key := range slices.Sorted(maps.Keys(t.Labels)) {
		values := map[string]bool{}
		for i := range agents {
			if value, ok := agents[i].MatchLabel(key); ok {
				values[value] = true
			}
		}
		if !values[t.Labels[key]] {
			have := slices.Sorted(maps.Keys(values))
			meant := suggest.Nearest(t.Labels[key], have)
			message = fmt.Sprintf("no agent that the server knows has %s=%s", key, t.Labels[key])
			switch {
			case meant != "":
				return message, fmt.Sprintf("did you mean %s?", meant)
			case len(have) == 0:
				return message, "no agent has the label " + key + "; " + enroll
			}
			return message, fmt.Sprintf("agents have %s; %s", strings.Join(have[:min(len(have), 8)], ", "), enroll)
		}
	}
	return "no agent that the server knows has all of these labels", enroll
}
