package manifests

import (
	"fmt"
	"slices"

	crontopus "crontopus.dev/crontopus"
)

// Check finds what is wrong between manifests that are right by themselves: two that name
// one job, each of which is told where the other is, and jobs that depend on themselves.
func Check(docs []Document) []crontopus.Problem {
	problems := append(duplicates(docs), circles(docs)...)
	Sort(problems)
	return problems
}

func duplicates(docs []Document) []crontopus.Problem {
	first := make(map[crontopus.JobName]*Document, len(docs))
	var problems []crontopus.Problem
	for i := range docs {
		doc := &docs[i]
		other, taken := first[doc.Job.Name()]
		if !taken {
			first[doc.Job.Name()] = doc
			continue
		}
		problems = append(problems, duplicate(other, doc), duplicate(doc, other))
	}
	Sort(problems)
	return slices.CompactFunc(problems, func(a, b crontopus.Problem) bool {
		return a.File == b.File && a.Line == b.Line // the first of three is told of the second only
	})
}

func duplicate(doc, other *Document) crontopus.Problem {
	return crontopus.Problem{
		File: doc.Path, Line: doc.Line, Column: doc.Column, Path: "/metadata/name", Code: CodeDuplicateJob,
		Message: fmt.Sprintf("the job %s is also in %s:%d", doc.Job.Name(), other.Path, other.Line),
		Hint:    "rename one of the two, or give it another namespace",
	}
}
