// Package field asks the same of go-cni and of ocicni, on upstream's libcni, and of
// podnet, with the same plugins, and holds what README.md says of the three.
package field
