package agent

// needles finds many texts in a stream in one pass: the automaton of Aho and Corasick, with
// less than 30 bytes for each of theirs. Node 0 is the root.
type needles struct {
	nodes []needleNode
	first [256]int32 // the root's children, which are asked for most
}

// needleNode stands for a beginning of a text. It is where the longest one is with which
// the bytes so far end.
type needleNode struct {
	child, sibling int32 // 0: none
	fall           int32 // the node of the longest ending that begins another text, or goes on in this one
	depth          int32 // how long it is
	whole          int32 // the longest text that ends here, 0 for none
	open           int32 // the longest ending that may yet become a text
	b              byte  // its last byte
}

func newNeedles(texts []string) *needles {
	n := &needles{nodes: make([]needleNode, 1)}
	for _, text := range texts {
		at := int32(0)
		for i := range len(text) {
			next := n.child(at, text[i])
			if next == 0 {
				next = n.grow(at, text[i])
			}
			at = next
		}
		n.nodes[at].whole = n.nodes[at].depth
	}
	n.link()
	return n
}

func (n *needles) empty() bool { return len(n.nodes) == 1 }

func (n *needles) child(at int32, b byte) int32 {
	if at == 0 {
		return n.first[b]
	}
	for at = n.nodes[at].child; at != 0 && n.nodes[at].b != b; {
		at = n.nodes[at].sibling
	}
	return at
}

func (n *needles) grow(at int32, b byte) int32 {
	next := int32(len(n.nodes))
	n.nodes = append(n.nodes, needleNode{b: b, depth: n.nodes[at].depth + 1, sibling: n.nodes[at].child})
	n.nodes[at].child = next
	if at == 0 {
		n.first[b] = next
	}
	return next
}

// link finds out where each node falls to, the short ones first, since the long ones need theirs.
func (n *needles) link() {
	queue := append(make([]int32, 0, len(n.nodes)), 0)
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for c := n.nodes[at].child; c != 0; c = n.nodes[c].sibling {
			node := &n.nodes[c]
			if at != 0 {
				node.fall = n.next(n.nodes[at].fall, node.b)
			}
			fall := n.nodes[node.fall]
			if node.whole == 0 {
				node.whole = fall.whole
			}
			if node.open = node.depth; node.child == 0 {
				node.open = fall.open
			}
			queue = append(queue, c)
		}
	}
}

// next returns the node after one more byte.
func (n *needles) next(at int32, b byte) int32 {
	for {
		if next := n.child(at, b); next != 0 || at == 0 {
			return next
		}
		at = n.nodes[at].fall
	}
}
