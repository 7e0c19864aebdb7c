package invoke

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ErrPluginNotFound is what errors.Is finds when no directory has the plugin's
// binary. The error itself is a [*NotFoundError].
var ErrPluginNotFound = errors.New("plugin not found")

// NotFoundError says which plugin was looked for and where. errors.Is finds
// [ErrPluginNotFound] in it.
type NotFoundError struct {
	Plugin string   // name, the type of a plugin configuration
	Dirs   []string // directories searched, in order, all absolute
	// Reason is why a file of that name was not taken, nil when there is none: it
	// is a directory, a link that leads nowhere, or cannot be looked at.
	Reason error
	// Others are the other plugins of the network that are not there either, if they
	// were looked for.
	Others []string
}

// Error names the plugin and the directories, and Reason where there is one.
func (e *NotFoundError) Error() string {
	text := fmt.Sprintf("failed to find plugin %q in path %s", e.Plugin, e.Dirs)
	if e.Reason != nil {
		text += ": " + e.Reason.Error()
	}
	return text
}

// Format writes the text, and for %+v what to do about it.
func (e *NotFoundError) Format(f fmt.State, verb rune) {
	switch {
	case verb == 'q':
		fmt.Fprintf(f, "%q", e.Error())
	case verb == 'v' && f.Flag('+'):
		fmt.Fprintf(f, "%s\n    %-10s %s", e.Error(), "to do:", e.toDo("", ""))
	default:
		_, _ = io.WriteString(f, e.Error())
	}
}

// toDo is for the verb on the network, as far as they are known.
func (e *NotFoundError) toDo(command, network string) string {
	install := "install it in "
	if again(command) {
		install = "install it again in "
	}
	where := "name the directory that has it in the plugin path"
	if len(e.Dirs) > 0 {
		where = install + strings.Join(e.Dirs, " or ") + ", or " + where
	}
	if again(command) {
		where += ": " + command + sameAsAdd
	} else {
		where += `, or correct the "type" in ` + configuration(network)
	}
	if len(e.Others) > 0 {
		where += "; missing as well: " + strings.Join(e.Others, ", ")
	}
	return where
}

// Is reports whether target is ErrPluginNotFound.
func (e *NotFoundError) Is(target error) bool { return target == ErrPluginNotFound }

// Unwrap returns Reason.
func (e *NotFoundError) Unwrap() error { return e.Reason }

// FindInPath returns the path of the named plugin: the first executable file of
// that name in the directories, in their order; when none of them is executable,
// the first regular file, so that running it says what is wrong with it. The path
// is always absolute: relative directories are taken from the working directory,
// empty ones are not looked at.
//
// When nothing is there the error is a [*NotFoundError]. An empty name, one with a
// slash or a backslash, on every system, and an empty list of directories are
// errors too, and no NotFoundError.
func FindInPath(plugin string, paths []string) (string, error) {
	if plugin == "" {
		return "", errors.New("no plugin name provided")
	}
	if strings.ContainsAny(plugin, "/\\\x00") {
		return "", fmt.Errorf("invalid plugin name: %s", plugin)
	}
	if len(paths) == 0 {
		return "", errors.New("no paths provided")
	}
	dirs, err := SearchDirs(paths)
	if err != nil {
		return "", err
	}
	fallback := ""
	for _, dir := range dirs {
		for _, ext := range ExecutableFileExtensions {
			path := filepath.Join(dir, plugin) + ext
			info, err := os.Stat(path)
			switch {
			case err != nil || !info.Mode().IsRegular():
			case executable(info):
				return path, nil
			case fallback == "":
				fallback = path
			}
		}
	}
	if fallback != "" {
		return fallback, nil
	}
	return "", &NotFoundError{Plugin: plugin, Dirs: dirs, Reason: whyNot(plugin, dirs)}
}

// SearchDirs returns the directories of a plugin path as they are searched and as
// CNI_PATH should name them to plugins: absolute and without empty entries. An
// empty or relative entry in CNI_PATH makes a plugin that delegates run whatever
// $PATH or its working directory has. It fails only when the working directory is
// needed and unknown.
func SearchDirs(paths []string) ([]string, error) {
	dirs := make([]string, 0, len(paths))
	for _, path := range paths {
		if path == "" {
			continue
		}
		if !filepath.IsAbs(path) {
			abs, err := filepath.Abs(path)
			if err != nil {
				return nil, fmt.Errorf("plugin path %q is relative: %w", path, err)
			}
			path = abs
		}
		dirs = append(dirs, path)
	}
	return dirs, nil
}

// whyNot looks for a file that has the plugin's name and is nothing to run.
func whyNot(plugin string, dirs []string) error {
	for _, dir := range dirs {
		for _, ext := range ExecutableFileExtensions {
			path := filepath.Join(dir, plugin) + ext
			info, err := os.Stat(path)
			switch {
			case err == nil && info.IsDir():
				return fmt.Errorf("%s is a directory", path)
			case err == nil:
				return fmt.Errorf("%s is not a regular file", path)
			case !errors.Is(err, fs.ErrNotExist):
				return err
			}
			if _, err := os.Lstat(path); err == nil {
				return fmt.Errorf("%s is a link that leads nowhere", path)
			}
		}
	}
	return nil
}
