package manifests

import (
	"fmt"
	"slices"
	"strings"

	crontopus "crontopus.dev/crontopus"
)

// circles finds jobs that depend on themselves, by way of others or at once: an incident of one
// would then silence all of them. Each circle is told of at the first of its jobs.
func circles(docs []Document) (problems []crontopus.Problem) {
	w := &dependencyWalk{of: map[crontopus.JobName]*Document{}, left: map[crontopus.JobName]bool{}}
	for i := range docs {
		if len(docs[i].Job.Spec.Monitor.DependsOn) > 0 {
			w.of[docs[i].Job.Name()] = &docs[i]
		}
	}
	for i := range docs {
		if w.of[docs[i].Job.Name()] == &docs[i] {
			w.visit(docs[i].Job.Name())
		}
	}
	return w.problems
}

// dependencyWalk goes from job to job along what they depend on, to each once.
type dependencyWalk struct {
	of       map[crontopus.JobName]*Document // those that depend on others
	path     []crontopus.JobName             // to where the walk is
	left     map[crontopus.JobName]bool      // jobs from which all was seen
	problems []crontopus.Problem
}

func (w *dependencyWalk) visit(name crontopus.JobName) {
	doc := w.of[name]
	if doc == nil || w.left[name] {
		return
	}
	if at := slices.Index(w.path, name); at >= 0 {
		w.tell(append(slices.Clone(w.path[at:]), name))
		return
	}
	w.path = append(w.path, name)
	for _, needed := range doc.Job.DependsOn() {
		w.visit(needed)
	}
	w.path = w.path[:len(w.path)-1]
	w.left[name] = true
}

func (w *dependencyWalk) tell(circle []crontopus.JobName) {
	const most = 6 // that fit into a line
	doc := w.of[circle[0]]
	message := fmt.Sprintf("the job %s depends on itself", circle[0])
	if len(circle) > 2 {
		names := make([]string, 0, most)
		for _, name := range circle[1:min(len(circle)-1, most)] {
			names = append(names, name.String())
		}
		if len(circle)-1 > most {
			names = append(names, "…")
		}
		message += ", by way of " + strings.Join(names, ", ")
	}
	at := doc.At("/spec/monitor/dependsOn")
	w.problems = append(w.problems, crontopus.Problem{
		File: at.File, Line: at.Line, Column: at.Column, Path: "/spec/monitor/dependsOn", Code: CodeDependency,
		Message: message, Hint: "take one of the names out of dependsOn",
	})
}
