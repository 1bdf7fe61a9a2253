package main

import "runtime/debug"

// version of a module that this program is built with, with a space before it.
func version(module string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, m := range info.Deps {
		if m.Path == module {
			return " " + m.Version
		}
	}
	return ""
}
