// Package compat proves that github.com/cnikit/cnikit stands in for
// github.com/containernetworking/cni. It is a module of its own, which the
// library never imports:
//
//   - alias generates a module named like upstream's whose libcni and
//     pkg/invoke are this library;
//   - suites runs upstream's own tests, and those of go-cni, against it;
//   - diff gives both libraries the same lists and plugins and compares what
//     each does with them;
//   - gocni asks the same of go-cni and of podnet, as README.md tells;
//   - bench measures both libraries side by side.
//
// README.md tells how to use the alias module for a program of one's own.
package compat
