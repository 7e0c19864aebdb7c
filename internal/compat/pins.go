//go:build pins

package compat

// What is built or run from its source, though no package here imports it:
// these lines keep the versions in go.mod.
import (
	_ "github.com/cnikit/cnikit"
	_ "github.com/containerd/go-cni"
)
