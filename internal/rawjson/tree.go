package rawjson

import "iter"

// Tree is a JSON text taken apart in one walk, down to some levels. Who looks into
// an object within an object would otherwise walk over the inner one once more for
// each level.
//
// It has places in the text and not the text, which its methods must be given: so it
// can lie on the stack of a function that keeps parts of the text.
type Tree []Node

// Node is one value of a [Tree]. Callers only make room for some.
type Node struct {
	key, keyEnd int // with its quotes; equal for an element
	start, end  int
	next        int // index of the first node after those within this one
	simple      bool
}

// ParseTree checks that src is JSON, through and through, and notes the values in
// it down to that many levels; the first is what is in the outermost object or
// array. The nodes are written to room while they fit. The error is a
// [*json.SyntaxError].
func ParseTree(room []Node, src []byte, levels int) (Tree, error) {
	start := skipSpace(src, 0)
	nodes, end := within(append(room[:0], Node{start: start}), src, start, 1, levels)
	if end < 0 || skipSpace(src, end) != len(src) {
		return nil, syntaxError(src)
	}
	nodes[0].end, nodes[0].next = end, len(nodes)
	return nodes, nil
}

// Root is the outermost value, a member without a key.
func (t Tree) Root(src []byte) Member { return t[0].member(src, 0) }

// In yields what is in an object or array of the tree. Elements are members without
// a key. Below the levels that were asked for there is nothing.
func (t Tree) In(src []byte, m Member) iter.Seq[Member] {
	return func(yield func(Member) bool) {
		for i := m.node + 1; i < t[m.node].next; i = t[i].next {
			if !yield(t[i].member(src, i)) {
				return
			}
		}
	}
}

// Object appends what is in an object or array of the tree to o[:0].
func (t Tree) Object(src []byte, o Object, m Member) Object {
	o = o[:0]
	for inner := range t.In(src, m) {
		o = append(o, inner)
	}
	return o
}

func (n *Node) member(src []byte, i int) Member {
	return Member{Quoted: src[n.key:n.keyEnd], Value: src[n.start:n.end], Offset: n.start, simple: n.simple, node: i}
}

// within appends the nodes within the value that begins at i to nodes, whose last is
// the value's own. It checks and skips the value as skipValue does.
func within(nodes []Node, s []byte, i, depth, levels int) ([]Node, int) {
	if i == len(s) || levels == 0 || s[i] != '{' && s[i] != '[' || depth > maxDepth {
		return nodes, skipValue(s, i, depth)
	}
	object := s[i] == '{'
	if i = skipSpace(s, i+1); i < len(s) && (s[i] == '}' && object || s[i] == ']' && !object) {
		return nodes, i + 1
	}
	for i < len(s) {
		n := Node{key: i, keyEnd: i}
		if object {
			if s[i] != '"' {
				return nodes, -1
			}
			if n.keyEnd, n.simple = skipKey(s, i); n.keyEnd < 0 {
				return nodes, -1
			}
			if i = skipSpace(s, n.keyEnd); i == len(s) || s[i] != ':' {
				return nodes, -1
			}
			i = skipSpace(s, i+1)
		}
		n.start = i
		at := len(nodes)
		if nodes, i = within(append(nodes, n), s, i, depth+1, levels-1); i < 0 {
			return nodes, -1
		}
		nodes[at].end, nodes[at].next = i, len(nodes)
		if i = skipSpace(s, i); i == len(s) {
			return nodes, -1
		}
		switch {
		case s[i] == ',':
			i = skipSpace(s, i+1)
		case s[i] == '}' && object || s[i] == ']' && !object:
			return nodes, i + 1
		default:
			return nodes, -1
		}
	}
	return nodes, -1
}
