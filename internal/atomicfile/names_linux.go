package atomicfile

import "golang.org/x/sys/unix"

// readNames returns the names in an open directory and closes it. Package os makes a
// file of the directory first: a call of the system and 3 allocations more
// (BenchmarkNames).
func readNames(fd int) (names []string, err error) {
	defer closeOnce(&fd)
	var few [2 << 10]byte // as a rule pending/ has no more, and stacks are small
	buffer := few[:]
	for {
		var n int
		err := again(func() (err error) {
			n, err = unix.ReadDirent(fd, buffer)
			return err
		})
		if err != nil || n <= 0 {
			return names, err
		}
		_, _, names = unix.ParseDirent(buffer[:n], -1, names)
		if len(buffer) == len(few) && n > len(few)/2 {
			buffer = make([]byte, 32<<10)
		}
	}
}
