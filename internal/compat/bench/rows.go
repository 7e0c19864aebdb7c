package bench

import "fmt"

// Rows returns what is measured.
func Rows() []*Row {
	var rows []*Row
	verb := func(name string, setup func(int) func(*Bench, string, library) (*op, error), least, aim, allocs [3]float64) {
		for i, plugins := range []int{1, 3, 8} {
			s := "s"
			if plugins == 1 {
				s = ""
			}
			rows = append(rows, &Row{fmt.Sprintf("%s, %d plugin%s", name, plugins, s), least[i], aim[i], allocs[i], setup(plugins)})
		}
	}
	verb("ADD", addRow, [3]float64{2.5, 5, 8}, [3]float64{3.5, 8, 12}, [3]float64{74, 84, 108})
	verb("CHECK", checkRow, [3]float64{6, 10, 15}, [3]float64{10, 18, 30}, [3]float64{40, 49, 67})
	verb("DEL", delRow, [3]float64{4, 8, 12}, [3]float64{6, 12, 20}, [3]float64{51, 60, 78})
	return append(rows,
		&Row{"NetworkConfFromBytes, 3 plugins", 5, 8, 21, parseRow},
		&Row{"LoadNetworkConf, 1 file", 1.5, 1.5, 0, loadRow(1)},
		&Row{"LoadNetworkConf, 10 files", 2.5, 2.5, 0, loadRow(10)},
		&Row{"LoadNetworkConf, 100 files", 3, 3, 0, loadRow(100)},
		&Row{"list 1,000 records", 2, 3, 0, listRow(1000, false)},
		&Row{"list 1,000 records, by container", 1.2, 1.2, 0, listRow(1000, true)},
		&Row{"GC, 1,000 records, none stale", 20, 50, 0, gcRow(1000)},
		&Row{"RawExec, static C plugin", 1, 1.2, 0, processRow("c")},
		&Row{"RawExec, Go plugin", 1, 1, 0, processRow("go")},
		&Row{"ADD by 64 callers at once", 1.3, 1.3, 0, burstRow(64, limit)},
		&Row{"ADD by 256 callers at once", 1.5, 1.5, 0, burstRow(256, limit)},
	)
}

// Scale returns rows of the same work on a little and on a lot: ten times as much
// should take ten times as long, and one thing among many no longer than alone.
func Scale() []*Row {
	row := func(name string, setup func(*Bench, string, library) (*op, error)) *Row {
		return &Row{Name: name, setup: setup}
	}
	return []*Row{
		row("ADD, 8 plugins", addRow(8)),
		row("ADD, 32 plugins", addRow(32)),
		row("LoadNetworkConf, 100 files", loadRow(100)),
		row("LoadNetworkConf, 1,000 files", loadRow(1000)),
		row("list 1,000 records", listRow(1000, false)),
		row("list 10,000 records", listRow(10000, false)),
		row("list 10,000 records, by container", listRow(10000, true)),
		row("GC, 1,000 records, none stale", gcRow(1000)),
		row("GC, 10,000 records, none stale", gcRow(10000)),
		row("GC, 100 records, all stale", staleRow(100)),
		row("GC, 1,000 records, all stale", staleRow(1000)),
		row("GC, 10,000 records, all stale", staleRow(10000)),
		row("ADD and DEL, 3 plugins, alone", amongRow(0)),
		row("ADD and DEL, 3 plugins, among 10,000", amongRow(10000)),
	}
}

// limit is how many plugins run at a time here when many callers ask for one.
const limit = 8
