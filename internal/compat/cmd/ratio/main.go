// Ratio measures this library beside upstream and prints a table:
//
//	go -C internal/compat run ./cmd/ratio [-scale] [-rounds n] [-slice time] [regexp]
//	go -C internal/compat run ./cmd/ratio -callers n [-rounds n]
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
	fmt.Printf(format, "", "upstream", "cnikit", "allocs", "allocs", "ratio", "least", "aim", "")
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
			short = "short of it"
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
