package main

import (
	"testing"

	"github.com/cnikit/cnikit/examples/internal/sandbox/sandboxtest"
)

func TestMultinet(t *testing.T) { sandboxtest.Run(t, "bridge", "host-local") }
