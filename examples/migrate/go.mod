module github.com/cnikit/cnikit/examples/migrate

go 1.25.0

require (
	github.com/cnikit/cnikit v0.0.0-00010101000000-000000000000
	github.com/containernetworking/cni v1.3.1
	github.com/stretchr/testify v1.12.1
)

require (
	github.com/Masterminds/semver/v3 v3.5.0 // indirect
	go.opentelemetry.io/otel v1.29.0 // indirect
	go.opentelemetry.io/otel/trace v1.29.0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/sys v0.46.0 // indirect
)

replace github.com/cnikit/cnikit => ../..
