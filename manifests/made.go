package manifests

import (
	"fmt"
	"strings"

	crontopus "crontopus.dev/crontopus"
)

// A text with a placeholder is written out for each job of its matrix, so a few kilobytes
// could become any number of megabytes. These bound what comes of that.
const (
	maxMade   = 1 << 20  // bytes that the matrices of one file make
	MaxMade   = 64 << 20 // bytes that those of all files that are read together make
	madeByJob = 1 << 10  // bytes that a job counts for beside its texts
)

// made is what one matrix makes.
type made struct {
	at    Place
	bytes int
}

// afford returns the jobs of a matrix if the texts that it writes out for them are not too
// long together. The first one has to do where a tree of files as a whole makes too much: it
// shows what is wrong with the manifest.
func (d *document) afford(all []variant) []variant {
	if len(all) == 1 {
		return all
	}
	lengths := map[string]int{} // of a dimension's values in all jobs together
	for _, v := range all {
		for _, value := range v {
			lengths[value.Dimension] += len(value.Value)
		}
	}
	texts := madeOf(d.root, len(all), lengths)
	if d.filled += texts; d.filled > maxMade {
		d.addPointer(matrixAt, true, CodeMatrix,
			fmt.Sprintf("the jobs of the file's matrices say more than %s where they differ: each has a copy of every text with a placeholder", crontopus.Size(maxMade)),
			"keep placeholders out of long texts: write environment: {NAME: \"${matrix.NAME}\"}, and let the script read $NAME")
		return nil
	}
	bytes := texts + madeByJob*len(all)
	d.made = append(d.made, made{d.placeOf("/spec/matrix"), bytes})
	if d.spent != nil && d.spent.Add(int64(bytes)) > MaxMade {
		return all[:1]
	}
	return all
}

// madeOf returns how many bytes the texts of a value have that hold placeholders, in all n
// jobs together.
func madeOf(value any, n int, lengths map[string]int) (bytes int) {
	switch v := value.(type) {
	case string:
		if !strings.Contains(v, placeholderMark) {
			return 0
		}
		bytes = n * len(v)
		for _, found := range placeholders().FindAllStringSubmatch(v, -1) {
			bytes += lengths[found[1]] - n*len(found[0])
		}
	case []any:
		for _, item := range v {
			bytes += madeOf(item, n, lengths)
		}
	case map[string]any:
		for _, inner := range v {
			bytes += madeOf(inner, n, lengths)
		}
	}
	return bytes
}

// Made is how many bytes the file's matrices make.
func (f *File) Made() (bytes int) {
	for _, m := range f.made {
		bytes += m.bytes
	}
	return bytes
}

// overmade tells the matrix with which the files make too much together.
func overmade(files []File) []crontopus.Problem {
	bytes := 0
	for i := range files {
		for _, m := range files[i].made {
			if bytes += m.bytes; bytes > MaxMade {
				return []crontopus.Problem{{
					File: m.at.File, Line: m.at.Line, Column: m.at.Column, Path: "/spec/matrix", Code: CodeMatrix,
					Message: fmt.Sprintf("the matrices of all files up to this one make more than %s of jobs together", crontopus.Size(MaxMade)),
					Hint:    "keep placeholders out of long texts, or spread the manifests over several sources",
				}}
			}
		}
	}
	return nil
}
