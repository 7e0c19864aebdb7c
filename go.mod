module github.com/cnikit/cnikit

go 1.25.0

require (
	github.com/Masterminds/semver/v3 v3.5.0
	github.com/containernetworking/cni v1.3.1
	github.com/fsnotify/fsnotify v1.10.1
	github.com/stretchr/testify v1.12.1
	golang.org/x/sys v0.46.0
)

require go.yaml.in/yaml/v3 v3.0.5 // indirect
