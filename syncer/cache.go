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
	alerting []manifests.Alerting
	defaults []*manifests.Defaults
	problems []crontopus.Problem
	cost     cost
}

// at returns what the blob says when it is the file of that name.
func (d decoded) at(name string) decoded {
	if d.name == name {
		return d
	}
	d.name = name
	d.docs, d.defaults, d.problems = slices.Clone(d.docs), slices.Clone(d.defaults), slices.Clone(d.problems)
	d.alerting = slices.Clone(d.alerting)
	for i := range d.docs {
		d.docs[i].Path = name
	}
	for i := range d.alerting {
		d.alerting[i].Path = name
	}
	for i := range d.defaults {
		d.defaults[i] = d.defaults[i].Moved(name)
	}
	for i := range d.problems {
		d.problems[i].File = name
	}
	return d
}

// cacheKey is what a decoded form depends on: a blob, and the Defaults of its folder.
type cacheKey struct {
	blob  blobHash
	scope scopeHash // zero: there are none
}

// blobCache remembers what was decoded, the least recently used leaving first. A push that
// changes one file decodes one file, and one that changes Defaults those that they are for.
type blobCache struct {
	mu    sync.Mutex
	limit int // of the blobs' bytes
	bytes int
	order *list.List // of *cached, the newest in front
	byKey map[cacheKey]*list.Element
}

type cached struct {
	key     cacheKey
	size    int
	decoded decoded
}

func newBlobCache(limit int) *blobCache {
	return &blobCache{limit: limit, order: list.New(), byKey: map[cacheKey]*list.Element{}}
}

func (c *blobCache) get(key cacheKey) (decoded, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	element, ok := c.byKey[key]
	if !ok {
		return decoded{}, false
	}
	c.order.MoveToFront(element)
	return element.Value.(*cached).decoded, true
}

// add remembers a blob of that many bytes.
func (c *blobCache) add(key cacheKey, size int, d decoded) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.byKey[key]; ok {
		return
	}
	size += 256 // what an entry costs, however small the blob
	c.byKey[key] = c.order.PushFront(&cached{key, size, d})
	for c.bytes += size; c.bytes > c.limit; {
		oldest := c.order.Remove(c.order.Back()).(*cached)
		delete(c.byKey, oldest.key)
		c.bytes -= oldest.size
	}
}
