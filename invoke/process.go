package invoke

import "time"

const (
	// drainWait is how long others that hold a plugin's outputs may go on writing
	// after the plugin has exited: long enough for the last program of a pipeline
	// that the plugin's shell did not wait for.
	drainWait = 100 * time.Millisecond
	// killWait is how long a killed process is waited for. One that is stuck in
	// the kernel is left to the background.
	killWait = 500 * time.Millisecond
)
