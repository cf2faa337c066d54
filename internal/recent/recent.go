// Package recent remembers what was used last, within bounds: a cache of which nobody can make
// more than was meant, whatever is asked for. It knows nothing of what it holds.
package recent

import "sync"

// Map remembers the values that were put or asked for last: at least size of them, at most
// twice as many. It is safe for concurrent use.
type Map[K comparable, V any] struct {
	size int

	mu         sync.Mutex
	forgotten  uint64 // how often everything was
	young, old map[K]V
}

// New returns an empty map.
func New[K comparable, V any](size int) *Map[K, V] {
	return &Map[K, V]{size: size, young: map[K]V{}}
}

// Get returns a value, and what Put needs to know.
func (m *Map[K, V]) Get(k K) (v V, known bool, seen uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v, known = m.young[k]; !known {
		if v, known = m.old[k]; known {
			m.keep(k, v)
		}
	}
	return v, known, m.forgotten
}

// Put remembers a value that was looked up after Get, unless everything was forgotten since:
// the value may be from before.
func (m *Map[K, V]) Put(k K, v V, seen uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.forgotten == seen {
		m.keep(k, v)
	}
}

func (m *Map[K, V]) keep(k K, v V) {
	if len(m.young) >= m.size {
		m.old, m.young = m.young, make(map[K]V)
	}
	m.young[k] = v
}

// Forget drops everything.
func (m *Map[K, V]) Forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forgotten++
	m.young, m.old = map[K]V{}, nil
}
