// Package e2e runs the plugins of containernetworking/plugins, for real, with two
// libraries in one run: the reference (github.com/containernetworking/cni/libcni) and
// cnikit's libcni. A step that goes wrong with both is the plugin's own quirk; one that
// goes wrong with cnikit alone is ours.
//
// Everything is in the tests. Each top-level test is one story and runs in a copy of the
// test binary of its own, inside fresh network and mount namespaces: without root where
// the story allows it. The plugins are built on the way; nothing has to be installed but
// iproute2, iptables, nftables and util-linux:
//
//	go -C internal/e2e test ./...
//
// On a machine that lacks one of these, or namespaces, the stories are skipped; under
// CI=true they fail instead. CNIKIT_E2E_PLUGINS names a directory of plugins built
// beforehand.
package e2e
