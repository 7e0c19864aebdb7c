// Ratio measures this library beside upstream and prints a table:
//
//	go -C internal/compat run ./cmd/ratio [-scale] [-rounds n] [-slice time] [regexp]
//	go -C internal/compat run ./cmd/ratio -callers n [-rounds n]
//
// The columns: time and allocations of one operation, upstream's and this library's;
// how many times as fast this library is (the median of neighbouring slices, which
// is not quite the quotient of the times); how many times as fast it is to be at
// least, and aims to be. "below least": that is not reached in this run. All figures
// are of one machine and one run, and on a busy one they differ from run to run; only
// the allocations are held by a test (internal/compat/bench).
//
// The second form has a process of its own for each library, in which n callers
// attach containers at once, and tells its threads and memory too.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"time"

	"github.com/cnikit/cnikit/internal/compat/bench"
)

func main() {
	rounds := flag.Int("rounds", 9, "how often the libraries take turns")
	slice := flag.Duration("slice", 40*time.Millisecond, "how long a turn is")
	scale := flag.Bool("scale", false, "measure a little beside a lot instead")
	callers := flag.Int("callers", 0, "measure that many callers at once instead")
	as := flag.String("as", "", "the `library` that they call (for the processes started here)")
	flag.Parse()
	if *callers > 0 {
		if err := burst(*as, *callers, *rounds); err != nil {
			fmt.Fprintln(os.Stderr, "ratio:", err)
			os.Exit(1)
		}
		return
	}
	rows := bench.Rows()
	if *scale {
		rows = bench.Scale()
	}
	if err := run(rows, *rounds, *slice, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "ratio:", err)
		os.Exit(1)
	}
}

func run(rows []*bench.Row, rounds int, slice time.Duration, pattern string) error {
	only, err := regexp.Compile(pattern)
	if err != nil {
		return err
	}
	b, err := bench.New()
	if err != nil {
		return err
	}
	defer b.Close()
	const format = "%-38s %11s %11s %8s %8s %7s %6s %6s  %s\n"
	fmt.Println("Time and allocations of one operation, on this machine, in this run; ratio: how many")
	fmt.Println("times as fast cnikit is; least, aim: how many times as fast it is to be. Figures differ")
	fmt.Println("from run to run, those of a busy machine much: \"below least\" once means little.")
	fmt.Println()
	fmt.Printf(format, "", "upstream", "cnikit", "allocs", "allocs", "ratio", "least", "aim", "")
	fmt.Printf(format, "", "", "", "upstream", "cnikit", "", "", "", "")
	for _, row := range rows {
		if !only.MatchString(row.Name) {
			continue
		}
		m, err := b.Measure(row, rounds, slice)
		if errors.Is(err, bench.ErrNoCompiler) {
			fmt.Printf("%-38s %v\n", row.Name, err)
			continue
		}
		if err != nil {
			return err
		}
		short := ""
		if m.Ratio < row.Least {
			short = "below least"
		}
		least, aim := "", ""
		if row.Least > 0 {
			least, aim = fmt.Sprintf("%gx", row.Least), fmt.Sprintf("%gx", row.Aim)
		}
		fmt.Printf(format, row.Name, micros(m.Time[0]), micros(m.Time[1]),
			fmt.Sprintf("%.0f", m.Allocs[0]), fmt.Sprintf("%.0f", m.Allocs[1]),
			fmt.Sprintf("%.2fx", m.Ratio), least, aim, short)
	}
	return nil
}

func micros(d time.Duration) string { return fmt.Sprintf("%.1f us", float64(d)/1e3) }

func burst(library string, callers, rounds int) error {
	if library == "" {
		fmt.Printf("%-10s %10s %10s %12s\n", "", "ADDs/s", "threads", "peak MiB")
		for _, library := range []string{"upstream", "cnikit"} {
			cmd := exec.Command(os.Args[0], append([]string{"-as", library}, os.Args[1:]...)...)
			cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
			if err := cmd.Run(); err != nil {
				return err
			}
		}
		return nil
	}
	b, err := bench.New()
	if err != nil {
		return err
	}
	defer b.Close()
	m, err := b.Burst(library, callers, rounds)
	if err != nil {
		return err
	}
	fmt.Printf("%-10s %10.0f %10d %12.1f\n", library, m.PerSecond, m.Threads, float64(m.PeakKiB)/1024)
	return nil
}
