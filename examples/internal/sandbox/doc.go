// Package sandbox lets an example run real plugins on a machine of its own: a copy
// of the program that is root in fresh user, mount and network namespaces. Nobody
// has to be root for it, and nothing of the real machine is touched. It works on
// Linux.
package sandbox
