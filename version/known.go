package version

// known are the released versions of the specification, in order. Everything
// about one of them is found by its place in this table.
var known = [...]struct {
	text                string
	major, minor, micro int
}{
	{"0.1.0", 0, 1, 0},
	{"0.2.0", 0, 2, 0},
	{"0.3.0", 0, 3, 0},
	{"0.3.1", 0, 3, 1},
	{"0.4.0", 0, 4, 0},
	{"1.0.0", 1, 0, 0},
	{"1.1.0", 1, 1, 0},
}

// current is the newest version in known.
const current = "1.1.0"

// Current returns the newest version of the specification that this library
// speaks, 1.1.0.
func Current() string { return current }

// Known reports whether v is one of the seven released versions 0.1.0, 0.2.0,
// 0.3.0, 0.3.1, 0.4.0, 1.0.0 and 1.1.0, however it is written: "" and "1.1" are
// known. It is false for versions newer than those, for versions between them and
// for texts that are no version.
func Known(v string) bool {
	if v == "" || rank(v) >= 0 {
		return true
	}
	major, minor, micro, err := parse(v)
	if err != nil {
		return false
	}
	for _, k := range known {
		if k.major == major && k.minor == minor && k.micro == micro {
			return true
		}
	}
	return false
}

// rank returns the place of v in known if it is written exactly so, or -1. Every
// version that is met in practice is answered here, without parsing and without
// allocating.
func rank(v string) int {
	switch v {
	case "0.1.0":
		return 0
	case "0.2.0":
		return 1
	case "0.3.0":
		return 2
	case "0.3.1":
		return 3
	case "0.4.0":
		return 4
	case "1.0.0":
		return 5
	case "1.1.0":
		return 6
	}
	return -1
}

// supported returns the texts of known, in order. The slice is the caller's.
func supported() []string {
	list := make([]string, 0, len(known))
	for _, k := range known {
		list = append(list, k.text)
	}
	return list
}
