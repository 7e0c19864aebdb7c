package types

// Pod identifies a Kubernetes pod to plugins. Empty fields are not passed on.
type Pod struct {
	Namespace        string
	Name             string
	InfraContainerID string
	UID              string
}

// Args returns the arguments that Kubernetes' runtimes pass for a pod, in the
// order in which they do: IgnoreUnknown=1, so that plugins that know none of them
// do not fail, then K8S_POD_NAMESPACE, K8S_POD_NAME, K8S_POD_INFRA_CONTAINER_ID
// and K8S_POD_UID. They are not checked, see [Args.Validate].
func (p Pod) Args() Args {
	args := Args{{"IgnoreUnknown", "1"}}
	for _, pair := range [...][2]string{
		{"K8S_POD_NAMESPACE", p.Namespace},
		{"K8S_POD_NAME", p.Name},
		{"K8S_POD_INFRA_CONTAINER_ID", p.InfraContainerID},
		{"K8S_POD_UID", p.UID},
	} {
		if pair[1] != "" {
			args = append(args, pair)
		}
	}
	return args
}
