// Package cnikit is the root of a library for container runtimes that attach
// containers to networks with plugins of the Container Network Interface.
//
// It holds no code of its own. A runtime imports
//
//   - [github.com/cnikit/cnikit/libcni] to load network configurations and run
//     ADD, CHECK, DEL, GC, STATUS and VERSION on them,
//   - [github.com/cnikit/cnikit/libcni/podnet], on top of it, to attach containers
//     to several networks with order, rollback and recovery after a crash,
//   - [github.com/cnikit/cnikit/invoke] to decide how a plugin is run, and to
//     read from an error why one failed,
//   - [github.com/cnikit/cnikit/types] and [github.com/cnikit/cnikit/version]
//     for the specification's data.
//
// The exported API of libcni, invoke and version is that of
// github.com/containernetworking/cni v1.3.1, and so are the files on disk:
// changing the import path is a migration. README.md shows the first program,
// ARCHITECTURE.md the way through the code, DIFFERENCES.md every behaviour that
// differs on purpose.
package cnikit
