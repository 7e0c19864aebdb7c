module github.com/cnikit/cnikit/internal/e2e

go 1.25.0

require (
	github.com/cnikit/cnikit v0.0.0-00010101000000-000000000000
	github.com/containernetworking/cni v1.3.1
	github.com/stretchr/testify v1.12.1
	golang.org/x/sys v0.46.0
)

require (
	github.com/Masterminds/semver/v3 v3.5.0 // indirect
	github.com/fsnotify/fsnotify v1.10.1 // indirect
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/spf13/cobra v1.9.1 // indirect
	github.com/spf13/pflag v1.0.6 // indirect
	github.com/vishvananda/netns v0.0.4 // indirect
	go.opentelemetry.io/otel v1.29.0 // indirect
	go.opentelemetry.io/otel/trace v1.29.0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
)

replace github.com/cnikit/cnikit => ../..

tool github.com/containernetworking/cni/cnitool
