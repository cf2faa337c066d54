package syncer

import (
	"container/list"
	"slices"
	"sync"

	"crontopus.dev/crontopus"
	"crontopus.dev/crontopus/manifests"
)

// decoded is what one blob says. Its jobs are shared by all who ask, and never changed.
type decoded struct {
	name     string // of the file that it was read from
	docs     []manifests.Document
	digests  []string // of each doc's job
	problems []crontopus.Problem
}

// at returns what the blob says when it is the file of that name.
func (d decoded) at(name string) decoded {
	if d.name == name {
		return d
	}
	d.name = name
	d.docs, d.problems = slices.Clone(d.docs), slices.Clone(d.problems)
	for i := range d.docs {
		d.docs[i].Path = name
	}
	for i := range d.problems {
		d.problems[i].File = name
	}
	return d
}

// blobCache remembers what was decoded, by blob hash, the least recently used leaving
// first. A push that changes one file decodes one file.
type blobCache struct {
	mu    sync.Mutex
	limit int // of the blobs' bytes
	bytes int
	order *list.List // of *cached, the newest in front
	byID  map[blobHash]*list.Element
}

type cached struct {
	hash    blobHash
	size    int
	decoded decoded
}

func newBlobCache(limit int) *blobCache {
	return &blobCache{limit: limit, order: list.New(), byID: map[blobHash]*list.Element{}}
}

func (c *blobCache) get(hash blobHash) (decoded, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	element, ok := c.byID[hash]
	if !ok {
		return decoded{}, false
	}
	c.order.MoveToFront(element)
	return element.Value.(*cached).decoded, true
}

// add remembers a blob of that many bytes.
func (c *blobCache) add(hash blobHash, size int, d decoded) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.byID[hash]; ok {
		return
	}
	size += 256 // what an entry costs, however small the blob
	c.byID[hash] = c.order.PushFront(&cached{hash, size, d})
	for c.bytes += size; c.bytes > c.limit; {
		oldest := c.order.Remove(c.order.Back()).(*cached)
		delete(c.byID, oldest.hash)
		c.bytes -= oldest.size
	}
}
