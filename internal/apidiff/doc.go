// Package apidiff holds the test that the exported API of this module includes
// the one it stands in for. It has no code outside of the test.
package apidiff
