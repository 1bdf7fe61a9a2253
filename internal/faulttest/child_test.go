package faulttest

import "os"

// envChild names what a child process is to do: this test binary starts itself.
const envChild = "PENSTOCK_FAULT_CHILD"

// child runs the part of a child process, if this is one.
func child() bool {
	run := map[string]func(){}[os.Getenv(envChild)]
	if run == nil {
		return false
	}
	run()
	return true
}
