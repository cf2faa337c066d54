// Package arch keeps the rules of the house as tests: who may import whom, what the
// agent may link, how long a file may be. It holds no code; nobody imports it.
package arch
