// Package diff holds the differential tests: upstream's libcni and this
// library get the same configurations, the same plugins and the same calls, and
// whatever they do is compared: lists as loaded, environment and standard input
// of every plugin, results, record files, errors and their texts.
//
// A case in testdata/cases is a text file; case_test.go says how it is written.
// Where the libraries differ on purpose, DIFFERENCES.md at the top of the
// repository names the case (`diff:NAME`), and testdata/differences holds what
// differs in it, line by line. In all other cases nothing may.
package diff
