// Package invoke finds CNI plugins, runs them and says why one failed. Package libcni
// calls it; a runtime imports it to choose how plugins are run, and to read errors:
//
//	cni := libcni.New([]string{"/opt/cni/bin"}, libcni.Options{
//		Exec:     invoke.Limit(nil, 8),
//		Observer: invoke.LogObserver(slog.Default()),
//	})
//	_, err := cni.AddNetworkList(ctx, list, rt)
//	var failed *invoke.PluginError
//	if errors.As(err, &failed) && failed.Retryable() {
//		...
//	}
//
// It has everything that containernetworking/cni's package of the same name
// exports, with the same signatures. Beside that:
//
//   - [RawExec] runs a plugin as a process group of its own. When the context ends
//     the group gets SIGTERM, a grace period and SIGKILL, and the call returns,
//     whoever still holds the plugin's outputs. Outputs are bounded, standard error
//     is forwarded while the plugin runs.
//   - [Call] is one run of one plugin: who is called for what. Everything else in
//     the package that runs a plugin goes through [Call.Run].
//   - [PluginError] is what a failed run returns: the text that runtimes know, and
//     in its fields plugin, verb, network, container, exit status, signal and
//     standard error.
//   - [CheckResult] decides what counts as a result: it names the field of a reply
//     that would break its readers and leaves the bytes of a good one alone.
//   - [Observer] is told of every run; [LogObserver] writes it to log/slog.
//   - [Limit] bounds how many plugins run at once, [EnvPolicy] what they inherit.
//   - [InProcess] runs plugins that are linked in, [Loopback] is one.
//
// An [Exec] stands between the package and the processes, so that tests and
// runtimes can put their own in its place.
package invoke
