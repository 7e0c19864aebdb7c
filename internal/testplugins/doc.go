// Package testplugins pins the CNI plugins that the end-to-end tests run: all of
// github.com/containernetworking/plugins that builds on Linux. It holds no code; its
// module's tool directives name the plugins, and
//
//	go -C internal/testplugins build -o DIR/ tool
//
// puts their binaries into DIR (about half a minute from cold, a third of a second
// afterwards). The module is nested so that the plugins' requirements never raise the
// versions that programs importing cnikit get.
package testplugins
