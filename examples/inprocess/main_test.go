package main

// Example is the program and all that it prints.
func Example() {
	main()
	// Output:
	// web: attached with 10.30.0.1
	// stranger: plugin type="policy" failed (add): TEAM is missing (code 101)
	// the pool: map[10.30.0.1:web]
	// db: attached with 10.30.0.2
	// STATUS: no address is free
	// cache: plugin type="pool" failed (add): all addresses are taken (code 11)
	// the pool: map[]
	// plugin "mistaken" panicked: a bug
	// not-linked-in is no function here, and there is no program of that name either
}
