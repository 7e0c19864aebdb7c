// Package gocni asks the same of go-cni, on upstream's libcni, and of podnet, with
// the same plugins, and holds what README.md says of the two.
package gocni
