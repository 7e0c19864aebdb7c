// Package bench does the same work with upstream's libcni and with this library,
// in one process, and compares what it costs.
//
// [Rows] is the list of what is measured. Before a row is measured, both
// libraries must come to the same outcome and have asked the same of the plugins.
// The command internal/compat/cmd/ratio prints the table; the tests of this
// package check equality and allocations, which do not depend on the machine, and
// no time.
package bench
