package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/cnikit/cnikit/invoke"
	"github.com/cnikit/cnikit/libcni"
)

// A step is one plugin that a verb would run.
type step struct {
	Plugin  string          `json:"plugin"`
	Path    string          `json:"path,omitempty"`
	Error   string          `json:"error,omitempty"` // why there is no path
	Environ []string        `json:"environ"`
	Stdin   json.RawMessage `json:"stdin"`
}

// explain shows what each plugin would get, in the order of their runs, as
// commands for a shell. The white space of the requests is for the reader; with
// --json they are as plugins get them, but for the white space around.
func (t *tool) explain(_ context.Context, args []string) error {
	request := libcni.PlanRequest{Command: strings.ToUpper(args[0])}
	onInterface := slices.Contains([]string{"ADD", "CHECK", "DEL"}, request.Command)
	if !onInterface && request.Command != "GC" && request.Command != "STATUS" {
		return usageError{fmt.Errorf("explain: no verb %q: only add, check, del, gc and status", args[0]), "explain"}
	}
	if onInterface && len(args) < 3 {
		return usageError{fmt.Errorf("explain %s: which network namespace?", args[0]), "explain"}
	}
	list, rt, err := t.target(args[1:])
	if err != nil {
		return err
	}
	request.List = list
	match := libcni.AttachmentKey{Network: list.Name}
	if onInterface {
		t.argumentsOfAdd(request.Command, list, rt)
		request.Runtime = rt
		match.ContainerID, match.IfName = rt.ContainerID, rt.IfName
	}
	recorded, err := t.cni().Attachments(match)
	if err != nil {
		t.warn(err)
	}
	if len(recorded) > 0 && (request.Command == "CHECK" || request.Command == "DEL") {
		request.PrevResult = recorded[0].Result
	}
	calls, err := t.cni().Plan(request)
	if err != nil {
		return err
	}
	steps := make([]step, len(calls))
	for i, c := range calls {
		steps[i] = step{Plugin: c.Plugin, Environ: c.Environ, Stdin: c.Stdin}
		if steps[i].Path, err = invoke.FindInPath(c.Plugin, t.pluginDirs()); err != nil {
			steps[i].Error = err.Error()
		}
	}
	if t.json {
		return t.print(steps)
	}
	t.note(request, recorded, steps)
	for i := range steps {
		if err := t.explainStep(i, &steps[i]); err != nil {
			return err
		}
	}
	return nil
}

// note says what cannot be seen in the steps.
func (t *tool) note(request libcni.PlanRequest, recorded []*libcni.Attachment, steps []step) {
	say := func(format string, args ...any) { fmt.Fprintf(t.stdout, "# "+format+"\n", args...) }
	switch {
	case request.Command == "GC" && len(recorded) > 0:
		say("First a DEL of each recorded attachment, with the configuration of its ADD:")
		for _, a := range recorded {
			say("  %s %s", a.ContainerID, a.IfName)
		}
	case (request.Command == "CHECK" || request.Command == "DEL") && len(recorded) == 0:
		say("There is no record of this attachment: no prevResult.")
	case request.Command == "ADD" && len(steps) > 1:
		say("Each plugin but the first also gets prevResult: what the one before it replied.")
	}
	if len(steps) == 0 {
		say("No plugin is run: the network's version has no %s, or its configuration disables it.", request.Command)
	}
}

func (t *tool) explainStep(i int, s *step) error {
	ours, inherited := []string{}, 0
	for _, variable := range s.Environ {
		name, value, _ := strings.Cut(variable, "=")
		if os.Getenv(name) == value && !strings.HasPrefix(name, "CNI_") {
			inherited++ // a shell passes it on as well
			continue
		}
		ours = append(ours, assign(name, value))
	}
	var stdin bytes.Buffer
	if err := json.Indent(&stdin, s.Stdin, "", "  "); err != nil {
		return err
	}
	name, path := s.Plugin, s.Path
	if path == "" {
		name, path = s.Error, s.Plugin
	}
	_, err := fmt.Fprintf(t.stdout, "\n# %d. %s; beside these, %d variables of this environment\n%s \\\n  %s <<'EOF'\n%s\nEOF\n",
		i+1, name, inherited, strings.Join(ours, " \\\n"), quote(path), &stdin)
	return err
}
