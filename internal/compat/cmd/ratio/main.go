// Ratio measures this library beside upstream and prints a table:
//
//	go -C internal/compat run ./cmd/ratio [-scale] [-rounds n] [-slice time] [regexp]
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"time"

	"github.com/cnikit/cnikit/internal/compat/bench"
)

func main() {
	rounds := flag.Int("rounds", 9, "how often the libraries take turns")
	slice := flag.Duration("slice", 40*time.Millisecond, "how long a turn is")
	scale := flag.Bool("scale", false, "measure a little beside a lot instead")
	flag.Parse()
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
